"""Where the mail catcher keeps what it received: one SQLite file, written by one process.

Owns: the file's schema and every statement about it.
Promises: ``add`` returns only after its messages are committed; readers in other processes never
wait for it (WAL). Listing reads no message bodies, so it costs the same for small and large mail.
Fails: with ``sqlite3.Error`` when the file can't be opened or the disk is full.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY,
    received_at REAL NOT NULL,
    envelope_sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    author TEXT NOT NULL,
    subject TEXT NOT NULL,
    size INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS source (
    message_id INTEGER PRIMARY KEY REFERENCES message (id),
    content BLOB NOT NULL
);
"""
COLUMNS = "id, received_at, envelope_sender, recipients, author, subject, size"
# SQLite's integers have 64 bits; a larger one can't even be asked for.
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Caught:
    """A message as it came over SMTP. ``received_at`` is a POSIX time; ``author`` is From."""

    received_at: float
    envelope_sender: str
    recipients: tuple[str, ...]
    author: str
    subject: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A line of the inbox: everything but the content. ``size`` is in octets."""

    id: int
    received_at: float
    envelope_sender: str
    recipients: tuple[str, ...]
    author: str
    subject: str
    size: int


@dataclass(frozen=True, slots=True)
class Totals:
    messages: int
    recipients: int
    size: int


class Store:
    """An open store. Call it from one thread at a time."""

    def __init__(self, path: str | Path) -> None:
        self._connection = sqlite3.connect(
            path, timeout=30, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        # What was answered with 250 survives the process; a power cut may lose the last moments,
        # which is fair for mail that was never going anywhere.
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def add(self, messages: Iterable[Caught]) -> None:
        """Commit all the messages in one transaction, or none."""
        with self._transaction() as connection:
            for message in messages:
                _insert(connection, message)

    def page(self, search: str, limit: int, offset: int) -> list[Kept]:
        """Lines of the inbox, newest first, whose recipients or subject contain ``search``."""
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM message WHERE recipients LIKE :like ESCAPE '\\' "
            "OR subject LIKE :like ESCAPE '\\' ORDER BY id DESC LIMIT :limit OFFSET :offset",
            {"like": _contains(search), "limit": limit, "offset": offset},
        )
        return [_kept(row) for row in rows]

    def totals(self, search: str = "") -> Totals:
        row = self._connection.execute(
            "SELECT count(*), count(DISTINCT recipients), coalesce(sum(size), 0) FROM message "
            "WHERE recipients LIKE :like ESCAPE '\\' OR subject LIKE :like ESCAPE '\\'",
            {"like": _contains(search)},
        ).fetchone()
        return Totals(*row)

    def get(self, message_id: int) -> tuple[Kept, bytes] | None:
        if message_id > LARGEST_ID:
            return None
        row = self._connection.execute(
            f"SELECT {COLUMNS}, content FROM message JOIN source ON message_id = id WHERE id = ?",
            (message_id,),
        ).fetchone()
        return None if row is None else (_kept(row[:-1]), row[-1])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _insert(connection: sqlite3.Connection, message: Caught) -> None:
    cursor = connection.execute(
        "INSERT INTO message (received_at, envelope_sender, recipients, author, subject, size) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            message.received_at,
            message.envelope_sender,
            "\n".join(message.recipients),
            message.author,
            message.subject,
            len(message.content),
        ),
    )
    connection.execute("INSERT INTO source VALUES (?, ?)", (cursor.lastrowid, message.content))


def _contains(search: str) -> str:
    for special in "\\%_":
        search = search.replace(special, "\\" + special)
    return f"%{search}%"


def _kept(row: Sequence[object]) -> Kept:
    number, received_at, envelope_sender, recipients, author, subject, size = row
    return Kept(
        int(str(number)),
        float(str(received_at)),
        str(envelope_sender),
        tuple(str(recipients).split("\n")),
        str(author),
        str(subject),
        int(str(size)),
    )
