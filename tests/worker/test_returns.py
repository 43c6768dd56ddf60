"""A mailing through a real Postfix to real mailboxes, and what comes back by IMAP and by LMTP."""

from __future__ import annotations

import asyncio
import email
import imaplib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from django.db import OperationalError

from dongtai_mail.commands.returns import listen
from dongtai_mail.delivery import mailings, returns
from dongtai_mail.delivery.models import Mailing, ReturnedMessage
from dongtai_mail.environment import Mailbox, Relay
from dongtai_mail.keys import keyring
from dongtai_mail.message.links import reader_links
from dongtai_mail.message.verp import envelope_sender
from subscribers.models import Subscription, Suppression
from tests import factories
from tests.delivery import samples
from tests.dovecot import PASSWORD, Dovecot, wait_until
from tests.postfix.server import Postfix
from worker import mailbox
from worker.engine import Engine

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postfix,
    pytest.mark.dovecot,
]

BOUNCES = "bounce.example.org"
READERS = {
    "fine@readers.test": "confirmed",
    "gone@readers.test": "bounced",
    "full@readers.test": "confirmed",
    "cross@readers.test": "complained",
    "leaver@readers.test": "unsubscribed",
    "nobody@nowhere.test": "bounced",
    "also.fine@readers.test": "confirmed",
}


MISSING = ("gone@readers.test", "nobody@nowhere.test")
BOX = f"b@{BOUNCES}"


@pytest.fixture(scope="module")
def mailboxes() -> Iterator[Dovecot]:
    readers = {address: None for address in READERS if address not in MISSING}
    users = {**readers, "full@readers.test": 1, BOX: None}
    with Dovecot(users, aliases={f"leave@{BOUNCES}": BOX}) as server:
        yield server


@pytest.fixture
def dovecot(mailboxes: Dovecot, monkeypatch) -> Dovecot:
    mailboxes.clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(mailboxes.authority))
    return mailboxes


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(autouse=True)
def _place(settings, keys: Path, redis_server: redis.Redis) -> None:
    settings.DATA_DIR = keys
    redis_server.flushall()
    factories.publication()


@contextmanager
def _postfix(dovecot: Dovecot, door: int) -> Iterator[Postfix]:
    """Readers' mailboxes are Dovecot's; what comes back goes to ``door`` by LMTP."""
    routes = {"readers.test": dovecot.lmtp, BOUNCES: door}
    rules = [f"{{ {name} = lmtp:inet:127.0.0.1:{port} }}" for name, port in routes.items()]
    settings = {
        "transport_maps": f"inline:{{ {', '.join(rules)} }}",
        "default_transport": "error:5.1.2 Host or domain name not found",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "disable_dns_lookups": "yes",
    }
    with Postfix(settings) as server:
        yield server


