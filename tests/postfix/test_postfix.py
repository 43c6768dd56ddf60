"""Sending to a real Postfix: as the relay, and as the receiving side that refuses."""

from __future__ import annotations

import asyncio
import datetime
import email
import os
from collections.abc import Iterator
from pathlib import Path

import dkim
import pytest
import redis
from django.utils import timezone

from dongtai_mail.delivery import letters, mailings, pace
from dongtai_mail.delivery.models import Attempt, Delivery, Mailing
from dongtai_mail.environment import Relay
from dongtai_mail.message.dkim import dns_record
from tests import factories
from tests.certificates import Authority
from tests.postfix.server import Greylist, Postfix
from worker.engine import Engine
from worker.relays import Relays

pytestmark = [
    pytest.mark.postfix,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(os.getuid() != 0, reason="Postfix's master needs root"),
]

State = Delivery.State
DOMAINS = "mx.test, full.test, 例子.测试, xn--fsqu00a.xn--0zwm56d"
# What a reader's local part makes Postfix answer, and what has to become of the delivery.
ANSWERS = {
    "gone": ("550 5.1.1 no such user here", State.BOUNCED),
    "full": ("552 5.2.2 mailbox full", State.DEFERRED),
    "busy": ("451 4.3.0 try again later", State.DEFERRED),
    "later": ("450 4.2.1 mailbox busy", State.DEFERRED),
    "space": ("452 4.3.1 insufficient system storage", State.DEFERRED),
    "often": ("550 5.7.1 Domain frequency limited", State.DEFERRED),
    "close": ("421 4.7.0 too many connections", State.DEFERRED),
}
STOPS = {
    "policy": "554 5.7.1 message rejected by policy",
    "large": "552 5.3.4 message too big for this system",
}
ACCESS = "".join(
    f"{name}@mx.test {answer}\n"
    for name, answer in ({name: answer for name, (answer, _) in ANSWERS.items()} | STOPS).items()
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def greylist() -> Iterator[Greylist]:
    with Greylist() as server:
        yield server


@pytest.fixture(scope="module")
def mx(greylist: Greylist, authority: Authority) -> Iterator[Postfix]:
    """The receiving side."""
    certificate, key = authority.files("localhost")
    settings = {
        "virtual_mailbox_domains": DOMAINS,
        "virtual_mailbox_base": "{directory}/mail",
        "virtual_mailbox_maps": "static:all/",
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": str(certificate),
        "smtpd_tls_key_file": str(key),
        "smtpd_recipient_restrictions": (
            "reject_unauth_destination, check_recipient_access texthash:{directory}/config/access, "
            f"check_policy_service inet:127.0.0.1:{greylist.port}"
        ),
    }
    with Postfix(settings, ACCESS) as postfix:
        yield postfix


@pytest.fixture(scope="module")
def relay(mx: Postfix) -> Iterator[Postfix]:
    """A relay with a queue of its own."""
    with Postfix({"relayhost": f"[127.0.0.1]:{mx.port}"}) as postfix:
        yield postfix


@pytest.fixture(autouse=True)
def _fresh(settings, tmp_path: Path, redis_server: redis.Redis) -> None:
    settings.DATA_DIR = tmp_path
    redis_server.flushall()
    factories.publication()


def _sent(settings, port: int, *addresses: str) -> Mailing:
    """A mailing to these addresses, driven once."""
    factories.subscribe(factories.subscriber_list(), *addresses)
    mailing = factories.mailing()
    _drive(settings, port)
    mailing.refresh_from_db()
    return mailing


def _drive(settings, port: int) -> None:
    settings.RELAYS = (Relay("127.0.0.1", port, "none", connections=3),)
    engine = Engine()
    try:
        engine.drive(lambda: None)
    finally:
        engine.close()


def _states() -> dict[str, State]:
    rows = Delivery.objects.values_list("address", "state")
    return {address.partition("@")[0]: State(state) for address, state in rows}


def test_every_answer_becomes_what_it_means(settings, mx: Postfix, redis_server) -> None:
    mailing = _sent(settings, mx.port, *(f"{name}@mx.test" for name in (*ANSWERS, "fine")))
    expected = {name: state for name, (_, state) in ANSWERS.items()} | {"fine": State.ACCEPTED}
    # Whoever still waits does so because the provider is paused.
    states = _states()
    waiting = {name for name, state in states.items() if state is State.QUEUED}
    assert {name: state for name, state in states.items() if name not in waiting} == {
        name: state for name, state in expected.items() if name not in waiting
    }
    assert mailing.state == Mailing.State.SENDING
    for attempt in Attempt.objects.select_related("delivery"):
        answer, _ = ANSWERS[attempt.delivery.address.partition("@")[0]]
        code, enhanced, words = answer.split(" ", 2)
        assert (attempt.stage, attempt.code, attempt.enhanced) == ("rcpt", int(code), enhanced)
        assert words in attempt.text
    standing = pace.paces(redis_server, ["mx.test"])["mx.test"]
    assert standing.paused_for > 0
    assert sum(mailings.ledger(mailing).values()) == len(expected)


@pytest.mark.parametrize("name", list(ANSWERS))
def test_each_answer_by_itself(settings, mx: Postfix, name: str) -> None:
    _sent(settings, mx.port, f"{name}@mx.test")
    answer, state = ANSWERS[name]
    assert _states() == {name: state}
    assert Attempt.objects.get().code == int(answer[:3])


@pytest.mark.parametrize("name", list(STOPS))
def test_what_is_said_of_the_letter_stops_the_mailing(settings, mx: Postfix, name: str) -> None:
    mailing = _sent(settings, mx.port, f"{name}@mx.test")
    assert mailing.state == Mailing.State.STOPPED
    assert STOPS[name].split(" ", 2)[2] in mailing.note
    assert _states() == {name: State.DEFERRED}


def test_greylisted_readers_get_it_at_the_next_try(
    settings, mx: Postfix, greylist: Greylist
) -> None:
    greylist.seen.clear()
    mailing = _sent(settings, mx.port, *(f"grey{number}@mx.test" for number in range(5)))
    assert mailings.ledger(mailing)["deferred"] == 5
    assert set(Attempt.objects.values_list("code", "enhanced")) == {(450, "4.7.1")}
    Delivery.objects.update(due_at=timezone.now() - datetime.timedelta(seconds=1))
    _drive(settings, mx.port)
    assert mailings.ledger(mailing)["accepted"] == 5


def test_a_chinese_address_is_written_to_where_smtputf8_is_offered(settings, mx: Postfix) -> None:
    _sent(settings, mx.port, "用户@例子.测试")
    assert _states() == {"用户": State.ACCEPTED}
    (arrived,) = mx.arrived(1, to="用户@")
    assert "用户@xn--fsqu00a.xn--0zwm56d>".encode() in arrived


def test_and_fails_with_the_reason_where_it_is_not(settings, mx: Postfix) -> None:
    _sent(settings, mx.ascii_port, "用户@例子.测试", "someone@例子.测试")
    assert _states() == {"用户": State.BOUNCED, "someone": State.ACCEPTED}
    assert "SMTPUTF8" in Attempt.objects.get().text


def test_through_the_relay_to_the_mailbox_once_each_and_signed(
    settings, mx: Postfix, relay: Postfix
) -> None:
    readers = [f"reader{number}@mx.test" for number in range(40)]
    mailing = _sent(settings, relay.port, *readers)
    assert mailings.ledger(mailing)["accepted"] == 40
    ours = mx.arrived(40, to="reader")
    # Postfix writes above each message who it was for.
    to = sorted(str(email.message_from_bytes(each)["X-Original-To"]) for each in ours)
    assert to == sorted(readers)
    record = dns_record(letters.signers(factories.publication())[0]).replace('"', "")
    for each in ours[:5]:
        message = each[each.index(b"Received: ") :].replace(b"\n", b"\r\n")
        assert dkim.verify(message, dnsfunc=lambda *_, **__: record.encode())


def test_pipelining_size_and_tls_are_used_as_offered(mx: Postfix, authority: Authority) -> None:
    async def session() -> tuple[bool, int, bool]:
        relays = Relays([Relay("localhost", mx.port, "starttls")], authority.trust())
        opened = await relays.acquire()
        try:
            secured = opened._transport.get_extra_info("ssl_object") is not None
            return opened.pipelining, opened.offer.size, secured
        finally:
            await relays.release(opened)
            await relays.close()

    assert asyncio.run(session()) == (True, 10_240_000, True)
