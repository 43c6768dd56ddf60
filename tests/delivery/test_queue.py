"""Claiming and recording: a delivery has one owner and one outcome."""

from __future__ import annotations

import datetime
from collections import Counter

import pytest
from django.db.models import F, Max
from django.utils import timezone

from dongtai_mail.delivery import mailings, queue, tally
from dongtai_mail.delivery.models import Attempt, Batch, Delivery, Mailing
from dongtai_mail.delivery.queue import Claimed, Outcome, settling
from dongtai_mail.message.reply import Reply, Stage
from subscribers.models import Subscription, SubscriptionEvent, Suppression
from tests import factories

pytestmark = pytest.mark.django_db

State = Delivery.State
ACCEPTED = Reply(Stage.FINAL, 250, "2.0.0 ok")
LATER = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
SILENCE = Reply(Stage.FINAL, None, "connection lost")
BUSY = Reply(Stage.RCPT, 451, "4.3.0 later")


@pytest.fixture
def mailing(settings, tmp_path) -> Mailing:
    settings.DATA_DIR = tmp_path
    factories.readers(10)
    row = factories.mailing()
    mailings.start(row.pk)
    row.refresh_from_db()
    return row


def _claim(mailing: Mailing, size: int = 4) -> list[Claimed]:
    return queue.claim(mailing.pk, "", "worker", size)


def _state(delivery: Claimed) -> int:
    return Delivery.objects.get(pk=delivery.id).state


def test_what_cannot_be_evidenced_is_not_claimed_and_leaves_no_batch(mailing: Mailing) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        queue.claim(mailing.pk, "", "worker", 4, full)
    assert not Batch.objects.exists()
    assert mailings.ledger(mailing)["queued"] == 10


def test_two_claims_share_nothing(mailing: Mailing) -> None:
    first, second = _claim(mailing), _claim(mailing)
    assert len(first) == len(second) == 4
    assert not {each.id for each in first} & {each.id for each in second}


def test_nothing_is_claimed_from_a_mailing_that_is_not_sending(mailing: Mailing) -> None:
    mailings.pause(mailing)
    assert not _claim(mailing)
    mailings.resume(mailing)
    assert _claim(mailing)


def test_reporting_twice_changes_nothing(mailing: Mailing) -> None:
    first, *_ = _claim(mailing)
    queue.record([Outcome(first, ACCEPTED)])
    queue.record([Outcome(first, Reply(Stage.RCPT, 550, "5.1.1 unknown"))])
    assert _state(first) == State.ACCEPTED
    assert not Attempt.objects.exists()


def test_another_batch_cannot_report_on_a_delivery(mailing: Mailing) -> None:
    first, *_ = _claim(mailing)
    other, *_ = _claim(mailing)
    stranger = first._replace(batch_id=other.batch_id)
    for reply in (ACCEPTED, SILENCE, Reply(Stage.RCPT, 550, "5.1.1 unknown"), None):
        queue.record([Outcome(stranger, reply)])
        assert _state(first) == State.LEASED


def test_what_was_not_begun_is_as_it_was(mailing: Mailing) -> None:
    queue.record([Outcome(delivery) for delivery in _claim(mailing)])
    assert set(Delivery.objects.values_list("state", "attempts")) == {(State.QUEUED, 0)}


@pytest.mark.parametrize("change", [{"state": "unsubscribed"}, {"paused_until": LATER}])
def test_a_reader_who_left_or_paused_is_not_claimed(mailing: Mailing, change) -> None:
    Subscription.objects.update(**change)
    assert _claim(mailing) == []
    assert mailings.ledger(mailing)["suppressed"] == 4


def test_a_pause_that_is_over_keeps_nobody_out(mailing: Mailing) -> None:
    Subscription.objects.update(paused_until=timezone.now())
    assert len(_claim(mailing)) == 4


def test_a_reader_who_is_gone_is_not_claimed(mailing: Mailing) -> None:
    Delivery.objects.update(subscription=None)
    assert _claim(mailing) == []


