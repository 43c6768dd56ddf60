"""A worker's stop: the parent's word to every child, given before the pool forks.

A byte that they share, and not an Event: that has locks, and a child that is killed while it holds
or waits for one would keep the others, and their parent's own stop, waiting for ever.
"""

from __future__ import annotations

import mmap
import select
import time
from collections.abc import Callable

LOOK_SECONDS = 0.1


class Stop:
    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def set(self) -> None:
        self._shared[0] = 1

    def is_set(self) -> bool:
        return bool(self._shared[0])

    def wait(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Rest until the stop, for so long at most; from the first look on until ``enough``."""
        until = time.monotonic() + seconds
        while not self.is_set() and (left := until - time.monotonic()) > 0:
            # For a length, where sleep waits until a time: a clock that is set can make that fail.
            select.select([], [], [], min(left, LOOK_SECONDS))
            if enough():
                return


# This process's, and its children's.
stopping = Stop()
