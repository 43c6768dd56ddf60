"""What this process tells of itself: messages by relay, batches and how long they took."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import redis

from dongtai_mail.delivery import gauges
from dongtai_mail.delivery.gauges import RelayStanding
from dongtai_mail.delivery.queue import Outcome
from dongtai_mail.message.reply import classify


class Report:
    """Collects in memory; ``send`` is for every tick."""

    def __init__(self, client: redis.Redis, worker: str) -> None:
        self._client = client
        self._worker = worker
        self._counts: dict[str, float] = defaultdict(float)
        self._begun: dict[int, float] = {}

    def begun(self, batch_id: int) -> None:
        self._begun[batch_id] = time.monotonic()

    def ended(self, batch_ids: Iterable[int]) -> None:
        now = time.monotonic()
        for batch_id in batch_ids:
            self._counts["batches"] += 1
            self._counts["batch seconds"] += now - self._begun.pop(batch_id, now)

    def count(self, outcomes: Iterable[Outcome]) -> None:
        answered = ((each.relay, each.reply) for each in outcomes if each.relay and each.reply)
        for (relay, verdict), number in Counter(
            (relay, classify(reply)) for relay, reply in answered
        ).items():
            self._counts[f"relay {relay} {verdict}"] += number

    def send(self, standings: Mapping[str, RelayStanding]) -> None:
        gauges.tell(self._client, self._worker, self._counts, standings)
        self._counts.clear()
