"""What workers tell of themselves through Redis, for metrics and the desk; never for decisions.

Owns: the counts of messages by relay and of batches with their seconds, summed over all workers,
each living worker's view of its relays, and how many messages of each mailing and lane were
accepted in the last minutes. Promises: losing all of it loses no delivery.
Fails: ``redis.RedisError`` while Redis is away.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import redis

from dongtai_mail.delivery.queue import Queued

COUNTS = "dongtai:counts"
WORKER = "dongtai:worker:"
# A worker that has told nothing for so long is not counted.
LIVES_SECONDS = 30
ACCEPTED = "dongtai:accepted:"
# Acceptances are counted by so many seconds; a rate is taken from so many of these.
STEP_SECONDS, STEPS = 10, 6


@dataclass(frozen=True, slots=True)
class RelayStanding:
    """One relay as one worker sees it."""

    sessions: int
    fit: bool


@dataclass(frozen=True, slots=True)
class Told:
    """``counts`` by their names; ``workers`` by theirs, with their relays."""

    counts: dict[str, float] = field(default_factory=dict)
    workers: dict[str, dict[str, RelayStanding]] = field(default_factory=dict)


def tell(
    client: redis.Redis,
    worker: str,
    counts: Mapping[str, float],
    standings: Mapping[str, RelayStanding],
) -> None:
    """Add to the counts, and say how this worker's relays stand now."""
    key = f"{WORKER}{worker}"
    with client.pipeline(transaction=True) as pipeline:
        for name, number in counts.items():
            pipeline.hincrbyfloat(COUNTS, name, number)
        pipeline.delete(key)
        for relay, standing in standings.items():
            pipeline.hset(key, relay, f"{standing.sessions} {int(standing.fit)}")
        pipeline.expire(key, LIVES_SECONDS)
        pipeline.execute()


def tell_accepted(client: redis.Redis, accepted: Mapping[Queued, int]) -> None:
    """Add what was accepted since the last time."""
    step = int(time.time()) // STEP_SECONDS
    with client.pipeline(transaction=False) as pipeline:
        for of, number in accepted.items():
            key = f"{ACCEPTED}{of.mailing_id}:{step}"
            pipeline.hincrby(key, of.lane or "*", number)
            pipeline.expire(key, STEP_SECONDS * (STEPS + 2))
        pipeline.execute()


def rates(client: redis.Redis, mailing_id: int) -> dict[str, float]:
    """Acceptances a minute in each lane of a mailing, over the last minute or since it began."""
    now = int(time.time()) // STEP_SECONDS
    with client.pipeline(transaction=False) as pipeline:
        for step in range(now - STEPS, now + 1):
            pipeline.hgetall(f"{ACCEPTED}{mailing_id}:{step}")
        *steps, current = pipeline.execute()
    while steps and not steps[0]:
        steps.pop(0)
    sums: Counter[str] = Counter()
    for step in steps or [current]:
        sums.update({_text(lane): int(number) for lane, number in step.items()})
    minutes = max(1, len(steps)) * STEP_SECONDS / 60
    return {lane.replace("*", ""): number / minutes for lane, number in sums.items()}


def told(client: redis.Redis) -> Told:
    """What all workers have told."""
    counts = {name: float(number) for name, number in _hash(client, COUNTS).items()}
    workers = {}
    for key in client.scan_iter(f"{WORKER}*", count=1000):
        name = key.decode()
        relays = _hash(client, name)
        workers[name.removeprefix(WORKER)] = {
            relay: _standing(*text.split()) for relay, text in relays.items()
        }
    return Told(counts, workers)


def _hash(client: redis.Redis, key: str) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in client.hgetall(key).items()}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _standing(sessions: str, fit: str) -> RelayStanding:
    return RelayStanding(int(sessions), fit == "1")
