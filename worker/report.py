"""What this process tells of itself: messages by relay, batches and how long they took."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import redis

from dongtai_mail.delivery import gauges
from dongtai_mail.delivery.gauges import RelayStanding
from dongtai_mail.delivery.queue import Outcome, Queued
from dongtai_mail.logs import event
from dongtai_mail.message.reply import Verdict, classify

logger = logging.getLogger(__name__)


@dataclass
class _Batch:
    """A batch in hand: whose it is, since when, and what became of how many."""

    of: Queued
    began: float = field(default_factory=time.monotonic)
    became: Counter[str] = field(default_factory=Counter)


class Report:
    """Collects in memory; ``send`` is for every tick."""

    def __init__(self, client: redis.Redis, worker: str) -> None:
        self._client = client
        self._worker = worker
        self._counts: dict[str, float] = defaultdict(float)
        self._batches: dict[int, _Batch] = {}
        self._accepted: Counter[Queued] = Counter()

    def begun(self, batch_id: int, of: Queued) -> None:
        self._batches[batch_id] = _Batch(of)

    def count(self, outcomes: Iterable[Outcome]) -> None:
        for each in outcomes:
            verdict = classify(each.reply) if each.reply else "given_back"
            if each.relay:
                self._counts[f"relay {each.relay} {verdict}"] += 1
            if batch := self._batches.get(each.delivery.batch_id):
                batch.became[verdict] += 1
                self._accepted[batch.of] += verdict == Verdict.ACCEPTED

    def ended(self, batch_ids: Iterable[int]) -> None:
        """These are recorded to the last; one line in the log tells of each."""
        for batch_id in batch_ids:
            self._counts["batches"] += 1
            if batch := self._batches.pop(batch_id, None):
                seconds = time.monotonic() - batch.began
                self._counts["batch seconds"] += seconds
                told = {"batch": batch_id, "mailing": batch.of.mailing_id, "lane": batch.of.lane}
                logger.info(event("batch-done", **told, seconds=seconds, **batch.became))

    def lost(self, batch_ids: Iterable[int]) -> None:
        """Others settle these."""
        for batch_id in batch_ids:
            self._batches.pop(batch_id, None)

    def send(self, standings: Mapping[str, RelayStanding]) -> None:
        gauges.tell(self._client, self._worker, self._counts, standings)
        self._counts.clear()
        gauges.tell_accepted(self._client, self._accepted)
        self._accepted.clear()
