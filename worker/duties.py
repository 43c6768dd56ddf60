"""What is to do by the clock, by whichever worker comes to it; twice at once does no harm."""

from __future__ import annotations

import logging

import redis
from django.conf import settings

from dongtai_mail.delivery import mailings, queue, reasons, stages
from worker import notes
from worker.journal import stories

logger = logging.getLogger(__name__)


def tick(client: redis.Redis) -> None:
    """Settle what dead workers left, put back what is due, start and finish mailings."""
    settle_dead_workers()
    settle_lapsed(client)
    queue.requeue_due()
    for mailing_id in mailings.start_due():
        mailings.settle(mailing_id)
    mailings.settle_cancelled()
    stages.advance()
    mailings.compact_tally()
    reasons.compact()


def settle_dead_workers() -> None:
    """Read the journals that dead processes left on this host, and settle their batches."""
    for story in stories(settings.DATA_DIR / "journal"):
        queue.settle(story.batches, story.accepted, story.unconfirmed)
        logger.warning(
            "a worker died; batches=%s unconfirmed=%s", story.batches, sorted(story.unconfirmed)
        )


def settle_lapsed(client: redis.Redis) -> None:
    """Settle batches of workers that fell silent, from what they noted in Redis."""
    for batch_id in queue.lapsed():
        story = notes.story(client, batch_id)
        if story is None:
            # Redis lost the notes, too: two faults at once leave the whole batch in doubt.
            logger.error("batch=%s left no evidence; all of it is unconfirmed", batch_id)
            queue.doubt(batch_id)
        else:
            logger.warning("batch=%s lapsed; unconfirmed=%s", batch_id, sorted(story.unconfirmed))
            queue.settle([batch_id], story.accepted, story.unconfirmed)
