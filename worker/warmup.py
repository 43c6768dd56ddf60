"""The warm-up of a new relay: what each was given of what its day allows (``delivery.warmup``).

Owns: the count of what each relay was given for each lane today, in Redis, shared by all workers.
Promises: reservations are one script, so workers together never pass a cap; what was reserved and
not used comes back. A crash keeps its reservations until midnight.
Fails: ``redis.RedisError`` while Redis is away.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import redis
from django.utils import timezone

from dongtai_mail.delivery.warmup import Tables, cap, tables
from dongtai_mail.environment import Relay

KEEP_SECONDS = 3 * 24 * 3600

_RESERVE = """
local used = math.max(0, tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0))
local grant = math.max(0, math.min(tonumber(ARGV[2]), tonumber(ARGV[3]) - used))
redis.call('HSET', KEYS[1], ARGV[1], used + grant)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return grant
"""


class Warmup:
    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._known: Tables = {}
        self._reserve = client.register_script(_RESERVE)

    def refresh(self) -> None:
        """Heed what staff have changed."""
        self._known = tables()

    def reserve(self, relay: Relay, lane: str, want: int) -> int | None:
        """How many messages may go over this relay now; None for as many as one likes."""
        today = timezone.localdate()
        most = cap(relay, lane, today, self._known)
        if most is None:
            return None
        return int(self._reserve([_key(today)], [_field(relay, lane), want, most, KEEP_SECONDS]))

    def give_back(self, relay: Relay, lane: str, unused: int) -> None:
        if unused:
            self._client.hincrby(_key(timezone.localdate()), _field(relay, lane), -unused)

    def room(self, relays: Sequence[Relay], lane: str) -> int | None:
        """What the relays together may still be given for a lane today; None without end."""
        today = timezone.localdate()
        caps = [cap(relay, lane, today, self._known) for relay in relays]
        if None in caps:
            return None
        used = self._client.hmget(_key(today), [_field(relay, lane) for relay in relays])
        left = (
            most - max(0, int(given or 0))
            for most, given in zip(caps, used, strict=True)
            if most is not None
        )
        return sum(max(0, each) for each in left)


def _key(today: datetime.date) -> str:
    return f"dongtai:warmup:{today}"


def _field(relay: Relay, lane: str) -> str:
    return f"{relay.name} {lane or '*'}"
