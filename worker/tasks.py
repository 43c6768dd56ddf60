"""The tasks: each takes ids, makes one call, and is safe to run again at any time."""

from __future__ import annotations

from celery import shared_task
from celery.signals import worker_shutting_down

from dongtai_mail.delivery import mailings, queue
from worker import sending

# A call for help that waited longer than this meets workers that are busy with the same mailing.
CALL_SECONDS = 5.0


@shared_task
def send(mailing_id: int) -> None:
    """Send a slice of a mailing, and pass it on while there is more."""
    if sending.send(mailing_id, lambda: call(mailing_id)):
        send.delay(mailing_id)


def call(mailing_id: int) -> None:
    send.apply_async((mailing_id,), expires=CALL_SECONDS)


@shared_task
def tick() -> None:
    """What is to do by the clock; twice at once or not at all for a while does no harm."""
    sending.settle_dead_workers()
    queue.expire()
    queue.requeue_due()
    for mailing_id in mailings.start_due():
        if not mailings.settle(mailing_id):
            call(mailing_id)
    mailings.settle_cancelled()


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    sending.stopping.set()
