"""A worker's share of a mailing, against a real SMTP server."""

from __future__ import annotations

import email
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
import redis
from django.db import connection, transaction
from django.utils import timezone

from dongtai_mail.delivery import gauges, mailings, pace, queue
from dongtai_mail.delivery.letters import Letters
from dongtai_mail.delivery.models import Attempt, Delivery, Mailing, ProviderLimit
from dongtai_mail.delivery.queue import Outcome
from dongtai_mail.delivery.signals import mailing_due
from dongtai_mail.environment import Relay
from subscribers import membership
from subscribers.models import Subscription
from tests import factories
from tests.installation import wait_until
from tests.smtp_server import DROP, KEEP_AND_DROP, SmtpServer
from worker.engine import Engine
from worker.flow import Flow
from worker.throttle import Throttle

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State


@pytest.fixture
def server(settings, tmp_path: Path, redis_server: redis.Redis) -> Iterator[SmtpServer]:
    """A server, and the settings that lead to it."""
    settings.DATA_DIR = tmp_path
    redis_server.flushall()
    factories.publication()
    with SmtpServer() as smtp:
        settings.RELAYS = (Relay("127.0.0.1", smtp.port, "none", connections=3),)
        yield smtp


@pytest.fixture
def engine(server: SmtpServer) -> Iterator[Engine]:
    made = Engine()
    yield made
    made.close()


def _send(engine: Engine, mailing: Mailing) -> dict[str, int]:
    engine.drive(lambda: None)
    mailing.refresh_from_db()
    return mailings.ledger(mailing)


