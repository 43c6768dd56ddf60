"""From announcements to Celery's queue; losing one costs seconds, never a reader."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from kombu.exceptions import OperationalError

from dongtai_mail.delivery.signals import mailing_due
from subscribers.signals import import_due, notice_due
from worker.apart import away

logger = logging.getLogger(__name__)


def listen() -> None:
    mailing_due.connect(_drive, dispatch_uid="worker.wake")
    import_due.connect(_errands, dispatch_uid="worker.wake")
    notice_due.connect(_errands, dispatch_uid="worker.wake")


def _drive(**_: Any) -> None:
    from worker.tasks import call

    _enqueue(call)


def _errands(**_: Any) -> None:
    from worker.tasks import call_errands

    _enqueue(call_errands)


def _enqueue(call: Callable[[], object]) -> None:
    try:
        call()
    except OperationalError as error:
        # The scheduler finds the work in the database once the broker is back.
        logger.warning(away(error, service="broker"))
