"""The send journal: what this process did since the database last heard of it.

Owns: one append-only file per worker process in ``DATA_DIR/journal``, locked while the process
lives. Promises: a line is written before a message's last byte leaves and another as soon as
its reply is there, each by one write(2), so both survive the death of the process; whoever takes
the lock of a dead process's file knows exactly which messages are in doubt: at most one for
each of its open SMTP sessions.
Fails: ``OSError`` when the disk is full; nothing is sent that can't be noted.
"""

from __future__ import annotations

import fcntl
import os
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Story:
    """What a dead worker's journal tells, as ids of batches and deliveries."""

    batches: list[int] = field(default_factory=list)
    accepted: set[int] = field(default_factory=set)
    unconfirmed: set[int] = field(default_factory=set)


class Journal:
    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.log"
        self._path = directory / name
        # It gets its name once it is locked: nobody may take it for a dead worker's.
        unnamed = self._path.with_suffix(".new")
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(unnamed, flags, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        unnamed.rename(self._path)

    def batch(self, batch_id: int) -> None:
        """A batch was claimed; the one before it is recorded, so its story is over."""
        os.ftruncate(self._file, 0)
        self._write(b"B", batch_id)

    def begin_final(self, delivery_id: int) -> None:
        self._write(b"S", delivery_id)

    def accepted(self, delivery_id: int) -> None:
        self._write(b"A", delivery_id)

    def refused(self, delivery_id: int) -> None:
        """The server has said that it did not take the message."""
        self._write(b"F", delivery_id)

    def _write(self, mark: bytes, number: int) -> None:
        os.write(self._file, b"%s %d\n" % (mark, number))


def stories(directory: Path) -> Iterator[Story]:
    """Each dead worker's story; its file goes once the caller comes back for the next."""
    for path in sorted(directory.glob("*.log")):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield _read(path)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            pass  # Its process lives.
        finally:
            os.close(file)


def _read(path: Path) -> Story:
    story = Story()
    for line in path.read_bytes().split(b"\n")[:-1]:
        mark, _, digits = line.partition(b" ")
        number = int(digits)
        if mark == b"B":
            story.batches.append(number)
        elif mark == b"S":
            story.unconfirmed.add(number)
        else:
            story.unconfirmed.discard(number)
            if mark == b"A":
                story.accepted.add(number)
    return story
