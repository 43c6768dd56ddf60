"""What is to do by the clock, by whichever worker comes to it; twice at once does no harm."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial

import redis
from django.conf import settings
from django.db import connection

from dongtai_mail.delivery import mailings, queue, reasons, returns, stages
from dongtai_mail.delivery import tally as deliveries
from dongtai_mail.logs import event
from subscribers import membership, tally
from worker import apart, errands, mailbox, notes
from worker.clock import Clock
from worker.journal import stories

logger = logging.getLogger(__name__)

# Made before the pool forks: each process knows of what happened since its worker began.
CLOCK = Clock()
STARTING = apart.Beside("start")


def tick(client: redis.Redis, watch: queue.Watch) -> None:
    """Settle what dead workers left, put back what is due, see what came back."""
    apart.each(
        {
            "settle-dead": settle_dead_workers,
            "settle-lapsed": lambda: settle_lapsed(client, watch.lapsed()),
            "requeue": queue.requeue_due,
            "start": _start_due,
            "cancel": mailings.settle_cancelled,
            "stages": stages.advance,
            "tally-deliveries": deliveries.compact,
            "tally-lists": tally.compact,
            "sets": membership.compact,
            "reasons": reasons.compact,
            "mailbox": lambda: mailbox.wake(client),
            "errands": errands.wake,
            "returns": returns.catch_up,
            "forget-returns": returns.forget_old,
        }
    )


def _start_due() -> None:
    """Start what is due beside the sending: a large audience takes seconds to freeze."""
    for mailing_id in mailings.sending():
        mailings.settle(mailing_id)
    if STARTING.busy:
        return
    start = partial(mailings.start_due, _before_leap())
    if connection.vendor != "postgresql":
        # One writer at a time: the sending would wait all the same.
        start()
    elif mailings.due():
        STARTING.begin(start)


def _before_leap() -> datetime.datetime | None:
    stamp = CLOCK.before_leap()
    if stamp is None:
        return None
    before = datetime.datetime.fromtimestamp(stamp, datetime.UTC)
    logger.warning(event("clock-set", forward_from=before.isoformat()))
    return before


@dataclass(frozen=True, slots=True)
class Settled:
    """What was done about batches whose worker is gone, and by which evidence."""

    evidence: str
    batches: list[int]
    accepted: int
    unconfirmed: int
    given_back: int


def settle_dead_workers() -> list[Settled]:
    """Read the journals that dead processes left on this host, and settle their batches."""
    settled = []
    for story in stories(settings.DATA_DIR / "journal"):
        counts = queue.settle(story.batches, story.accepted, story.unconfirmed)
        # One that stopped when it was asked to leaves a journal, too, and nothing to settle.
        if any(counts):
            settled.append(Settled("journal", story.batches, *counts))
            logger.warning(_told("worker-died", settled[-1]))
    return settled


def settle_lapsed(
    client: redis.Redis, lapsed: Mapping[int, datetime.datetime | None]
) -> list[Settled]:
    """Settle batches of workers that fell silent, from what they noted in Redis."""
    settled = []
    for batch_id, lease in lapsed.items():
        story = notes.story(client, batch_id)
        if story is None:
            # Redis lost the notes, too: two faults at once leave the whole batch in doubt.
            counts = queue.settle([batch_id], (), None, lease)
        else:
            counts = queue.settle([batch_id], story.accepted, story.unconfirmed, lease)
        # Its worker lives after all, or another was first.
        if not any(counts):
            continue
        settled.append(Settled("none" if story is None else "notes", [batch_id], *counts))
        level = logging.ERROR if story is None else logging.WARNING
        logger.log(level, _told("batch-lapsed", settled[-1]))
    return settled


def _told(name: str, settled: Settled) -> str:
    return event(name, **asdict(settled))
