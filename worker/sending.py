"""A worker's share of a mailing: claim, send, record, until there is nothing left.

Owns: the one ``Sender`` and ``Journal`` of this process. Promises: outcomes are recorded about
twice a second while a batch is under way; a pause, a cancellation or the worker's own stop ends
the batch within a second, and what was not begun goes back; a reader who leaves is skipped from
the next look on. Fails: while the database is away nothing new is begun, and what was sent is
recorded once it is back; if this process ends before that, its journal tells the next one.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from functools import cache, partial

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from dongtai_mail.delivery import mailings, queue
from dongtai_mail.delivery.letters import Letters
from dongtai_mail.delivery.models import Batch, Mailing
from dongtai_mail.message.reply import Reply, Stage
from worker.journal import Journal, stories
from worker.sender import Sender, Work

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
SLICE_SECONDS = 10.0
RETRY_SECONDS = 1.0

# Made before the pool forks, so that the parent's stop is seen by every child.
stopping = multiprocessing.Event()


@cache
def _journal() -> Journal:
    return Journal(settings.DATA_DIR / "journal")


@cache
def _sender() -> Sender:
    return Sender(settings.RELAY, settings.RELAY_CONNECTIONS, _journal())


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def send(mailing_id: int, call_another: Callable[[], object]) -> bool:
    """Send what there is for up to a time slice; True when somebody should go on with it.

    ``call_another`` wakes one more worker process; it is called for every full batch.
    """
    settle_dead_workers()
    until = time.monotonic() + SLICE_SECONDS
    letters: Letters | None = None
    while time.monotonic() < until and not stopping.is_set():
        claimed = queue.claim(mailing_id, worker_name(), settings.BATCH_SIZE)
        if claimed is None:
            mailings.settle(mailing_id)
            return False
        if len(claimed[1]) == settings.BATCH_SIZE:
            call_another()
        letters = letters or Letters(_mailing(mailing_id))
        refused = _send_batch(letters, *claimed)
        mailings.remark(mailing_id, _relay_remark(refused))
        if refused is not None:
            # The next tick tries again; hammering a relay that is down helps nobody.
            return False
    return True


def _mailing(mailing_id: int) -> Mailing:
    related = ("edition__issue__publication", "subscriber_list")
    return Mailing.objects.select_related(*related).get(pk=mailing_id)


def _relay_remark(refused: Reply | None) -> str:
    if refused is None:
        return ""
    name = settings.RELAY.name
    return f"发信服务器 {name} 暂时不可用，会自动再试：{refused.code or ''} {refused.text}"


def _send_batch(letters: Letters, batch: Batch, claimed: list[queue.Claimed]) -> Reply | None:
    """Send and record one batch; answers why the relay refused to talk, if it did."""
    try:
        _journal().batch(batch.pk)
    except OSError as error:
        queue.record(batch.pk, [queue.Outcome(delivery.id) for delivery in claimed])
        return Reply(Stage.CONNECT, None, f"the send journal can't be written: {error}")
    work, done = _sender().send(letters, claimed)
    while not _wait(done):
        _persist(partial(_look, work, batch), work)
        _record(work, batch.pk)
    _record(work, batch.pk)
    done.result()
    logger.info("mailing=%s batch=%s deliveries=%s", letters.mailing_id, batch.pk, len(claimed))
    return work.refused


def _wait(done: Future[None]) -> bool:
    try:
        done.result(LOOK_SECONDS)
    except NotYet:
        return done.done()
    return True


def _look(work: Work, batch: Batch) -> None:
    """What has changed meanwhile: the mailing's state, readers who left, the lease, ourselves."""
    state = Mailing.objects.values_list("state", flat=True).get(pk=batch.mailing_id)
    if stopping.is_set() or state != Mailing.State.SENDING or not queue.extend(batch.pk):
        work.stop.set()
    work.skip |= queue.departed(batch.pk) & work.unbegun()


def _record(work: Work, batch_id: int) -> None:
    outcomes = work.drain()
    if outcomes:
        _persist(partial(queue.record, batch_id, outcomes), work)
    if work.skip:
        _persist(partial(queue.suppress, batch_id, work.skip), work)


def _persist(action: Callable[[], object], work: Work) -> None:
    """Do it in the database, waiting for the database as long as this process may live."""
    while True:
        try:
            action()
        except (OperationalError, InterfaceError) as error:
            work.stop.set()
            logger.warning("database unreachable, sending waits: %s", error)
            connection.close()
            if stopping.wait(RETRY_SECONDS):
                raise
        else:
            return


def settle_dead_workers() -> None:
    """Read the journals that dead processes left on this host, and settle their batches."""
    for story in stories(settings.DATA_DIR / "journal"):
        queue.recover(story.batches, story.accepted, story.unconfirmed)
        if story.unconfirmed:
            logger.warning("worker died; unconfirmed deliveries: %s", sorted(story.unconfirmed))
