"""Time that nobody sets, and notice of a host's clock that somebody did set forward.

The steady clock goes on while a machine sleeps, where the system has such a one: leases that
others watch run out meanwhile. What is due by a set clock alone was not waited for. Promises: a
slow drift, as of a clock that is kept in time, is no leap. Fails: never; a process that was
started after the leap can't know of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

LEAP_SECONDS = 60.0
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> float:
    """Seconds since some moment; those in which this machine was suspended count."""
    return time.clock_gettime(_STEADY)


class Clock:
    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = steady
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
