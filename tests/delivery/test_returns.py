"""What comes back and what follows: the right reader is stopped by proof, and nobody else."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dongtai_mail.delivery import mailings, queue, reports, returns, stages
from dongtai_mail.delivery.models import (
    Attempt,
    Delivery,
    Mailing,
    Mentions,
    ReturnedMessage,
    SoftBounce,
)
from dongtai_mail.delivery.queue import Outcome
from dongtai_mail.keys import keyring
from dongtai_mail.message.links import LEAVE
from dongtai_mail.message.reply import Reply, Stage
from dongtai_mail.message.seal import Keyring
from dongtai_mail.message.verp import envelope_sender
from subscribers.models import Subscription, SubscriptionEvent, Suppression
from tests import factories
from tests.delivery import samples

pytestmark = pytest.mark.django_db

Effect, Status = ReturnedMessage.Effect, ReturnedMessage.Status
DOMAIN = "bounce.example.org"
FORGER = Keyring({1: b"f" * 32})


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    """Where the DKIM key is: making one costs seconds."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def mailing(settings, keys: Path) -> Mailing:
    settings.DATA_DIR = keys
    factories.readers(4)
    return _sent()


def _sent(days_ago: float = 0) -> Mailing:
    """A mailing that a relay has accepted for everybody still subscribed."""
    row = factories.mailing()
    mailings.start(row.pk)
    at = timezone.now() - datetime.timedelta(days=days_ago)
    leaving = Delivery.objects.filter(mailing=row)
    leaving.update(state=Delivery.State.ACCEPTED, changed_at=at)
    row.refresh_from_db()
    return row


def _first(mailing: Mailing) -> Delivery:
    return Delivery.objects.filter(mailing=mailing).order_by("id")[0]


def _verp(delivery: Delivery, keys: Keyring | None = None) -> str:
    return envelope_sender(keys or keyring(), delivery.pk, DOMAIN)


def _states() -> list[str]:
    rows = Subscription.objects.order_by("id").values_list("state", flat=True)
    return [str(state) for state in rows]


def _receive(raw: bytes, recipient: str = "") -> ReturnedMessage:
    return returns.receive(raw, recipient, "lmtp")


def test_a_hard_bounce_stops_its_reader_and_nobody_else(mailing: Mailing) -> None:
    delivery = _first(mailing)
    row = _receive(samples.bounce(delivery.address), _verp(delivery))
    assert (row.status, row.effect) == (Status.PROCESSED, Effect.BOUNCED)
    assert (row.delivery, row.subscription_id) == (delivery, delivery.subscription_id)
    assert _states() == ["bounced", "confirmed", "confirmed", "confirmed"]
    event = SubscriptionEvent.objects.get(subscription=delivery.subscription_id)
    assert event.source == "lmtp"
    assert event.detail == f"returned {row.pk}: 550 5.1.1 no such user here"


def test_the_ledger_stays_exact_and_the_words_are_kept(mailing: Mailing) -> None:
    delivery = _first(mailing)
    _receive(samples.bounce(delivery.address), _verp(delivery))
    ledger = mailings.ledger(mailing)
    assert (ledger["accepted"], ledger["bounced"]) == (3, 1)
    assert sum(ledger.values()) == mailing.targeted
    attempt = Attempt.objects.get(delivery=delivery)
    assert (attempt.stage, attempt.code, attempt.enhanced) == ("returned", 550, "5.1.1")
    assert "no such user" in attempt.text


def test_the_same_bounce_again_changes_nothing(mailing: Mailing) -> None:
    delivery = _first(mailing)
    raw, recipient = samples.bounce(delivery.address), _verp(delivery)
    assert _receive(raw, recipient) == _receive(raw, recipient)
    other_door = returns.receive(b"X-Seen: again\r\n" + raw, recipient, "imap")
    assert other_door.effect == Effect.NONE
    assert Attempt.objects.count() == SubscriptionEvent.objects.count() == 1
    assert mailings.ledger(mailing)["bounced"] == 1


def test_a_bounce_that_is_faster_than_the_workers_record_counts_once(mailing: Mailing) -> None:
    delivery = _first(mailing)
    Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.LEASED)
    _receive(samples.bounce(delivery.address), _verp(delivery))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.batch_id) == (Delivery.State.BOUNCED, None)


