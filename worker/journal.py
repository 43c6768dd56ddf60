"""The send journal: what this process did since the database last heard of it.

Owns: one append-only file per worker process in ``DATA_DIR/journal``, locked while the process
lives. Promises: what a line of sending says goes in by one write(2) before the last byte of its
message leaves, so it survives the death of the process; whoever takes the lock of a dead
process's file knows which messages are in doubt: at most one for each of its SMTP sessions.
It is not synced: after a power cut the disk may lack the end, so what an earlier boot of the
machine left tells nothing, and its batches are settled by the notes in Redis.
Fails: ``OSError`` when the disk is full; nothing is sent that can't be noted.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path


@dataclass
class Story:
    """What evidence tells, as ids of batches and deliveries."""

    batches: list[int] = field(default_factory=list)
    accepted: set[int] = field(default_factory=set)
    unconfirmed: set[int] = field(default_factory=set)

    def read(self, lines: Iterable[bytes]) -> Story:
        for line in lines:
            mark, _, digits = line.partition(b" ")
            number = int(digits)
            if mark == b"B":
                self.batches.append(number)
            elif mark == b"S":
                self.unconfirmed.add(number)
            else:
                self.unconfirmed.discard(number)
                if mark == b"A":
                    self.accepted.add(number)
        return self


@cache
def boot() -> str:
    """Names the time since this machine was started; "" where the system doesn't tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def batch(batch_id: int) -> bytes:
    return b"B %d\n" % batch_id


def begun(delivery_id: int) -> bytes:
    """The last byte of this message may leave now."""
    return b"S %d\n" % delivery_id


def concluded(delivery_id: int, accepted: bool) -> bytes:
    """The server has answered for this message."""
    return b"%s %d\n" % (b"A" if accepted else b"F", delivery_id)


class Journal:
    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        name = f"{boot()}-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.log"
        path = directory / name
        # It gets its name once it is locked: nobody may take it for a dead worker's.
        unnamed = path.with_suffix(".new")
        self._path = path
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(unnamed, flags, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        unnamed.rename(path)

    def write(self, evidence: bytes) -> None:
        written = os.write(self._file, evidence)
        if written < len(evidence):
            # The disk is full: half a line would spoil the next one.
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def forget(self) -> None:
        """Everything in it is recorded: start afresh."""
        os.ftruncate(self._file, 0)

    def end(self) -> None:
        """Everything in it is recorded, and nothing follows: leave none behind."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def stories(directory: Path) -> Iterator[Story]:
    """Each dead worker's story; its file goes once the caller comes back for the next."""
    for path in sorted(directory.glob("*.log")):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.name.startswith(boot()):
                # What follows the last line end was being written when the process died.
                yield Story().read(path.read_bytes().split(b"\n")[:-1])
            path.unlink(missing_ok=True)
        except (BlockingIOError, FileNotFoundError):
            pass  # Its process lives, or another has just read it.
        finally:
            os.close(file)
