"""The real ``dongtai up`` as a child of the tests, with free ports and a directory of its own."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

# Stopping has a limit of its own; this one only keeps a broken stop from hanging the tests.
STOP_SECONDS = 40


class Up:
    """One run of ``dongtai up``; ``said`` grows as it prints."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dongtai_mail", "up", "--data", str(data), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"DONGTAI_DATABASE_URL": "postgres://elsewhere.example/real"},
            start_new_session=True,
        )

    def until(self, words: str) -> None:
        assert self.process.stdout is not None
        while words not in self.said:
            line = self.process.stdout.readline()
            assert line, f"it ended with: {self.said}"
            self.said += line

    def ended(self) -> int:
        """Its exit code; it must come within the time that a stop may take."""
        said, _ = self.process.communicate(timeout=STOP_SECONDS)
        self.said += said
        return self.process.returncode

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.ended()

    def await_release(self) -> None:
        """Wait until nobody holds the directory; the guardian lets go last."""
        with (self.data / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)

    def processes(self) -> dict[int, str]:
        """Every process that runs on this directory, by its number, with its command line."""
        mark = f"DONGTAI_DATA_DIR={self.data}".encode()
        return {
            int(path.name): command
            for path in Path("/proc").glob("[0-9]*")
            if (command := _read(path / "cmdline").replace(b"\0", b" ").decode())
            # Redis writes its title over its environment, but works in the directory.
            and (mark in _read(path / "environ").split(b"\0") or _works_in(path, self.data))
        }


def _works_in(process: Path, directory: Path) -> bool:
    try:
        return (process / "cwd").readlink() == directory
    except OSError:
        return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@contextmanager
def started(data: Path, *options: str) -> Iterator[Up]:
    """One run that serves; it is over at the end."""
    run = Up(data, *(options or free_ports()))
    try:
        run.until("停止 · stop")
        yield run
    finally:
        end(run)


@pytest.fixture
def up() -> Iterator[Callable[..., Up]]:
    with ExitStack() as stack:

        def start(data: Path, *options: str) -> Up:
            run = Up(data, *options)
            stack.callback(end, run)
            return run

        yield start


def end(run: Up) -> None:
    run.process.kill()
    run.process.communicate()
    if "正在启动" in run.said:
        run.await_release()


@pytest.fixture
def ports() -> tuple[str, ...]:
    return free_ports()


def free_ports() -> tuple[str, ...]:
    """Options naming two ports that are free."""
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        port, smtp_port = first.getsockname()[1], second.getsockname()[1]
    return ("--port", str(port), "--smtp-port", str(smtp_port))
