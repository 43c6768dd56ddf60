"""From delivery's announcements to Celery's queue; losing one costs seconds, never a reader."""

from __future__ import annotations

import logging
from typing import Any

from kombu.exceptions import OperationalError

from dongtai_mail.delivery.signals import mailing_due

logger = logging.getLogger(__name__)


def listen() -> None:
    mailing_due.connect(_enqueue, dispatch_uid="worker.wake")


def _enqueue(mailing_id: int, **_: Any) -> None:
    from worker.tasks import call

    try:
        call()
    except OperationalError as error:
        # The scheduler finds the mailing in the database once the broker is back.
        logger.warning("mailing=%s broker unreachable: %s", mailing_id, error)
