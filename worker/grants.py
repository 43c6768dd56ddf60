"""How much may be begun for a lane now: the providers' limits, a mailing's own cap, the warm-up.

Promises: what one limit grants and another refuses is given back; a lane that gets nothing is left
alone until there may be something for it. Fails: ``redis.RedisError`` while Redis is away.
"""

from __future__ import annotations

import time

import redis
from django.conf import settings

from dongtai_mail.delivery import mailings, pace, providers
from dongtai_mail.delivery.providers import OTHERS, Limit
from dongtai_mail.delivery.queue import Queued
from worker.throttle import Throttle
from worker.warmup import Warmup

# A limit that staff change holds within seconds, so nothing is waited for longer than that.
LONGEST_REST = 5.0
# A claim costs as much as sending a few messages, and two processes are the fewest to share.
SHARES, LEAST_SHARE = 2, 100


def share(key: Queued) -> int:
    """How many deliveries to claim at once: a whole batch, and less as the lane runs out.

    So all processes, whose number nobody knows, end at about the same time.
    """
    batch: int = settings.BATCH_SIZE
    return min(batch, max(LEAST_SHARE, -(-key.left // SHARES)))


class Grants:
    def __init__(self, client: redis.Redis) -> None:
        self.warmup = Warmup(client)
        self._throttle = Throttle(client)
        self._limits: dict[str, Limit] = {}
        # Monotonic time, by lane.
        self._not_before: dict[str, float] = {}
        # The same for a mailing in its lane: its trouble is not that of the others there.
        self._held: dict[Queued, float] = {}

    def refresh(self) -> None:
        """Heed what staff have changed."""
        self._limits = providers.limits()
        self.warmup.refresh()
        now = time.monotonic()
        self._held = {key: until for key, until in self._held.items() if until > now}

    def limit(self, lane: str) -> Limit:
        return self._limits.get(lane, OTHERS)

    def rest(self, lane: str, seconds: float) -> None:
        self._not_before[lane] = time.monotonic() + min(seconds, LONGEST_REST)

    def hold(self, key: Queued, seconds: float) -> None:
        self._held[key] = time.monotonic() + seconds

    def rests(self, key: Queued) -> bool:
        until = max(self._not_before.get(key.lane, 0.0), self._held.get(key, 0.0))
        return time.monotonic() < until

    def permits(self, key: Queued) -> int:
        """How many deliveries may be claimed."""
        size = share(key)
        room = self.warmup.room(settings.RELAYS, key.lane)
        if room == 0:
            self.rest(key.lane, LONGEST_REST)
            mailings.remark(key.mailing_id, "新中继还在预热，今天的量已发完，其余明天继续。")
            return 0
        size = size if room is None else min(size, room)
        if key.per_minute is None:
            return self._of_lane(key.lane, size)
        allowed, _ = self._throttle.mailing_permits(key.mailing_id, size, key.per_minute)
        granted = self._of_lane(key.lane, allowed) if allowed else 0
        if granted < allowed:
            self._throttle.give_back(pace.mailing_key(key.mailing_id), allowed - granted)
        return granted

    def give_back(self, key: Queued, count: int) -> None:
        """Return what was permitted and came to nothing."""
        if key.per_minute is not None:
            self._throttle.give_back(pace.mailing_key(key.mailing_id), count)
        if self.limit(key.lane).per_minute is not None:
            self._throttle.give_back(pace.key(key.lane), count)

    def _of_lane(self, lane: str, size: int) -> int:
        granted, wait = self._throttle.permits(lane, size, self.limit(lane))
        if not granted:
            self.rest(lane, wait)
        return granted

    def slots(self, lane: str, worker: str, want: int) -> int:
        """How many sessions this worker may have at work for a lane."""
        return self._throttle.slots(lane, worker, want, self.limit(lane))

    def slower(self, provider: str, words: str) -> float:
        """Slow down for a provider that complains; answers how long it is paused, 0 if it was."""
        return self._throttle.slower(provider, words)