def test_what_fails_while_a_letter_is_written_takes_no_reader_with_it(
    engine: Engine, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.readers(3)
    mailing = factories.mailing()

    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(Letters, "letters", fail)
        ledger = _send(engine, mailing)
        assert (ledger["queued"], ledger["leased"]) == (3, 0)
        assert mailing.note == "发信程序内部出错，详见日志"
    engine._grants._held.clear()
    assert _send(engine, mailing)["accepted"] == 3


def test_every_reader_gets_one_message_with_links_of_their_own(
    engine: Engine, server: SmtpServer
) -> None:
    factories.readers(30)
    mailing = factories.mailing()
    ledger = _send(engine, mailing)
    assert ledger["accepted"] == mailing.targeted == 30
    assert mailing.state == Mailing.State.FINISHED
    assert len(set(server.recipients())) == len(server.received) == 30
    links = {email.message_from_bytes(m.data)["List-Unsubscribe"] for m in server.received}
    senders = {m.sender for m in server.received}
    assert len(links) == len(senders) == 30
    assert server.sessions == 3


def test_two_mailings_share_the_connections_of_a_provider(
    engine: Engine, server: SmtpServer
) -> None:
    ProviderLimit.objects.create(provider="tencent", connections=1)
    factories.subscribe(factories.subscriber_list(), *(f"reader{n}@qq.com" for n in range(6)))
    made = [factories.mailing(), factories.mailing()]
    engine.drive(lambda: None)
    assert [mailings.ledger(mailing)["accepted"] for mailing in made] == [6, 6]
    assert server.sessions == 1


@pytest.mark.postgres
def test_an_audience_that_takes_long_to_freeze_holds_up_no_other_mailing(
    engine: Engine, server: SmtpServer
) -> None:
    factories.readers(5)
    first = factories.mailing()
    other = factories.publication("other", "other.example")
    theirs = factories.subscriber_list(other, "theirs")
    factories.subscribe(theirs, "reader@slow.test")
    second = factories.mailing(edition=factories.edition(other), subscriber_list=theirs)
    driving = threading.Thread(target=_drive_apart, args=(engine,))
    try:
        with transaction.atomic():
            # As a freeze of a million readers elsewhere would.
            membership.hold(other.pk)
            driving.start()
            wait_until(lambda: mailings.ledger(first)["accepted"] == 5, "the first is sent")
            second.refresh_from_db()
            assert second.state == Mailing.State.SCHEDULED
    finally:
        driving.join(60)
    assert mailings.ledger(second)["accepted"] == 1


def _drive_apart(engine: Engine) -> None:
    try:
        engine.drive(lambda: None)
    finally:
        connection.close()


def test_a_reader_who_left_after_the_start_gets_nothing(engine: Engine, server: SmtpServer) -> None:
    readers = factories.readers(5)
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    Subscription.objects.filter(pk=readers[2].pk).update(state=Subscription.State.UNSUBSCRIBED)
    ledger = _send(engine, mailing)
    assert ledger["suppressed"] == 1
    assert ledger["accepted"] == 4
    assert readers[2].subscriber.address not in server.recipients()


def test_an_address_that_was_mended_too_late_is_its_reader_s_trouble_alone(
    engine: Engine, server: SmtpServer
) -> None:
    factories.readers(10)
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    broken = Delivery.objects.order_by("pk")[4]
    Delivery.objects.filter(pk=broken.pk).update(address="no address")
    ledger = _send(engine, mailing)
    assert (ledger["accepted"], ledger["bounced"]) == (9, 1)
    assert Subscription.objects.get(pk=broken.subscription_id).state == "confirmed"


def test_refusals_are_sorted_into_bounced_and_deferred_with_their_words(
    engine: Engine,
    server: SmtpServer,
) -> None:
    factories.subscribe(
        factories.subscriber_list(), "gone@a.test", "busy@a.test", "full@a.test", "fine@a.test"
    )
    replies = {
        "gone@a.test": "550 5.1.1 no such user",
        "busy@a.test": "451 4.3.0 come back later",
        "full@a.test": "552 5.2.2 mailbox full",
    }
    server.script = lambda stage, argument: replies.get(argument) if stage == "rcpt" else None
    mailing = factories.mailing()
    ledger = _send(engine, mailing)
    assert (ledger["accepted"], ledger["bounced"], ledger["deferred"]) == (1, 1, 2)
    assert mailing.state == Mailing.State.SENDING
    attempt = Attempt.objects.get(delivery__address="gone@a.test")
    assert (attempt.stage, attempt.code, attempt.enhanced) == ("rcpt", 550, "5.1.1")
    assert "no such user" in attempt.text
    assert attempt.relay == f"127.0.0.1:{server.port}"
    assert mailing.started_at < attempt.at < timezone.now()


def test_silence_after_the_final_dot_is_unconfirmed_and_sent_again_with_the_same_id(
    engine: Engine,
    server: SmtpServer,
) -> None:
    factories.subscribe(factories.subscriber_list(), "one@a.test")
    asked = []

    def once(stage: str, argument: str) -> str | None:
        if stage == "dot" and not asked:
            asked.append(argument)
            return KEEP_AND_DROP
        return None

    server.script = once
    mailing = factories.mailing()
    assert _send(engine, mailing)["unconfirmed"] == 1
    assert mailing.state == Mailing.State.SENDING
    Delivery.objects.update(due_at=timezone.now())
    assert _send(engine, mailing)["accepted"] == 1
    first, second = [email.message_from_bytes(m.data)["Message-ID"] for m in server.received]
    assert first == second


def test_a_connection_lost_before_the_final_dot_is_tried_again_later(
    engine: Engine, server: SmtpServer
) -> None:
    factories.subscribe(factories.subscriber_list(), "one@a.test")
    server.script = lambda stage, argument: DROP if stage == "rcpt" else None
    ledger = _send(engine, factories.mailing())
    assert ledger["deferred"] == 1
    assert Attempt.objects.get().code is None


def test_a_refusal_of_the_letter_itself_stops_the_mailing(
    engine: Engine, server: SmtpServer
) -> None:
    factories.readers(40)
    server.script = lambda stage, argument: (
        "554 5.7.1 message rejected as spam" if stage == "dot" else None
    )
    mailing = factories.mailing()
    ledger = _send(engine, mailing)
    assert mailing.state == Mailing.State.STOPPED
    assert "rejected as spam" in mailing.note
    assert ledger["bounced"] == 0
    assert sum(ledger.values()) == 40
    assert not server.received


def test_a_relay_that_is_away_costs_nobody_a_try(server: SmtpServer, settings) -> None:
    settings.RELAYS = (Relay("127.0.0.1", 1, "none"),)
    factories.readers(5)
    engine = Engine()
    mailing = factories.mailing()
    ledger = _send(engine, mailing)
    engine.close()
    assert ledger["queued"] == 5
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert "127.0.0.1:1" in mailing.note


@pytest.mark.parametrize("stage", ["connect", "ehlo", "dot"])
def test_words_that_no_database_keeps_do_not_hold_a_worker_up(
    engine: Engine, server: SmtpServer, stage: str
) -> None:
    factories.readers(2)
    server.script = lambda at, argument: "554 5.7.1 no\0 spam" if at == stage else None
    mailing = factories.mailing()
    ledger = _send(engine, mailing)
    assert ledger["queued"] + ledger["deferred"] == 2
    assert "no\ufffd spam" in mailing.note


def test_a_line_is_at_work_until_what_it_held_has_an_outcome(
    server: SmtpServer, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flow that nothing is at work for is forgotten, with whatever comes after that."""
    lines: list[int] = []

    class Outcomes(SimpleQueue[Outcome]):
        def put(self, outcome: Outcome, *_: object) -> None:
            lines.append(flow.lines)
            super().put(outcome)

    mailing = factories.mailing()
    flow = Flow("", Letters(mailing))
    flow.outcomes = Outcomes()
    settings.RELAYS = (Relay("127.0.0.1", 1, "none"),)
    engine = Engine()
    monkeypatch.setattr(engine, "_new_flow", lambda key: flow)
    factories.readers(1)
    ledger = _send(engine, mailing)
    engine.close()
    assert ledger["queued"] == 1
    assert lines == [1]


def test_what_the_full_disk_cannot_note_is_not_sent(engine: Engine, server: SmtpServer) -> None:
    factories.readers(4)
    full = os.open("/dev/full", os.O_WRONLY)

    def fill(stage: str, argument: str) -> None:
        if stage == "data":
            os.dup2(full, engine._journal._file)

    server.script = fill
    mailing = factories.mailing()
    ledger = _send(engine, mailing)
    os.close(full)
    assert not server.received
    assert ledger["queued"] == 4
    assert "No space left" in mailing.note


def test_a_full_redis_is_told_as_such_and_sending_waits_for_room(
    engine: Engine, server: SmtpServer, redis_server: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    factories.readers(4)
    mailing = factories.mailing()
    redis_server.config_set("maxmemory", 1)
    try:
        ledger = _send(engine, mailing)
        mailing_due.send(None)
    finally:
        redis_server.config_set("maxmemory", 0)
    assert (ledger["queued"], len(server.received)) == (4, 0)
    assert "event=redis-refused sending=waits" in caplog.text
    assert "event=redis-refused service=broker" in caplog.text
    assert not {"event=unreachable", "event=failed"} & set(caplog.text.split())
    assert _send(engine, mailing)["accepted"] == 4


def _later(client: redis.Redis, mailing: Mailing, seconds: float) -> None:
    """Move what the throttle remembers of a mailing into the past."""
    key = pace.mailing_key(mailing.pk)
    at = client.hget(key, "at")
    assert isinstance(at, bytes)
    client.hset(key, "at", float(at) - seconds)


def test_a_mailings_own_cap_holds_over_all_its_lanes(
    engine: Engine, server: SmtpServer, redis_server: redis.Redis
) -> None:
    factories.readers(30)
    mailing = factories.mailing(per_minute=24)
    mailings.start(mailing.pk)
    queue.own_lane("post.test")
    assert len({key.lane for key in queue.waiting()}) == 2
    began = time.monotonic()
    first = _send(engine, mailing)["accepted"]
    # Two are what five seconds give, to begin with; the rest is what time has brought since.
    assert 2 <= first <= 2 + 0.4 * (time.monotonic() - began)
    _later(redis_server, mailing, 60)
    assert first + 2 <= _send(engine, mailing)["accepted"] <= 4 + 0.4 * (time.monotonic() - began)
    assert mailing.state == Mailing.State.SENDING


def test_a_lane_at_rest_keeps_no_permits_of_a_capped_mailing(
    engine: Engine, server: SmtpServer
) -> None:
    factories.subscribe(factories.subscriber_list(), "a@qq.com", "b@qq.com", "c@other.test")
    mailing = factories.mailing(per_minute=12)
    Throttle(pace.client()).slower("tencent", "421 too fast")
    ledger = _send(engine, mailing)
    assert (ledger["accepted"], ledger["queued"]) == (1, 2)
    assert server.recipients() == ["c@other.test"]


def test_the_rate_of_each_lane_can_be_read(engine: Engine, server: SmtpServer) -> None:
    factories.readers(30)
    mailing = factories.mailing()
    _send(engine, mailing)
    engine._report.send({})
    rates = gauges.rates(pace.client(), mailing.pk)
    assert rates.keys() == {""}
    assert rates[""] > 0
    assert gauges.rates(pace.client(), mailing.pk + 1) == {}