@contextmanager
def _listener(monkeypatch) -> Iterator[int]:
    """``dongtai returns`` in a thread of its own; its port."""
    # The tests' SQLite lives in memory, where writers don't wait for each other.
    monkeypatch.setattr("dongtai_mail.commands.returns.THREADS", 1)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(listen("127.0.0.1", 0), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(15)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    """Close it once it has seen that its clients are gone."""
    server.close()
    if sessions := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(sessions, timeout=10)


def _send(settings, postfix: Postfix) -> Mailing:
    settings.RELAYS = (Relay("127.0.0.1", postfix.port, "none"),)
    factories.subscribe(factories.subscriber_list(), *READERS)
    mailing = factories.mailing()
    engine = Engine()
    try:
        engine.drive(lambda: None)
    finally:
        engine.close()
    return mailing


def _answer(postfix: Postfix, dovecot: Dovecot) -> None:
    """One reader complains to a provider, one writes to the unsubscribe address of the mail."""
    for address in ("cross@readers.test", "leaver@readers.test"):
        wait_until(lambda address=address: dovecot.mailbox(address), postfix.log)
    (path,) = dovecot.mailbox("cross@readers.test")
    sender = email.message_from_bytes(path.read_bytes())["Return-Path"].strip("<>")
    _write(postfix, sender, samples.complaint("cross@readers.test"))
    (path,) = dovecot.mailbox("leaver@readers.test")
    mailto = email.message_from_bytes(path.read_bytes())["List-Unsubscribe"]
    leave = re.search(r"mailto:([^?>]+)", mailto)[1]
    _write(postfix, leave, b"From: leaver@readers.test\r\nSubject: unsubscribe\r\n\r\n")


def _write(postfix: Postfix, recipient: str, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", postfix.port) as client:
        client.sendmail("reader@elsewhere.test", [recipient], raw)


def _box(dovecot: Dovecot) -> Mailbox:
    return Mailbox("localhost", dovecot.imaps, "tls", BOX, PASSWORD, "INBOX")


def _states() -> dict[str, str]:
    return dict(Subscription.objects.values_list("subscriber__address", "state"))


def _check(mailing: Mailing, door: str) -> None:
    """The right readers are stopped, for the right reasons, and nobody else."""
    assert _states() == READERS
    ledger = mailings.ledger(mailing)
    assert (ledger["accepted"], ledger["bounced"]) == (4, 3)
    mailing.refresh_from_db()
    assert sum(ledger.values()) == mailing.targeted == len(READERS)
    found = ReturnedMessage.objects.values_list("subscription__subscriber__address", "effect")
    assert dict(found) == {
        "gone@readers.test": "bounced",
        "full@readers.test": "counted",
        "cross@readers.test": "complained",
        "leaver@readers.test": "left",
    }
    assert set(ReturnedMessage.objects.values_list("door", flat=True)) == {door}
    assert Suppression.objects.get().key == "cross@readers.test"


# SQLite's tests share a memory whose tables are locked for other threads without waiting.
@pytest.mark.postgres
def test_what_comes_back_by_lmtp_stops_the_right_readers(settings, dovecot, monkeypatch) -> None:
    with _listener(monkeypatch) as port, _postfix(dovecot, port) as postfix:
        mailing = _send(settings, postfix)
        _answer(postfix, dovecot)
        wait_until(lambda: _handed_over(postfix, port) == 4, postfix.log)
    _check(mailing, "lmtp")


def _handed_over(postfix: Postfix, port: int) -> int:
    return len(re.findall(rf"relay=127\.0\.0\.1\S*:{port}, .* status=sent", postfix.log()))


def test_what_comes_back_by_imap_stops_the_right_readers(settings, dovecot) -> None:
    with _postfix(dovecot, dovecot.lmtp) as postfix:
        mailing = _send(settings, postfix)
        _answer(postfix, dovecot)
        wait_until(lambda: len(dovecot.mailbox(BOX)) == 4, postfix.log)
    assert mailbox.empty(_box(dovecot)) == 4
    _check(mailing, "imap")
    assert not dovecot.mailbox(BOX)
    assert mailbox.empty(_box(dovecot)) == 0


def _deliver(dovecot: Dovecot, recipient: str, raw: bytes) -> None:
    with smtplib.LMTP("127.0.0.1", dovecot.lmtp) as client:
        client.sendmail("<>", [recipient], raw)


def test_nothing_is_deleted_before_it_is_stored(dovecot: Dovecot, monkeypatch) -> None:
    _deliver(dovecot, BOX, b"Subject: one\r\n\r\n")

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("the database is away")

    with monkeypatch.context() as broken:
        broken.setattr(ReturnedMessage.objects, "get_or_create", fail, raising=False)
        with pytest.raises(OperationalError):
            mailbox.empty(_box(dovecot))
    assert len(dovecot.mailbox(BOX)) == 1
    assert mailbox.empty(_box(dovecot)) == 1
    assert not dovecot.mailbox(BOX)


def test_what_was_stored_and_not_deleted_is_recognised(dovecot: Dovecot) -> None:
    _deliver(dovecot, BOX, b"Subject: one\r\n\r\n")
    with imaplib.IMAP4_SSL(
        "localhost", dovecot.imaps, ssl_context=ssl.create_default_context()
    ) as client:
        client.login(BOX, PASSWORD)
        client.select("INBOX")
        raw = client.uid("FETCH", "1:*", "BODY.PEEK[]")[1][0][1]
    returns.receive(raw, "", "imap")
    assert mailbox.empty(_box(dovecot)) == 1
    assert ReturnedMessage.objects.count() == 1


def test_a_message_that_breaks_us_is_kept_and_holds_up_no_other(
    dovecot: Dovecot, monkeypatch
) -> None:
    _deliver(dovecot, BOX, b"Subject: poison\r\n\r\n")
    _deliver(dovecot, BOX, b"Subject: other\r\n\r\n" + b"\xff\xfe\r\n")
    read = returns.read

    def poisoned(raw: bytes, recipient: str) -> object:
        if b"poison" in raw:
            raise RecursionError("too deep")
        return read(raw, recipient)

    monkeypatch.setattr(returns, "read", poisoned)
    assert mailbox.empty(_box(dovecot)) == 2
    first, second = ReturnedMessage.objects.order_by("id")
    assert (first.status, second.status) == ("broken", "unparsed")
    assert "too deep" in first.note
    assert b"poison" in bytes(first.raw)


def test_a_huge_message_is_fetched_in_part(dovecot: Dovecot) -> None:
    _deliver(dovecot, BOX, b"Subject: huge\r\n\r\n" + (b"x" * 98 + b"\r\n") * 20_000)
    assert mailbox.empty(_box(dovecot)) == 1
    row = ReturnedMessage.objects.get()
    assert len(bytes(row.raw)) == returns.KEEP_BYTES
    assert row.size > 2_000_000


def test_a_server_with_another_certificate_gets_no_password(dovecot, monkeypatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ssl.SSLCertVerificationError):
        mailbox.empty(_box(dovecot))


def test_only_one_worker_looks_and_not_all_the_time(
    settings, dovecot: Dovecot, redis_server: redis.Redis
) -> None:
    assert mailbox.wake(redis_server) is None
    settings.IMAP = _box(dovecot)
    redis_server.set("dongtai:mailbox:lock", "another worker's")
    _deliver(dovecot, BOX, b"Subject: one\r\n\r\n")
    first = mailbox.wake(redis_server)
    assert first is not None
    first.join(30)
    assert len(dovecot.mailbox(BOX)) == 1
    assert mailbox.wake(redis_server) is None
    redis_server.flushall()
    second = mailbox.wake(redis_server)
    assert second is not None
    second.join(30)
    assert not dovecot.mailbox(BOX)


def _sealed() -> str:
    return envelope_sender(keyring(), 1, BOUNCES)


@pytest.fixture
def door(monkeypatch) -> Iterator[int]:
    with _listener(monkeypatch) as port:
        yield port


@pytest.mark.parametrize("protocol", [smtplib.LMTP, smtplib.SMTP])
def test_the_listener_speaks_both_protocols(door: int, protocol) -> None:
    with protocol("127.0.0.1", door) as client:
        client.sendmail("<>", [_sealed()], b"Subject: one\r\n\r\n..\r\n" + b"x" * 5000)
    assert bytes(ReturnedMessage.objects.get().raw).endswith(b"x" * 5000 + b"\r\n")


def test_the_listener_takes_nothing_for_others_and_one_recipient_at_a_time(door: int) -> None:
    forged = _sealed()[:-20] + "0" * 5 + f"@{BOUNCES}"
    strangers = ["someone@elsewhere.test", BOX, f"anybody@{BOUNCES}", forged]
    with smtplib.SMTP("127.0.0.1", door) as client:
        client.ehlo()
        client.mail("<>")
        for stranger in (*strangers, f"leave+{'0' * 50}@{BOUNCES}"):
            assert client.rcpt(stranger)[0] == 550
        assert client.rcpt(_sealed())[0] == 250
        assert client.rcpt(_sealed())[0] == 452


def test_strangers_may_write_to_open_addresses_until_it_is_enough(door: int, monkeypatch) -> None:
    monkeypatch.setattr(returns, "OPEN_A_DAY", 2)
    mailto = reader_links(keyring(), "", BOUNCES, 1, 0).mailto
    leave = mailto.removeprefix("mailto:").partition("?")[0]
    with smtplib.SMTP("127.0.0.1", door) as client:
        for name in ("notices", "Postmaster"):
            client.sendmail("<>", [f"{name}@{BOUNCES}"], b"Subject: one\r\n\r\n")
        client.mail("<>")
        assert client.rcpt(f"abuse@{BOUNCES}")[0] == 452
        assert client.rcpt(leave)[0] == 250
        client.rset()
        client.mail("<>")
        assert client.rcpt(leave.upper())[0] == 250


def test_the_listener_has_so_many_sessions_and_no_more(door: int, monkeypatch) -> None:
    monkeypatch.setattr("dongtai_mail.commands.returns.SESSIONS", 1)
    with smtplib.SMTP("127.0.0.1", door) as client:
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            smtplib.SMTP("127.0.0.1", door)
        assert refused.value.smtp_code == 421
        assert client.noop()[0] == 250
    wait_until(lambda: _greeted(door), str)


def _greeted(door: int) -> bool:
    with socket.create_connection(("127.0.0.1", door), 10) as client:
        return client.recv(3) == b"220"


def test_the_listener_keeps_no_promise_it_cannot_hold(door: int, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(returns, "store", fail)
    with (
        smtplib.SMTP("127.0.0.1", door) as client,
        pytest.raises(smtplib.SMTPDataError) as refused,
    ):
        client.sendmail("<>", [_sealed()], b"Subject: one\r\n\r\n")
    assert refused.value.smtp_code == 451


def test_the_listener_refuses_what_is_too_big(door: int, monkeypatch) -> None:
    monkeypatch.setattr("dongtai_mail.commands.returns.SIZE_LIMIT", 10_000)
    with smtplib.SMTP("127.0.0.1", door) as client, pytest.raises(smtplib.SMTPException) as refused:
        client.sendmail("<>", [_sealed()], b"x" * 20_000)
    assert "552" in str(refused.value)
    assert not ReturnedMessage.objects.exists()