@pytest.mark.parametrize("make", [samples.bounce, samples.complaint])
def test_a_forged_token_has_no_effect(mailing: Mailing, make) -> None:
    delivery = _first(mailing)
    row = _receive(make(delivery.address), _verp(delivery, FORGER))
    assert row.status == Status.IGNORED
    assert "伪造" in row.note
    assert _states() == ["confirmed"] * 4
    assert not Suppression.objects.exists()
    assert mailings.ledger(mailing)["accepted"] == 4


def test_a_forged_envelope_is_not_made_good_by_a_token_inside(mailing: Mailing) -> None:
    delivery = _first(mailing)
    raw = samples.bounce(delivery.address, returned_from=_verp(delivery))
    row = _receive(raw, _verp(delivery, FORGER))
    assert row.status == Status.IGNORED


@pytest.mark.parametrize("make", [samples.bounce, samples.complaint])
def test_an_address_alone_condemns_nobody(mailing: Mailing, make) -> None:
    row = _receive(make(_first(mailing).address), f"postmaster@{DOMAIN}")
    assert row.status == Status.IGNORED
    assert row.judgement[0]["address"] == _first(mailing).address
    assert _states() == ["confirmed"] * 4


def test_the_token_is_found_inside_where_the_door_knows_no_envelope(mailing: Mailing) -> None:
    delivery = _first(mailing)
    row = _receive(samples.bounce(delivery.address, returned_from=_verp(delivery)))
    assert row.effect == Effect.BOUNCED


@pytest.mark.parametrize("make", [samples.vacation, samples.delayed, samples.receipt])
def test_what_is_no_failure_is_recorded_and_no_more(mailing: Mailing, make) -> None:
    delivery = _first(mailing)
    row = _receive(make(delivery.address), _verp(delivery))
    assert (row.status, row.effect, row.delivery) == (Status.PROCESSED, Effect.NONE, delivery)
    assert _states() == ["confirmed"] * 4
    assert mailings.ledger(mailing)["accepted"] == 4
    assert not SoftBounce.objects.exists()


def test_a_message_nobody_understands_is_kept(mailing: Mailing) -> None:
    raw = b"Subject: hello\r\n\r\nI liked the issue.\r\n"
    row = _receive(raw, _verp(_first(mailing)))
    assert row.status == Status.UNPARSED
    assert bytes(row.raw) == raw


@pytest.mark.parametrize("raw", [b"", b"\x00" * 50, b"\xff\xfe" * 900, b"Subject: \x00\r\n\r\n"])
def test_octets_without_sense_are_kept(raw: bytes) -> None:
    row = _receive(raw, "b+\x00\udc80@bounce.example.org")
    assert row.status in (Status.UNPARSED, Status.IGNORED)
    assert bytes(row.raw) == raw


def test_a_huge_message_is_kept_in_part_with_its_size(mailing: Mailing) -> None:
    raw = samples.bounce(_first(mailing).address) + b"x" * (2 * returns.KEEP_BYTES)
    row = _receive(raw, _verp(_first(mailing)))
    assert (len(row.raw), row.size) == (returns.KEEP_BYTES, len(raw))
    assert row.effect == Effect.BOUNCED


def test_a_complaint_stops_the_reader_and_suppresses_the_address(mailing: Mailing) -> None:
    delivery = _first(mailing)
    row = _receive(samples.complaint(delivery.address), _verp(delivery))
    assert row.effect == Effect.COMPLAINED
    assert _states() == ["complained", "confirmed", "confirmed", "confirmed"]
    suppression = Suppression.objects.get()
    assert (suppression.key, suppression.reason) == (delivery.address, "complaint")
    assert suppression.publication == mailing.subscriber_list.publication
    assert mailings.ledger(mailing)["accepted"] == 4


def test_a_complaint_can_count_everywhere(mailing: Mailing, settings) -> None:
    settings.COMPLAINT_SCOPE = "everywhere"
    delivery = _first(mailing)
    _receive(samples.complaint(delivery.address), _verp(delivery))
    _receive(samples.complaint(delivery.address) + b"again", _verp(delivery))
    assert Suppression.objects.get().publication is None


