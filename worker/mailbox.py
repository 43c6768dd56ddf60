"""The mailbox to which bounces come, emptied over IMAP.

Owns: the connection and which messages are taken from the server. Promises: a message is deleted
only after the database has committed it; the messages of one look are named by the UIDs of that
session, under the UIDVALIDITY it began with, and nothing is remembered between looks, so a server
that numbers anew confuses nobody; a message that was stored and not yet deleted when we died is
recognised the next time; one message that can't be fetched or stored holds up no other. Only one
worker looks at a time. Fails: a look that fails is logged and repeated; the mail stays where it is.
"""

from __future__ import annotations

import imaplib
import logging
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from dongtai_mail.delivery import returns
from dongtai_mail.environment import Mailbox

logger = logging.getLogger(__name__)

LOOK_SECONDS = 60
# No look takes longer: a worker that died in one leaves the lock for so long.
LOCK_SECONDS = 900
TIMEOUT_SECONDS = 30
AT_ONCE = 500
DOOR = "imap"
_DUE, _LOCK = "dongtai:mailbox:due", "dongtai:mailbox:lock"
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")

Answer = tuple[str, list[Any]]

# With these gone no other message would fare better.
Away = (imaplib.IMAP4.abort, OSError, OperationalError, InterfaceError)
Failed = (*Away, imaplib.IMAP4.error, DatabaseError)


def wake(client: redis.Redis) -> threading.Thread | None:
    """Look into the mailbox beside the sending, if there is one and nobody did lately."""
    if settings.IMAP is None or not client.set(_DUE, b"1", nx=True, ex=LOOK_SECONDS):
        return None
    thread = threading.Thread(
        target=_look, args=(client, settings.IMAP), name="mailbox", daemon=True
    )
    thread.start()
    return thread


def _look(client: redis.Redis, mailbox: Mailbox) -> None:
    lock = client.lock(_LOCK, timeout=LOCK_SECONDS, blocking=False)
    try:
        if lock.acquire():
            try:
                empty(mailbox)
            finally:
                lock.release()
    except (*Failed, redis.RedisError) as error:
        logger.warning("mailbox: %s; looking again in %s s", error, LOOK_SECONDS)
    finally:
        connection.close()


def empty(mailbox: Mailbox) -> int:
    """Take in what is there; answers how many messages were stored and deleted."""
    taken = 0
    with _opened(mailbox) as server:
        # What a server offers before the login is not all of it.
        may_expunge = b"UIDPLUS" in b" ".join(_ok(server.capability()))
        for uid in _uids(server)[:AT_ONCE]:
            try:
                taken += _take(server, uid, may_expunge)
            except Away:
                raise
            except Exception:
                # This message only: the ones behind it are somebody's bounces, too.
                logger.exception("mailbox: uid=%s stays there", uid.decode())
    if taken:
        logger.info("mailbox: %s messages taken", taken)
    return taken


@contextmanager
def _opened(mailbox: Mailbox) -> Iterator[imaplib.IMAP4]:
    with _connect(mailbox) as server:
        server.login(mailbox.username, mailbox.password)
        _ok(server.select(_quoted(mailbox.folder)))
        yield server


def _connect(mailbox: Mailbox) -> imaplib.IMAP4:
    tls = ssl.create_default_context()
    at = (mailbox.host, mailbox.port)
    if mailbox.security == "tls":
        return imaplib.IMAP4_SSL(*at, ssl_context=tls, timeout=TIMEOUT_SECONDS)
    server = imaplib.IMAP4(*at, timeout=TIMEOUT_SECONDS)
    if mailbox.security == "starttls":
        server.starttls(ssl_context=tls)
    return server


def _uids(server: imaplib.IMAP4) -> list[bytes]:
    found = _ok(server.uid("SEARCH", "UNDELETED"))[0]
    return sorted(found.split(), key=int) if isinstance(found, bytes) else []


def _take(server: imaplib.IMAP4, uid: bytes, may_expunge: bool) -> bool:
    """Store one message, commit, and only then delete it; False when it is gone already."""
    # PEEK leaves it unread for people who look before us; the part is all that is ever kept.
    wanted = f"(RFC822.SIZE BODY.PEEK[]<0.{returns.KEEP_BYTES}>)"
    answer = _ok(server.uid("FETCH", uid.decode(), wanted))
    parts = [part for part in answer if isinstance(part, tuple)]
    if not parts:
        return False
    said = b" ".join(part if isinstance(part, bytes) else part[0] for part in answer)
    size = _SIZE.search(said)
    message = returns.receive(parts[0][1], "", DOOR, int(size[1]) if size else None)
    _delete(server, uid, may_expunge)
    logger.debug("mailbox: uid=%s is returned=%s", uid.decode(), message.pk)
    return True


def _delete(server: imaplib.IMAP4, uid: bytes, may_expunge: bool) -> None:
    _ok(server.uid("STORE", uid.decode(), "+FLAGS.SILENT", r"(\Deleted)"))
    # A plain EXPUNGE would take along what somebody else has marked (RFC 4315).
    if may_expunge:
        _ok(server.uid("EXPUNGE", uid.decode()))


def _ok(answer: Answer) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"the server answered {status}: {data!r}"[:300])
    return data


def _quoted(folder: str) -> str:
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
