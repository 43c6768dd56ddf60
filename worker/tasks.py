"""Two tasks: wake up and look; the rows say what there is to do. Safe at any time."""

from __future__ import annotations

from functools import cache

from celery import shared_task
from celery.signals import worker_shutting_down

from worker import engine

# A call that waited longer than this meets workers that are busy already, or the next tick.
CALL_SECONDS = 5.0


@shared_task
def drive() -> None:
    _engine().drive(call)


@shared_task
def errands() -> None:
    from worker import errands as beside

    beside.run()


@cache
def _engine() -> engine.Engine:
    return engine.Engine()


def call() -> None:
    drive.apply_async(expires=CALL_SECONDS)


def call_errands() -> None:
    errands.apply_async(expires=CALL_SECONDS)


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    engine.stopping.set()
