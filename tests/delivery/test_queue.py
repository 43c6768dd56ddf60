"""Claiming and recording: a delivery has one owner and one outcome."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from dongtai_mail.delivery import mailings, queue
from dongtai_mail.delivery.models import Attempt, Batch, Delivery, Mailing
from dongtai_mail.delivery.queue import Outcome
from dongtai_mail.message.reply import Reply, Stage
from subscribers.models import Subscription
from tests import factories

pytestmark = pytest.mark.django_db

State = Delivery.State
ACCEPTED = Reply(Stage.FINAL, 250, "2.0.0 ok")
SILENCE = Reply(Stage.FINAL, None, "connection lost")


@pytest.fixture
def mailing(settings, tmp_path) -> Mailing:
    settings.DATA_DIR = tmp_path
    factories.readers(10)
    row = factories.mailing()
    mailings.start(row.pk)
    row.refresh_from_db()
    return row


def _claim(mailing: Mailing, size: int = 4) -> tuple[int, list[int]]:
    claimed = queue.claim(mailing.pk, "worker", size)
    assert claimed is not None
    return claimed[0].pk, [delivery.id for delivery in claimed[1]]


def test_two_claims_share_nothing(mailing: Mailing) -> None:
    _, first = _claim(mailing)
    _, second = _claim(mailing)
    assert len(first) == len(second) == 4
    assert not set(first) & set(second)


def test_nothing_is_claimed_from_a_mailing_that_is_not_sending(mailing: Mailing) -> None:
    mailings.pause(mailing)
    assert queue.claim(mailing.pk, "worker", 4) is None
    mailings.resume(mailing)
    assert queue.claim(mailing.pk, "worker", 4) is not None


def test_reporting_twice_changes_nothing(mailing: Mailing) -> None:
    batch, ids = _claim(mailing)
    queue.record(batch, [Outcome(ids[0], ACCEPTED)])
    queue.record(batch, [Outcome(ids[0], Reply(Stage.RCPT, 550, "5.1.1 unknown"))])
    assert Delivery.objects.get(pk=ids[0]).state == State.ACCEPTED
    assert not Attempt.objects.exists()


def test_another_batch_cannot_report_on_a_delivery(mailing: Mailing) -> None:
    _, ids = _claim(mailing)
    other, _ = _claim(mailing)
    queue.record(other, [Outcome(ids[0], ACCEPTED)])
    assert Delivery.objects.get(pk=ids[0]).state == State.LEASED


def test_what_was_not_begun_is_as_it_was(mailing: Mailing) -> None:
    batch, ids = _claim(mailing)
    queue.record(batch, [Outcome(pk) for pk in ids])
    assert set(Delivery.objects.values_list("state", "attempts")) == {(State.QUEUED, 0)}


def test_a_reader_who_leaves_is_not_claimed(mailing: Mailing) -> None:
    Subscription.objects.update(state=Subscription.State.UNSUBSCRIBED)
    _, ids = _claim(mailing)
    assert ids == []
    assert mailings.ledger(mailing)["suppressed"] == 4


def test_a_dead_workers_story_settles_its_batch(mailing: Mailing) -> None:
    batch, (first, second, *rest) = _claim(mailing)
    queue.recover([batch], {first}, {second})
    states = dict(Delivery.objects.values_list("pk", "state"))
    assert states[first] == State.ACCEPTED
    assert states[second] == State.UNCONFIRMED
    assert {states[pk] for pk in rest} == {State.QUEUED}
    queue.recover([batch], set(), {first})
    assert Delivery.objects.get(pk=first).state == State.ACCEPTED


def test_a_lapsed_lease_without_a_story_is_unconfirmed_until_its_worker_speaks(
    mailing: Mailing,
) -> None:
    batch, ids = _claim(mailing)
    lapsed = timezone.now() - datetime.timedelta(seconds=1)
    Batch.objects.filter(pk=batch).update(leased_until=lapsed)
    assert queue.expire() == 4
    assert mailings.ledger(mailing)["unconfirmed"] == 4
    assert not queue.extend(batch)
    queue.record(batch, [Outcome(pk, ACCEPTED) for pk in ids])
    assert mailings.ledger(mailing)["accepted"] == 4


def test_unconfirmed_deliveries_follow_the_mailings_policy(mailing: Mailing) -> None:
    batch, ids = _claim(mailing)
    queue.record(batch, [Outcome(pk, SILENCE) for pk in ids])
    Mailing.objects.update(unconfirmed_policy=Mailing.Unconfirmed.LEAVE)
    queue.requeue_due()
    assert mailings.ledger(mailing)["unconfirmed"] == 4
    Mailing.objects.update(unconfirmed_policy=Mailing.Unconfirmed.RESEND)
    queue.requeue_due()
    assert mailings.ledger(mailing)["queued"] == 10


def test_retries_come_later_and_end_after_the_limit(mailing: Mailing, settings) -> None:
    busy = Reply(Stage.RCPT, 451, "4.3.0 later")
    batch, (first, second, *_) = _claim(mailing)
    queue.record(batch, [Outcome(first, busy)])
    deferred = Delivery.objects.get(pk=first)
    assert deferred.state == State.DEFERRED
    assert deferred.due_at > timezone.now() + datetime.timedelta(minutes=3)
    started = timezone.now() - datetime.timedelta(hours=settings.RETRY_HOURS)
    Mailing.objects.update(started_at=started)
    queue.record(batch, [Outcome(second, busy)])
    assert Delivery.objects.get(pk=second).state == State.BOUNCED
