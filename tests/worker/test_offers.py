"""Relays that don't take the same letters: each letter goes to one that takes it, if any does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from dongtai_mail.delivery import mailings, pace, proof_sends, providers
from dongtai_mail.delivery.letters import Letter
from dongtai_mail.delivery.models import Attempt, Batch, Delivery, Mailing, ProofLetter
from dongtai_mail.environment import Relay
from dongtai_mail.issues.models import Edition
from dongtai_mail.message.address import parse
from dongtai_mail.message.reply import Verdict, classify
from tests import factories
from tests.smtp_server import SmtpServer
from worker import errands
from worker import relays as module
from worker.engine import Engine
from worker.offers import LetterRefused
from worker.relays import Relays

CHINESE = "用户@例子.测试"
LETTER = Letter("bounce@example.org", parse(CHINESE), (b"Subject: news\r\n\r\n",))
ASCII = ("PIPELINING", "8BITMIME")
SMALL = (*ASCII, "SMTPUTF8", "SIZE 1000")
TOO_BIG = "552 5.3.4 message size exceeds fixed limit"
State = Delivery.State


@pytest.fixture
def ours(settings, tmp_path: Path, redis_server: redis.Redis) -> None:
    settings.DATA_DIR = tmp_path
    redis_server.flushall()
    factories.publication()


@pytest.fixture
def able() -> Iterator[SmtpServer]:
    with SmtpServer() as smtp:
        yield smtp


def _relay(server: SmtpServer | None) -> Relay:
    return Relay("127.0.0.1", server.port if server else 1, "none", connections=1)


def _mail(settings, servers: list[SmtpServer | None], *addresses: str) -> Mailing:
    factories.subscribe(factories.subscriber_list(), *addresses)
    mailing = factories.mailing()
    _drive(settings, servers)
    mailing.refresh_from_db()
    return mailing


def _drive(settings, servers: list[SmtpServer | None]) -> None:
    settings.RELAYS = tuple(map(_relay, servers))
    engine = Engine()
    engine.drive(lambda: None)
    engine.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pipelining", [True, False])
def test_a_chinese_address_goes_by_the_relay_that_offers_smtputf8(
    ours, settings, able: SmtpServer, pipelining: bool
) -> None:
    able.extensions = able.extensions[0 if pipelining else 1 :]
    chinese = [f"用户{number}@例子.测试" for number in range(6)]
    plain = [f"reader{number}@post.test" for number in range(30)]
    mixed = [each for pair in zip(plain, chinese, strict=False) for each in pair]
    with SmtpServer(extensions=ASCII) as other:
        mailing = _mail(settings, [other, able], *mixed, *plain[6:])
        assert mailings.ledger(mailing)["accepted"] == 36
        assert set(chinese) <= {
            each.replace("xn--fsqu00a.xn--0zwm56d", "例子.测试") for each in able.recipients()
        }
        assert set(other.recipients()) < set(plain)
        assert sorted(map(len, (other.received, able.received))) != [0, 36]
    assert not Attempt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_is_too_big_for_one_relay_goes_by_the_other(ours, settings, able: SmtpServer) -> None:
    with SmtpServer(extensions=SMALL) as small:
        mailing = _mail(settings, [small, able], "one@a.test", "two@b.test")
        assert not small.received
    assert mailing.state == Mailing.State.FINISHED
    assert sorted(able.recipients()) == ["one@a.test", "two@b.test"]


@pytest.mark.django_db(transaction=True)
def test_a_relay_that_is_out_may_yet_take_what_others_do_not(ours, settings) -> None:
    with SmtpServer(extensions=ASCII) as other:
        mailing = _mail(settings, [other, None], "reader@post.test", CHINESE)
        assert other.recipients() == ["reader@post.test"]
    ledger = mailings.ledger(mailing)
    assert (ledger["accepted"], ledger["deferred"]) == (1, 1)
    told = Attempt.objects.get().text
    assert f":{other.port} does not offer SMTPUTF8" in told
    assert "waiting until 127.0.0.1:1 " in told


@pytest.mark.django_db(transaction=True)
def test_what_is_too_big_waits_for_the_relay_that_is_out_and_counts_as_nobody_s_try(
    ours, settings, able: SmtpServer
) -> None:
    with SmtpServer(extensions=SMALL) as small:
        mailing = _mail(settings, [small, None], "one@a.test", "two@b.test")
        ledger = mailings.ledger(mailing)
        assert (mailing.state, ledger["queued"]) == (Mailing.State.SENDING, 2)
        assert "takes messages of 1000 octets" in mailing.note
        assert "waiting until 127.0.0.1:1 can be used again" in mailing.note
        _drive(settings, [small, able])
        assert not small.received
    assert sorted(able.recipients()) == ["one@a.test", "two@b.test"]
    assert not Attempt.objects.exists()
    assert {each.attempts for each in Delivery.objects.all()} == {1}


@pytest.mark.django_db(transaction=True)
def test_what_a_relay_takes_does_not_wait_with_what_is_a_little_too_big_for_it(
    ours, settings, able: SmtpServer
) -> None:
    addresses = [f"{'wang' * 15}@a.test", "li@b.test"]
    _mail(settings, [able], *addresses)
    small, large = sorted(len(each.data) for each in able.received)
    able.extensions = (*ASCII, f"SIZE {(large + small) // 2}")
    mailing = factories.mailing()
    _drive(settings, [able, None])
    ledger = mailings.ledger(mailing)
    assert (ledger["accepted"], ledger["deferred"]) == (1, 1)
    assert able.recipients()[-1] == "li@b.test"


@pytest.mark.django_db(transaction=True)
def test_a_mailing_that_waits_for_a_relay_takes_no_pace_from_others(
    ours, settings, able: SmtpServer, redis_server: redis.Redis
) -> None:
    providers.change("post.test", per_minute=1200, connections=1, messages_per_connection=None)
    addresses = [f"reader{number}@post.test" for number in range(150)]
    factories.subscribe(factories.subscriber_list(), *addresses)
    big = factories.mailing()
    Edition.objects.filter(pk=big.edition_id).update(text=f"{'正文' * 5000} {big.edition.text}")
    able.extensions = (*ASCII, "SIZE 20000")
    settings.RELAYS = tuple(map(_relay, [able, None]))
    engine = Engine()
    engine.drive(lambda: None)
    assert float(redis_server.hget(pace.key("post.test"), "tokens") or 0) > 90
    few = factories.subscriber_list(slug="few")
    factories.subscribe(few, *addresses[:5])
    small = factories.mailing(subscriber_list=few)
    engine.drive(lambda: None)
    engine.close()
    assert mailings.ledger(small)["accepted"] == len(able.received) == 5
    assert mailings.ledger(big)["queued"] == 150
    assert Batch.objects.filter(mailing=big).count() == 1


@pytest.mark.django_db
def test_a_proof_that_waits_for_a_relay_keeps_no_other_waiting(
    ours, settings, able: SmtpServer
) -> None:
    able.extensions = (*ASCII, "SIZE 20000")
    settings.RELAYS = tuple(map(_relay, [able, None]))
    edition = factories.edition()
    Edition.objects.filter(pk=edition.pk).update(text=f"{'正文' * 5000} {edition.text}")
    (big,) = proof_sends.post(edition, [parse("wang@post.test")], "wang")
    proof_sends.post(factories.edition(), [parse("li@post.test")], "wang")
    errands.send_notices()
    assert able.recipients() == ["li@post.test"]
    big.refresh_from_db()
    assert (big.state, big.attempts) == (ProofLetter.State.QUEUED, 1)
    assert "waiting until 127.0.0.1:1 can be used again" in big.note


@pytest.mark.django_db(transaction=True)
def test_what_no_relay_takes_is_refused_with_what_each_offered(ours, settings) -> None:
    with SmtpServer(extensions=ASCII) as one, SmtpServer(extensions=ASCII) as two:
        mailing = _mail(settings, [one, two], "reader@post.test", CHINESE)
    ledger = mailings.ledger(mailing)
    assert (ledger["accepted"], ledger["bounced"]) == (1, 1)
    told = Attempt.objects.get()
    assert (told.code, told.enhanced) == (553, "5.6.7")
    assert all(f":{server.port} does not offer SMTPUTF8" in told.text for server in (one, two))


@pytest.mark.django_db(transaction=True)
def test_a_letter_too_big_for_all_stops_the_mailing_and_blames_nobody(ours, settings) -> None:
    with SmtpServer(extensions=SMALL) as one, SmtpServer(extensions=SMALL) as two:
        mailing = _mail(settings, [one, two], "reader@post.test")
    assert mailing.state == Mailing.State.STOPPED
    assert all(
        f":{server.port} takes messages of 1000 octets" in mailing.note for server in (one, two)
    )
    assert not mailings.ledger(mailing)["bounced"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stage", ["mail", "dot"])
@pytest.mark.parametrize("extensions", [ASCII, ASCII[1:]])
def test_what_a_relay_finds_too_big_unannounced_goes_by_the_other(
    ours, settings, able: SmtpServer, stage: str, extensions: tuple[str, ...]
) -> None:
    addresses = [f"reader{number}@post.test" for number in range(8)]
    with SmtpServer(lambda at, _: TOO_BIG if at == stage else None, extensions) as small:
        mailing = _mail(settings, [small, able], *addresses)
        assert small.sessions
    assert mailing.state == Mailing.State.FINISHED
    assert sorted(able.recipients()) == addresses
    assert not Attempt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_the_only_relay_finds_too_big_stops_the_mailing_and_says_so(ours, settings) -> None:
    with SmtpServer(lambda at, _: TOO_BIG if at == "dot" else None, ASCII) as small:
        mailing = _mail(settings, [small], "reader@post.test")
    assert mailing.state == Mailing.State.STOPPED
    assert mailing.note.startswith(f"邮件太大，发信服务器不收，发送已停止：{TOO_BIG}。")
    assert (told := Attempt.objects.get()).text == TOO_BIG[4:]
    assert told.relay == f"127.0.0.1:{small.port}"
    assert not mailings.ledger(mailing)["bounced"]


@pytest.mark.django_db
def test_a_proof_goes_by_the_relay_that_takes_it(ours, settings, able: SmtpServer) -> None:
    with SmtpServer(extensions=ASCII) as other:
        settings.RELAYS = (_relay(other), _relay(able))
        proof_sends.post(factories.edition(), [parse(CHINESE)], "wang")
        errands.send_notices()
    assert len(able.received) == 1


async def _hand_over(relays: Relays) -> None:
    """A line at work, one that needs its relay, and the first again, which has a choice."""
    held = await relays.acquire(letter=LETTER)
    waiting = asyncio.create_task(relays.acquire(letter=LETTER))
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    assert relays.awaited(held)
    await relays.release(held)
    again = await relays.acquire()
    assert waiting.done()
    assert not relays.awaited(held)
    assert again.relay is not (await waiting).relay
    await relays.release(again)
    await relays.release(waiting.result())


def test_a_relay_that_others_need_is_handed_over(able: SmtpServer) -> None:
    async def run(other: SmtpServer) -> None:
        relays = Relays([_relay(other), _relay(able)])
        try:
            await _hand_over(relays)
        finally:
            await relays.close()

    with SmtpServer(extensions=ASCII) as other:
        asyncio.run(run(other))


def test_what_a_relay_offers_after_a_restart_is_believed(able: SmtpServer) -> None:
    async def run() -> None:
        relays = Relays([_relay(able)])
        able.extensions = ASCII
        with pytest.raises(LetterRefused) as refused:
            await relays.acquire(letter=LETTER)
        assert classify(refused.value.reply) is Verdict.BOUNCE
        able.extensions = ("SMTPUTF8",)
        held = await relays.acquire()
        held.abort("restarted")
        await relays.release(held)
        await relays.release(await relays.acquire())
        await relays.release(await relays.acquire(letter=LETTER))
        await relays.close()

    asyncio.run(run())


def test_a_relay_that_takes_nothing_yet_is_asked_again_after_a_while(
    able: SmtpServer, monkeypatch
) -> None:
    async def run() -> None:
        relays = Relays([_relay(able)])
        able.extensions = ASCII
        for _ in range(2):
            with pytest.raises(LetterRefused):
                await relays.acquire(letter=LETTER)
        assert able.sessions == 1
        able.extensions = ("SMTPUTF8",)
        monkeypatch.setattr(module, "BELIEVED_SECONDS", 0.0)
        assert relays.refusal(LETTER) is None
        await relays.release(await relays.acquire(letter=LETTER))
        await relays.close()

    asyncio.run(run())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at", ["mail", "rcpt", "dot"])
def test_the_mail_of_a_relay_that_is_stopped_goes_by_the_others(
    ours, settings, able: SmtpServer, caplog: pytest.LogCaptureFixture, at: str
) -> None:
    def stops(stage: str, _: str) -> str | None:
        return "421 4.3.2 Service shutting down" if stage == at else None

    with SmtpServer(stops) as stopped:
        mailing = _mail(settings, [stopped, able], *(f"reader{n}@a.test" for n in range(20)))
        assert stopped.sessions
    assert mailing.state == Mailing.State.FINISHED
    assert len(set(able.recipients())) == len(able.received) == 20
    assert not Attempt.objects.exists()
    assert caplog.text.count("event=relay-refused") == 1
    assert "provider-paused" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_mail_of_the_only_relay_waits_while_it_is_stopped(
    ours, settings, able: SmtpServer
) -> None:
    able.script = lambda stage, _: "421 4.3.2 shutting down" if stage == "mail" else None
    mailing = _mail(settings, [able], "one@a.test", "two@b.test")
    assert mailings.ledger(mailing)["queued"] == 2
    assert "4.3.2 shutting down" in mailing.note
    assert not Attempt.objects.exists()
