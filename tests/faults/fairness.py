"""A clock for promises in seconds, on a machine that has other things to do as well.

What the tests' own processes waited for a processor, says the kernel (``/proc/…/schedstat``), and
those seconds do not count: they are nobody's doing. Where the kernel does not say, all count.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

LOOK_SECONDS = 0.05


class FairClock:
    """Runs from when it is made, for this process and all that it has started."""

    def __init__(self) -> None:
        self._waited: dict[int, float] = {}
        self._started = time.monotonic()
        self._look(os.getpid())
        self._before = dict(self._waited)

    def now(self) -> float:
        self._look(os.getpid())
        # Threads that ended keep what was seen of them last.
        waited = sum(self._waited.values()) - sum(self._before.values())
        return time.monotonic() - self._started - waited

    def wait(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Fail unless it becomes so within so many seconds of this clock."""
        while not condition():
            assert self.now() < seconds, f"after {seconds:.0f} s still not so: {what}"
            time.sleep(LOOK_SECONDS)

    def _look(self, pid: int) -> None:
        for thread in _listed(Path(f"/proc/{pid}/task")):
            try:
                _, waited, _ = (thread / "schedstat").read_text().split()
            except OSError:
                continue  # It has just ended.
            self._waited[int(thread.name)] = int(waited) / 1e9
        for child in children(pid):
            self._look(child)


def children(pid: int) -> list[int]:
    found: list[int] = []
    for thread in _listed(Path(f"/proc/{pid}/task")):
        try:
            found += map(int, (thread / "children").read_text().split())
        except OSError:
            continue
    return found


def _listed(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []
