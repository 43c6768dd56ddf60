"""How each lane stands right now, as the throttle keeps it in Redis, for whoever wants to look.

Owns: the names of the throttle's keys and a client for them; the throttle itself is the worker's.
Promises: looking changes nothing; ``clear`` lets a lane go on at its full limit at once.
Fails: ``redis.RedisError`` while Redis is away.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

import redis
from django.conf import settings

from dongtai_mail.delivery import providers
from dongtai_mail.delivery.models import Mailing, Tally

ANSWER_SECONDS = 10.0
PREFIX = "dongtai:lane:"
MAILING = "dongtai:mailing:"


@dataclass(frozen=True, slots=True)
class Pace:
    """How a lane stands: ``factor`` of its limit, and until when (Unix) and why it is paused."""

    factor: float = 1.0
    paused_until: float = 0.0
    reason: str = ""

    @property
    def paused_for(self) -> float:
        """Seconds until it goes on; 0 when it isn't paused."""
        return max(0.0, self.paused_until - time.time())


def client(url: str | None = None) -> redis.Redis:
    """A client for everything that is not on the path of every message."""
    plain = (url or settings.REDIS_URL).replace("redis+socket://", "unix://", 1)
    return redis.Redis.from_url(plain, socket_timeout=ANSWER_SECONDS)


def key(lane: str) -> str:
    """Where the throttle keeps a lane."""
    return f"{PREFIX}{lane or '*'}"


def mailing_key(mailing_id: int) -> str:
    """Where the throttle keeps the pace of a mailing with a cap of its own."""
    return f"{MAILING}{mailing_id}"


def paces(client: redis.Redis, lanes: Collection[str]) -> dict[str, Pace]:
    """How these lanes stand, by one question to Redis."""
    with client.pipeline(transaction=False) as pipeline:
        for lane in lanes:
            pipeline.hmget(key(lane), "factor", "paused", "reason")
        return {
            lane: _pace(*map(_text, state))
            for lane, state in zip(lanes, pipeline.execute(), strict=True)
        }


def _pace(factor: str, paused: str, reason: str) -> Pace:
    return Pace(float(factor or 1), float(paused or 0), reason)


def _text(value: bytes | str | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""


def clear(client: redis.Redis, lane: str) -> None:
    """Staff know better: forget what slowed this lane down."""
    client.delete(key(lane))


def lanes() -> list[str]:
    """Every lane worth showing: those with a limit, and those of mailings under way."""
    under_way = Mailing.objects.exclude(
        state__in=(Mailing.State.FINISHED, Mailing.State.CANCELLED)
    ).values("pk")
    used = Tally.objects.filter(mailing__in=under_way).values_list("lane", flat=True).distinct()
    limited = list(providers.limits())
    others = sorted(set(used.order_by()) - set(limited) - {""})
    return [*limited, *others, ""]
