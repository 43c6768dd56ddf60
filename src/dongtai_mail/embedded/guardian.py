"""Stops what ``dongtai up`` started when ``dongtai up`` itself is gone.

Owns: nothing but a list of process groups, which it reads from its standard input, one number a
line, and the data directory's lock, which it inherits.
Promises: when the input ends, whatever ended it (SIGKILL leaves no other trace), every group on
the list is asked to stop, and killed when it hasn't after a few seconds; only then is the lock
free. After an orderly stop the groups are gone already and there is nothing to do.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_SECONDS = 6.0


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = [int(line) for line in sys.stdin]
    for group in groups:
        _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(_lives(group) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.1)
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    """SIGTERM is for the leader, who knows how its workers end well; SIGKILL is for all."""
    try:
        (os.kill if number == signal.SIGTERM else os.killpg)(group, number)
    except ProcessLookupError:
        pass


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
