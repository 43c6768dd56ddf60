"""Notices that this host's clock was set forward: what is due by that alone was not waited for.

The steady clock goes on while a machine sleeps, where the system has such a one. Promises: a slow
drift, as of a clock that is kept in time, is no leap. Fails: never; a process that was started
after the leap can't know of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LEAP_SECONDS = 60.0


def _steady() -> float:
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Clock:
    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _steady
    ) -> None:
        self._wall, self._steady = wall, steady
        self._ahead = wall() - steady()

    def before_leap(self) -> float | None:
        """What time it would be, had nobody set the clock forward since this was last asked.

        In seconds since the epoch; None when nobody did.
        """
        ahead = self._wall() - self._steady()
        leap, self._ahead = ahead - self._ahead, ahead
        return self._wall() - leap if leap > LEAP_SECONDS else None