@pytest.mark.parametrize("quoted", [False, True])
def test_a_complaint_is_known_by_the_unsubscribe_address_in_it(
    mailing: Mailing, quoted: bool
) -> None:
    delivery, later = _first(mailing), _sent()
    leave = keyring().seal_caseless(LEAVE, (delivery.subscription_id,))
    raw = samples.complaint(delivery.address, f"List-Unsubscribe: <mailto:leave+{leave}@{DOMAIN}>")
    if quoted:
        raw = raw.replace(b"<1.1@", f"<{mailing.pk}.{delivery.pk}@".encode())
    else:
        raw = raw.replace(b"<1.1@", f"<{later.pk}.{delivery.pk}@".encode())
    assert _receive(raw, f"abuse@{DOMAIN}").effect == Effect.COMPLAINED
    assert _states()[0] == "complained"
    said = {row: reports.figures(row).complaints for row in (mailing, later)}
    assert said == {mailing: quoted, later: not quoted}
    assert stages.counts(mailing)["complaints"] == 1


def test_a_report_that_it_was_no_spam_is_no_complaint(mailing: Mailing) -> None:
    delivery = _first(mailing)
    raw = samples.complaint(delivery.address).replace(b"Type: abuse", b"Type: not-spam")
    assert _receive(raw, _verp(delivery)).status == Status.IGNORED
    assert _states() == ["confirmed"] * 4


def test_mail_to_the_unsubscribe_address_leaves(mailing: Mailing) -> None:
    subscription = Subscription.objects.order_by("id")[1]
    leave = keyring().seal_caseless(LEAVE, (subscription.pk,))
    raw = b"Subject: unsubscribe\r\n\r\n"
    row = _receive(raw, f"LEAVE+{leave.upper()}@{DOMAIN}")
    assert row.effect == Effect.LEFT
    assert _states() == ["confirmed", "unsubscribed", "confirmed", "confirmed"]
    left = SubscriptionEvent.objects.get()
    assert (left.source, left.mailing) == ("mailto", mailing.pk)
    assert reports.figures(mailing).unsubscribes == 1
    assert _receive(raw + b"\r\n", f"leave+{leave}@{DOMAIN}").effect == Effect.NONE


@pytest.mark.parametrize("purpose", ["verp", "reader"])
def test_a_token_of_another_purpose_unsubscribes_nobody(mailing: Mailing, purpose: str) -> None:
    token = keyring().seal_caseless(purpose, (Subscription.objects.order_by("id")[0].pk,))
    row = _receive(b"Subject: unsubscribe\r\n\r\n", f"leave+{token}@{DOMAIN}")
    assert row.status == Status.IGNORED
    assert _states() == ["confirmed"] * 4


def test_a_bounce_after_leaving_does_not_change_why_the_reader_left(mailing: Mailing) -> None:
    delivery = _first(mailing)
    Subscription.objects.filter(pk=delivery.subscription_id).update(state="unsubscribed")
    _receive(samples.bounce(delivery.address), _verp(delivery))
    assert _states()[0] == "unsubscribed"


def test_a_bounce_of_an_erased_reader_or_mailing_is_recorded(mailing: Mailing) -> None:
    delivery = _first(mailing)
    Subscription.objects.get(pk=delivery.subscription_id).subscriber.delete()
    row = _receive(samples.bounce(delivery.address), _verp(delivery))
    assert (row.status, row.subscription) == (Status.PROCESSED, None)
    assert mailings.ledger(mailing)["bounced"] == 1
    verp = _verp(delivery)
    Delivery.objects.all().delete()
    assert _receive(samples.bounce("someone@else.test"), verp).status == Status.IGNORED


def _moved(subscription_id: int | None, to: str = "new@example.net") -> None:
    person = Subscription.objects.get(pk=subscription_id).subscriber
    person.address = person.key = to
    person.save()


def test_a_bounce_of_a_former_address_says_nothing_about_the_present_one(mailing: Mailing) -> None:
    delivery = _first(mailing)
    _moved(delivery.subscription_id)
    for make in (samples.bounce, samples.full):
        row = _receive(make(delivery.address), _verp(delivery))
        assert (row.status, row.effect) == (Status.PROCESSED, Effect.NONE)
        assert "以前的地址" in row.note
    assert _states() == ["confirmed"] * 4
    assert not SoftBounce.objects.exists()
    assert mailings.ledger(mailing)["bounced"] == 1
    assert _receive(samples.complaint(delivery.address), _verp(delivery)).effect == "complained"


