"""Two tasks: wake up and look; the rows say what there is to do. Safe at any time."""

from __future__ import annotations

import logging
import os
import signal
import threading
from functools import cache

from billiard import active_children
from celery import shared_task
from celery.signals import worker_shutting_down

from dongtai_mail.logs import event
from worker import engine
from worker.calls import waiting
from worker.stop import stopping

logger = logging.getLogger(__name__)

# What a child needs for its stop, and less than supervisors wait before they kill (docker: 10 s).
OVERDUE_SECONDS = 9.0


@shared_task
def drive(due: bool = True) -> None:
    """``due``: something may have become due, or a tick has come; else a process wants help."""
    _engine().drive(call_another, due)


@shared_task
def errands() -> None:
    from worker import errands as beside

    beside.run()


@cache
def _engine() -> engine.Engine:
    return engine.Engine()


def call() -> None:
    drive.apply_async()


def call_another() -> None:
    """Wake one more process, if any has time: this is asked again with every batch."""
    if not waiting():
        drive.apply_async(kwargs={"due": False})


def call_errands() -> None:
    errands.apply_async()


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    stopping.set()
    overdue = threading.Timer(OVERDUE_SECONDS, _end)
    overdue.daemon = True
    overdue.start()


def _end() -> None:
    """End what a stop did not: a pool waits for ever for a task that it gave to a dead child.

    Leases and journals say what was under way, as after a crash.
    """
    left = [child.pid for child in active_children() if child.pid is not None]
    logger.warning(event("stop-overdue", seconds=OVERDUE_SECONDS, processes=len(left)))
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    os._exit(os.EX_SOFTWARE)