def test_a_reader_who_leaves_after_the_claim_is_noticed(mailing: Mailing) -> None:
    departures = queue.Departures()
    claimed = _claim(mailing)
    assert departures.among(claimed) == set()
    gone = Subscription.objects.get(pk=claimed[1].subscription_id)
    Subscription.objects.filter(pk=gone.pk).update(state=Subscription.State.UNSUBSCRIBED)
    SubscriptionEvent.objects.create(subscription=gone, state="unsubscribed", source="test")
    assert departures.among(claimed) == {claimed[1].id}
    key = Subscription.objects.get(pk=claimed[2].subscription_id).subscriber.key
    Suppression.objects.create(key=key, reason="complaint")
    assert departures.among(claimed) == {claimed[1].id, claimed[2].id}


def test_a_pause_after_the_claim_is_noticed_before_long(mailing: Mailing, monkeypatch) -> None:
    departures = queue.Departures()
    claimed = _claim(mailing)
    paused = Subscription.objects.filter(pk=claimed[1].subscription_id)
    paused.update(paused_until=timezone.now() + datetime.timedelta(days=7))
    assert departures.among(claimed) == set()
    monkeypatch.setattr("dongtai_mail.delivery.queue.claiming.EVERYBODY_SECONDS", 0.0)
    assert departures.among(claimed) == {claimed[1].id}


def test_a_dead_workers_story_settles_its_batch(mailing: Mailing) -> None:
    first, second, *rest = _claim(mailing)
    queue.settle([first.batch_id], {first.id}, {second.id})
    assert _state(first) == State.ACCEPTED
    assert _state(second) == State.UNCONFIRMED
    assert {_state(each) for each in rest} == {State.QUEUED}
    queue.settle([first.batch_id], set(), {first.id})
    assert _state(first) == State.ACCEPTED


def test_the_story_of_a_worker_that_sent_for_hours_is_settled(mailing: Mailing) -> None:
    first, second, *_ = _claim(mailing)
    queue.record([Outcome(first, SILENCE)])
    told = {first.id, *range(second.id + 10_000, second.id + 300_000)}
    assert queue.settle([first.batch_id], told, {second.id}) == (1, 1, 2)
    assert (_state(first), _state(second)) == (State.ACCEPTED, State.UNCONFIRMED)


def test_a_worker_that_renewed_its_lease_meanwhile_is_left_alone(mailing: Mailing) -> None:
    claimed = _claim(mailing)
    batch_id = claimed[0].batch_id
    lapsed = timezone.now() - datetime.timedelta(seconds=1)
    Batch.objects.update(leased_until=lapsed)
    assert queue.lapsed() == {batch_id: lapsed}
    assert queue.extend([batch_id]) == {batch_id}
    assert queue.settle([batch_id], {claimed[0].id}, None, lapsed) == (0, 0, 0)
    assert {_state(each) for each in claimed} == {State.LEASED}
    assert queue.extend([batch_id]) == {batch_id}


def test_a_batch_without_evidence_is_unconfirmed_until_its_worker_speaks(
    mailing: Mailing,
) -> None:
    claimed = _claim(mailing)
    batch_id = claimed[0].batch_id
    assert queue.lapsed() == {}
    past = timezone.now() - datetime.timedelta(seconds=1)
    Batch.objects.filter(pk=batch_id).update(leased_until=past)
    assert queue.lapsed() == {batch_id: past}
    queue.settle([batch_id], (), None, past)
    assert queue.extend([batch_id]) == set()
    assert mailings.ledger(mailing)["unconfirmed"] == 4
    queue.record([Outcome(each, ACCEPTED) for each in claimed])
    assert mailings.ledger(mailing)["accepted"] == 4


def test_unconfirmed_deliveries_follow_the_mailings_policy(mailing: Mailing) -> None:
    queue.record([Outcome(each, SILENCE) for each in _claim(mailing)])
    queue.requeue_due()
    assert mailings.ledger(mailing)["unconfirmed"] == 4
    Delivery.objects.filter(state=State.UNCONFIRMED).update(due_at=timezone.now())
    Mailing.objects.update(unconfirmed_policy=Mailing.Unconfirmed.LEAVE)
    queue.requeue_due()
    assert mailings.ledger(mailing)["unconfirmed"] == 4
    Mailing.objects.update(unconfirmed_policy=Mailing.Unconfirmed.RESEND)
    queue.requeue_due()
    assert mailings.ledger(mailing)["queued"] == 10