def test_another_spelling_of_the_address_is_the_same_one(mailing: Mailing) -> None:
    delivery = _first(mailing)
    Delivery.objects.filter(pk=delivery.pk).update(address=delivery.address.title())
    assert _receive(samples.bounce(delivery.address), _verp(delivery)).effect == Effect.BOUNCED


def _soft(mailing: Mailing, days_ago: float) -> ReturnedMessage:
    """A full mailbox, so many days ago."""
    delivery = _first(mailing)
    row = _receive(samples.full(delivery.address) + b"%f" % days_ago, _verp(delivery))
    _shift(days_ago)
    return row


def _shift(days_ago: float) -> None:
    """What came today came so many days ago."""
    day = timezone.localdate() - datetime.timedelta(days=int(days_ago))
    at = timezone.now() - datetime.timedelta(days=days_ago)
    SoftBounce.objects.filter(day=timezone.localdate()).update(day=day, at=at)


def test_five_soft_bounces_on_five_days_stop_a_reader(mailing: Mailing) -> None:
    effects = [_soft(mailing, days).effect for days in (29, 20, 9, 3, 0)]
    assert effects == [Effect.COUNTED] * 4 + [Effect.BOUNCED]
    assert _states() == ["bounced", "confirmed", "confirmed", "confirmed"]
    assert "5 soft bounces" in SubscriptionEvent.objects.get().detail


def test_soft_bounces_of_one_day_count_once(mailing: Mailing) -> None:
    delivery = _first(mailing)
    for number in range(6):
        _receive(samples.full(delivery.address) + b"%d" % number, _verp(delivery))
    assert SoftBounce.objects.count() == 1
    assert _states() == ["confirmed"] * 4


def test_old_soft_bounces_are_forgotten(mailing: Mailing) -> None:
    effects = [_soft(mailing, days).effect for days in (40, 20, 9, 3, 0)]
    assert effects[-1] == Effect.COUNTED
    assert _states() == ["confirmed"] * 4


def test_a_mail_that_arrived_afterwards_forgives(mailing: Mailing) -> None:
    for days in (25, 20, 16, 12):
        _soft(mailing, days)
    _sent(days_ago=8)
    assert _soft(mailing, 0).effect == Effect.COUNTED
    assert _states() == ["confirmed"] * 4


def test_a_mail_that_may_still_come_back_forgives_nothing(mailing: Mailing) -> None:
    for days in (25, 20, 16, 12):
        _soft(mailing, days)
    _sent(days_ago=1)
    assert _soft(mailing, 0).effect == Effect.BOUNCED


def test_thresholds_are_settings(mailing: Mailing, settings) -> None:
    settings.SOFT_BOUNCES = 2
    assert [_soft(mailing, days).effect for days in (2, 0)] == [Effect.COUNTED, Effect.BOUNCED]


def test_what_a_dead_process_left_is_taken_up(mailing: Mailing) -> None:
    delivery = _first(mailing)
    row = returns.store(samples.bounce(delivery.address), _verp(delivery), "lmtp")
    returns.catch_up()
    assert _states() == ["confirmed"] * 4
    ReturnedMessage.objects.update(received_at=timezone.now() - datetime.timedelta(minutes=5))
    returns.catch_up()
    row.refresh_from_db()
    assert row.effect == Effect.BOUNCED


def test_messages_are_dropped_when_old_and_what_they_did_stays(mailing: Mailing, settings) -> None:
    delivery = _first(mailing)
    effective = _receive(samples.bounce(delivery.address), _verp(delivery))
    idle = _receive(samples.vacation(delivery.address), _verp(delivery))
    settings.RETURNED_DAYS = 30
    for days, left in ((29, {effective.pk, idle.pk}), (31, {effective.pk})):
        at = timezone.now() - datetime.timedelta(days=days)
        ReturnedMessage.objects.update(received_at=at)
        returns.forget_old()
        assert set(ReturnedMessage.objects.values_list("pk", flat=True)) == left
    effective.refresh_from_db()
    assert effective.raw is None
    assert Mentions.objects.get().inside == ""
    assert delivery.address in Mentions.objects.get().beside
    assert effective.judgement[0]["status"] == "5.1.1"


