"""The scheduler's tick: workers are called every few seconds, by a clock that nobody sets.

Promises: a host's clock that jumps stops no tick and hastens none; while as many calls wait as
workers will need for long, no more are added. Fails: never; what can't be sent is in the log, and
the next tick tries again.
"""

from __future__ import annotations

from celery.beat import Scheduler

from worker.app import TICK_SECONDS
from worker.calls import CROWD, waiting


class Ticker(Scheduler):
    """Celery's own goes by the time of day: set back by an hour, it would sleep for an hour."""

    def tick(self, *_: object) -> float:
        if waiting() < CROWD:
            for name in self.app.conf.beat_schedule:
                self.apply_entry(self.schedule[name], producer=self.producer)
        return TICK_SECONDS
