"""How the product is connected to PostgreSQL: cut off it lets go, and what is committed stays.

Owns: the options of every connection, and the time by both clocks. Promises: a process whose host
or network is gone neither hangs for longer than ``GONE_SECONDS`` nor holds locks: both ends look
whether the other is still there, and the server ends a transaction that nobody goes on with. A
commit is on the server's disk before it counts, whatever the server's own configuration says of
``synchronous_commit``: an acceptance that a crash took back would be sent again.
Fails: ``django.db.OperationalError`` from whatever was asked when the connection broke.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import InterfaceError, InternalError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils import timezone

# It is away, or takes no writes, as a standby until it takes over (InternalError); it passes.
AWAY = (OperationalError, InterfaceError, InternalError)
GONE_SECONDS = 20
# Longer than any statement of ours leaves a transaction waiting for the next one.
IDLE_SECONDS = 60

_SERVER = {
    # Compiling takes longer than it saves in statements of less than seconds.
    "jit": "off",
    "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    "client_connection_check_interval": "10s",
    "tcp_user_timeout": f"{GONE_SECONDS}s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "2",
}
POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 10,
    "tcp_user_timeout": GONE_SECONDS * 1000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "options": " ".join(f"-c {name}={value}" for name, value in _SERVER.items()),
}
# What may be off on a server only for as long as nobody minds losing it all.
_DURABLE = ("fsync", "full_page_writes")


def listen() -> None:
    connection_created.connect(_keep_commits, dispatch_uid="dongtai_mail.database")


def _keep_commits(connection: BaseDatabaseWrapper, **_: object) -> None:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        # What a server asks beyond "on", as for its replicas, stays.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )


@contextmanager
def one_moment() -> Iterator[None]:
    """Whatever is read within is of one moment, however much is written meanwhile.

    Nothing may be written, nobody is kept from writing; a transaction around it sees as it did.
    """
    if connection.in_atomic_block:
        yield
        return
    postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        # Not atomic(), which on SQLite would take the lock of those who write.
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ" if postgresql else "BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def forgetful() -> list[str]:
    """The server's settings by which it may lose what it has committed; [] is as it should be."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM pg_settings WHERE name = ANY(%s) AND setting = 'off' ORDER BY name",
            [list(_DURABLE)],
        )
        return [name for (name,) in cursor.fetchall()]


def earliest_now() -> datetime.datetime:
    """This host's time or the database's, whichever is earlier: no fast clock starts a mailing."""
    now = timezone.now()
    if connection.vendor != "postgresql":
        return now
    with connection.cursor() as cursor:
        cursor.execute("SELECT LEAST(clock_timestamp(), %s)", [now])
        earlier: datetime.datetime = cursor.fetchone()[0]
    return earlier