def test_old_messages_are_dropped_in_portions_unread(mailing: Mailing, monkeypatch) -> None:
    for number in range(3):
        _receive(b"Subject: %d\r\n\r\n" % number)
    ReturnedMessage.objects.update(received_at="2020-01-01T00:00Z")
    monkeypatch.setattr(returns, "FORGOTTEN_AT_ONCE", 2)
    with CaptureQueriesContext(connection) as asked:
        returns.forget_old()
    assert ReturnedMessage.objects.count() == 1
    read = [each["sql"] for each in asked if each["sql"].startswith("SELECT")]
    assert not [sql for sql in read if '"raw"' in sql.partition(" FROM ")[0]]
    returns.forget_old()
    assert not ReturnedMessage.objects.exists()


def test_an_erased_readers_address_is_in_nothing_that_came_back(mailing: Mailing) -> None:
    delivery = _first(mailing)
    address, subscription_id = delivery.address, delivery.subscription_id
    encoded = base64.b64encode(f"about {address}".encode())
    part = b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded
    _receive(samples.bounce(address), _verp(delivery))
    _receive(samples.bounce(address.upper()), "postmaster@example.org")
    _receive(part, "postmaster@example.org")
    _receive(b"Subject: =?utf-8?B?" + encoded + b"?=\r\n\r\n", "postmaster@example.org")
    _receive(f"\r\n\r\n收件人{address}不存在".encode(), "postmaster@example.org")
    _receive(b"\r\n\r\nnobody", f"b={address}")
    other = _receive(b"Subject: of somebody else\r\n\r\n")
    returns.forget([subscription_id], [address])
    assert list(ReturnedMessage.objects.all()) == [other]


def test_no_message_keeps_a_reader_from_being_erased(mailing: Mailing) -> None:
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (depth, depth)
        for depth in range(2000)
    )
    plain = _receive(nested, "postmaster@example.org")
    _receive(nested + b"base64", "postmaster@example.org")
    other = _receive(b"Subject: of somebody else\r\n\r\n")
    delivery = _first(mailing)
    returns.forget([delivery.subscription_id], [delivery.address])
    assert set(ReturnedMessage.objects.all()) == {plain, other}


def test_a_full_mailbox_counts_on_each_day_that_a_retry_hears_it(mailing: Mailing) -> None:
    again = factories.mailing()
    mailings.start(again.pk)
    full = _first(again).pk
    for days_ago in (17, 16, 15, 14, 0):
        Delivery.objects.filter(state=Delivery.State.DEFERRED).update(
            state=Delivery.State.QUEUED, due_at=None
        )
        claimed = queue.claim(again.pk, "", "worker", 4)
        said = {True: "4.2.2 mailbox full", False: "4.7.1 greylisted, try again later"}
        queue.record([Outcome(e, Reply(Stage.RCPT, 452, said[e.id == full])) for e in claimed])
        assert SoftBounce.objects.filter(day=timezone.localdate()).count() == 1
        _shift(days_ago)
    assert sorted(_states()) == ["bounced"] + ["confirmed"] * 3
    assert "mailbox full (5 soft bounces)" in SubscriptionEvent.objects.get().detail


def test_a_server_that_refuses_while_we_send_stops_the_reader(mailing: Mailing) -> None:
    again = factories.mailing()
    mailings.start(again.pk)
    gone, full, *_ = queue.claim(again.pk, "", "worker", 4)
    queue.record([Outcome(gone, Reply(Stage.RCPT, 550, "5.1.1 no such user"))])
    queue.record([Outcome(full, Reply(Stage.RCPT, 550, "5.7.1 rejected by local policy"))])
    states = dict(Subscription.objects.values_list("id", "state"))
    assert states[gone.subscription_id] == "bounced"
    assert [state for state in states.values() if state == "confirmed"] == ["confirmed"] * 3
    event = SubscriptionEvent.objects.get()
    assert (event.source, event.detail) == ("smtp", f"mailing {again.pk}: 550 5.1.1 no such user")


@pytest.mark.parametrize("said", [(550, "5.1.1 no such user"), (452, "4.2.2 mailbox full")])
def test_a_reader_who_moved_while_we_send_is_not_stopped(mailing: Mailing, said) -> None:
    again = factories.mailing()
    mailings.start(again.pk)
    moved, *_ = queue.claim(again.pk, "", "worker", 4)
    _moved(moved.subscription_id)
    queue.record([Outcome(moved, Reply(Stage.RCPT, *said))])
    assert Attempt.objects.get().delivery_id == moved.id
    assert _states() == ["confirmed"] * 4
    assert not SoftBounce.objects.exists()