def test_a_relay_that_never_answers_for_a_message_does_not_get_it_for_ever(
    mailing: Mailing,
) -> None:
    waits = []
    while claimed := _claim(mailing, 10):
        now = timezone.now()
        queue.record([Outcome(each, SILENCE) for each in claimed])
        due = Delivery.objects.aggregate(last=Max("due_at"))["last"]
        if due is None:
            break
        waits.append(due - now)
        Delivery.objects.update(due_at=now)
        queue.requeue_due()
    assert len(waits) == settling.RESENDS
    assert waits == sorted(waits)
    assert waits[0] < datetime.timedelta(minutes=2) < waits[1]
    # It is nobody's any more but the people's who look at the list.
    assert mailings.ledger(mailing)["unconfirmed"] == 10
    assert mailings.settle(mailing.pk)


def test_what_a_clock_put_off_that_has_been_set_back_since_is_tried_again(
    mailing: Mailing,
) -> None:
    first, second, *_ = _claim(mailing)
    queue.record([Outcome(first, BUSY), Outcome(second, SILENCE)])
    queue.requeue_due()
    assert (_state(first), _state(second)) == (State.DEFERRED, State.UNCONFIRMED)
    Delivery.objects.exclude(due_at=None).update(due_at=F("due_at") + datetime.timedelta(days=1))
    queue.requeue_due()
    assert (_state(first), _state(second)) == (State.QUEUED, State.QUEUED)


def test_retries_come_later_and_end_after_the_limit(mailing: Mailing, settings) -> None:
    first, second, *_ = _claim(mailing)
    queue.record([Outcome(first, BUSY)])
    deferred = Delivery.objects.get(pk=first.id)
    assert deferred.state == State.DEFERRED
    assert deferred.due_at > timezone.now() + datetime.timedelta(minutes=3)
    long_ago = timezone.now() - datetime.timedelta(hours=settings.RETRY_HOURS)
    Mailing.objects.update(started_at=long_ago)
    Attempt.objects.update(at=long_ago)
    Delivery.objects.filter(pk=first.id).update(state=State.QUEUED)
    again, *_ = _claim(mailing, 1)
    queue.record([Outcome(again, BUSY), Outcome(second, BUSY)])
    assert _state(first) == State.BOUNCED
    # A reader whose turn came late is not given up for the time the others took.
    assert _state(second) == State.DEFERRED


def test_the_tally_is_what_counting_would_say(mailing: Mailing) -> None:
    first, second, third, _ = _claim(mailing)
    queue.record(
        [
            Outcome(first, ACCEPTED),
            Outcome(second, Reply(Stage.RCPT, 550, "5.1.1 unknown")),
            Outcome(third, SILENCE),
        ]
    )
    Delivery.objects.filter(state=State.QUEUED).first().delete()
    for _ in range(2):
        counted = Counter(Delivery.objects.values_list("state", flat=True))
        ledger = mailings.ledger(mailing)
        assert {state: ledger[State(state).name.lower()] for state in counted} == counted
        assert sum(ledger.values()) == 9
        tally._compact(mailing.pk)
    [waiting] = queue.waiting()
    assert waiting == queue.Queued(mailing.pk, "")
    assert repr(waiting.left) == str(Delivery.objects.filter(state=State.QUEUED).count())


def test_the_words_that_stop_a_mailing_name_no_reader(mailing: Mailing) -> None:
    delivery, *_others = _claim(mailing)
    words = f"5.7.1 message to <{delivery.address}> looks like spam"
    queue.record([queue.Outcome(delivery, Reply(Stage.FINAL, 554, words), "relay")])
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.STOPPED
    assert "looks like spam" in mailing.note
    assert delivery.address not in mailing.note
