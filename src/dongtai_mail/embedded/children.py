"""The processes of an embedded installation: started, awaited, watched, stopped.

Owns: every child of ``dongtai up``, each leading a session of its own (a Ctrl-C on the terminal
reaches ``dongtai up`` alone) and writing a log of its own.
Promises: ``stop`` leaves none of them, nor any of their own children, within ten seconds; a
guardian does the same when we are killed ourselves.
Fails: with ``Died``, which carries the last lines of the child's log.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dongtai_mail.embedded.refusal import Refused

READY_SECONDS = 120.0
STOP_SECONDS = 6.0
LOG_LIMIT = 5 * 1024 * 1024
TAIL_LINES = 15


class Died(Refused):
    def __init__(self, child: Child, status: int) -> None:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        tail = "".join(f"    {line}\n" for line in child.last_lines())
        super().__init__(
            f"{child.name} 意外退出（{how}），其余部分已一并停止；日志：{child.log}",
            f"{child.name} ended by itself ({how}), so everything was stopped; its last lines:\n"
            f"{tail.rstrip() or '    (none)'}",
        )


class Stopped(Exception):
    """Somebody asked for the stop."""


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    log: Path
    process: subprocess.Popen[bytes]
    ready: Callable[[], bool]

    def check(self) -> None:
        status = self.process.poll()
        if status is not None:
            raise Died(self, status)

    def last_lines(self) -> Iterable[str]:
        with self.log.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip() for line in deque(file, TAIL_LINES)]


class Children:
    """All of them, in the order in which they were started."""

    def __init__(self, logs: Path, lock: int) -> None:
        self._logs = logs
        self._children: list[Child] = []
        self._stop_asked = False
        # The guardian holds the lock too: nobody starts here before it has cleaned up.
        self._guardian = subprocess.Popen(
            [sys.executable, "-m", "dongtai_mail.embedded.guardian"],
            stdin=subprocess.PIPE,
            pass_fds=(lock,),
            start_new_session=True,
        )

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        ready: Callable[[], bool],
    ) -> None:
        log = self._logs / f"{name}.log"
        with _opened(log) as output:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._children.append(Child(name, log, process, ready))
        pipe = self._guardian.stdin
        assert pipe is not None
        pipe.write(f"{process.pid}\n".encode())
        pipe.flush()

    def ask_to_stop(self) -> None:
        """For a signal's handler: ``await_ready`` and ``watch`` raise ``Stopped`` soon."""
        self._stop_asked = True

    def await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        waiting = list(self._children)
        while waiting := [child for child in waiting if not child.ready()]:
            self._check()
            if time.monotonic() > deadline:
                raise Refused(
                    f"{waiting[0].name} 在 {READY_SECONDS:.0f} 秒内没有就绪；"
                    f"日志：{waiting[0].log}",
                    f"{waiting[0].name} was not ready within {READY_SECONDS:.0f} seconds; "
                    f"see {waiting[0].log}",
                )
            time.sleep(0.1)

    def watch(self) -> None:
        """Raise ``Stopped`` when that is asked for, ``Died`` when one of them ends."""
        while True:
            self._check()
            time.sleep(0.2)

    def stop(self) -> None:
        """First those that use the others, then the others; then whatever is left, by force."""
        try:
            self._end([child for child in self._children if child.name not in ("redis", "catcher")])
            self._end(self._children, STOP_SECONDS / 3)
        finally:
            for child in self._children:
                _kill(child)
            self._guardian.communicate()

    def _check(self) -> None:
        if self._stop_asked:
            raise Stopped
        for child in self._children:
            child.check()

    def _end(self, children: Iterable[Child], seconds: float = STOP_SECONDS) -> None:
        living = [child for child in children if child.process.poll() is None]
        for child in living:
            child.process.terminate()
        deadline = time.monotonic() + seconds
        for child in living:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _kill(child)


def _kill(child: Child) -> None:
    """The whole group: a leader that died may have left workers behind."""
    try:
        os.killpg(child.process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.process.wait()


def _opened(log: Path) -> BinaryIO:
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".old.log"))
    return log.open("ab")
