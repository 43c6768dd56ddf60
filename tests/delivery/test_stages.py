"""Sending in stages: what is open, when more opens, and what stops it."""

from __future__ import annotations

import datetime

import pytest
from django.utils import translation

from dongtai_mail.delivery import mailings, queue, stages
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.delivery.queue import Outcome
from dongtai_mail.message.reply import Reply, Stage
from dongtai_mail.sentences import told
from subscribers.models import Subscriber, Suppression
from tests import factories

pytestmark = pytest.mark.django_db

ACCEPTED = Reply(Stage.FINAL, 250, "2.0.0 ok")
UNKNOWN = Reply(Stage.RCPT, 550, "5.1.1 no such user")
BUSY = Reply(Stage.RCPT, 451, "4.3.0 later")


def _started(readers: int, *percents: float, first=None, wait: int = 0) -> Mailing:
    factories.readers(readers)
    row = factories.mailing(stages=stages.plan(percents, first), stage_wait_seconds=wait)
    assert mailings.start(row.pk)
    row.refresh_from_db()
    return row


def _send(mailing: Mailing, reply: Reply = ACCEPTED, at_most: int = 1000) -> int:
    """Claim all there is to claim and record the same reply for each."""
    sent = 0
    for lane in {queued.lane for queued in queue.waiting()}:
        claimed = queue.claim(mailing.pk, lane, "worker", at_most - sent)
        queue.record([Outcome(each, reply) for each in claimed])
        sent += len(claimed)
    return sent


def _look(mailing: Mailing) -> Mailing:
    stages.advance()
    mailing.refresh_from_db()
    return mailing


def test_nothing_beyond_the_open_stage_can_be_claimed() -> None:
    mailing = _started(40, 10, 50)
    assert [stage["size"] for stage in mailing.stages] == [4, 20, 40]
    assert _send(mailing) == 4
    assert queue.waiting() == []
    assert queue.claim(mailing.pk, "", "another worker", 10) == []


def test_stages_open_one_after_the_other_until_everybody_has_it() -> None:
    mailing = _started(40, 10, 50)
    sent = []
    while to_send := _send(mailing):
        sent.append(to_send)
        _look(mailing)
    assert sent == [4, 16, 20]
    assert mailings.ledger(mailing)["accepted"] == 40
    assert mailings.settle(mailing.pk)


def test_a_stage_waits_for_what_is_under_way_and_then_a_while() -> None:
    mailing = _started(40, 10, wait=3600)
    claimed = queue.claim(mailing.pk, "", "worker", 4)
    assert _look(mailing).stage_over_at is None
    queue.record([Outcome(each, ACCEPTED) for each in claimed])
    assert _look(mailing).stage_over_at is not None
    assert _look(mailing).stage == 0
    hour_ago = mailing.stage_over_at - datetime.timedelta(hours=1)
    Mailing.objects.update(stage_over_at=hour_ago)
    assert _look(mailing).stage == 1
    assert mailing.open_until is None


def test_a_stage_waits_while_many_of_it_are_deferred() -> None:
    mailing = _started(40, 50)
    assert _send(mailing, BUSY, at_most=3) == 3
    _send(mailing)
    assert _look(mailing).stage == 0
    Delivery.objects.filter(state=Delivery.State.DEFERRED).update(state=Delivery.State.ACCEPTED)
    assert _look(mailing).stage == 1


def test_a_stage_does_not_wait_for_what_is_not_sent_again() -> None:
    mailing = _started(40, 10)
    Mailing.objects.update(unconfirmed_policy=Mailing.Unconfirmed.LEAVE)
    assert _send(mailing, Reply(Stage.FINAL, None, "connection lost"), at_most=1) == 1
    _send(mailing)
    assert _look(mailing).stage == 1


def test_bounces_that_come_with_the_last_of_a_stage_keep_the_next_closed(monkeypatch) -> None:
    """The last batch is recorded while another process is about to open the next stage."""
    mailing = _started(40, 50)
    claimed = queue.claim(mailing.pk, "", "worker", 20)
    judged = stages._trouble

    def judged_and_recorded(row: Mailing) -> str:
        trouble = judged(row)
        queue.record([Outcome(each, UNKNOWN) for each in claimed])
        return trouble

    monkeypatch.setattr(stages, "_trouble", judged_and_recorded)
    assert _look(mailing).stage == 0
    monkeypatch.undo()
    _look(mailing)
    assert (mailing.stage, mailing.state) == (0, Mailing.State.STOPPED)


def test_staff_come_first_and_nobody_twice() -> None:
    staff = factories.subscriber_list(slug="staff")
    factories.subscribe(staff, "chief@example.org", "reader3@example.net")
    factories.readers(20)
    mailing = factories.mailing(stages=stages.plan([], staff), stage_wait_seconds=0)
    mailings.start(mailing.pk)
    mailing.refresh_from_db()
    assert mailing.targeted == 21
    _send(mailing)
    accepted = Delivery.objects.filter(state=Delivery.State.ACCEPTED)
    first = set(accepted.values_list("address", flat=True))
    assert len(first) == 2
    assert "chief@example.org" in first
    _look(mailing)
    assert _send(mailing) == 19
    assert Delivery.objects.values("subscription__subscriber").distinct().count() == 21


def test_too_many_bounces_stop_the_mailing_and_the_note_says_how_many() -> None:
    mailing = _started(100, 50)
    _send(mailing, UNKNOWN, at_most=6)
    _send(mailing)
    _look(mailing)
    assert mailing.state == Mailing.State.STOPPED
    assert "退回 6 / 50（12.00 %），超过上限 5 %" in mailing.note
    with translation.override("en"):
        assert told(mailing.note).startswith("6 of 50 came back (12.00 %)")
    assert queue.waiting() == []


def test_whoever_resumes_accepts_the_numbers_so_far_and_no_more() -> None:
    mailing = _started(100, 50)
    _send(mailing, UNKNOWN, at_most=6)
    _send(mailing)
    mailings.resume(_look(mailing))
    assert _look(mailing).state == Mailing.State.SENDING
    assert mailing.stage == 1
    _send(mailing, UNKNOWN, at_most=5)
    assert _look(mailing).state == Mailing.State.STOPPED


def test_a_single_bad_address_proves_nothing() -> None:
    mailing = _started(40, 10)
    _send(mailing, UNKNOWN, at_most=1)
    _send(mailing)
    assert _look(mailing).stage == 1


def test_complaints_stop_it_too_but_only_this_mailings() -> None:
    Suppression.objects.create(key="before@example.org", reason="complaint")
    mailing = _started(40, 50)
    _send(mailing)
    accepted = Delivery.objects.filter(state=Delivery.State.ACCEPTED)
    people = Subscriber.objects.filter(subscriptions__in=accepted.values("subscription")).order_by(
        "pk"
    )[:2]
    Suppression.objects.create(key=people[0].key, reason="complaint")
    assert stages.counts(mailing)["complaints"] == 1
    Suppression.objects.create(key=people[1].key, reason="complaint")
    assert _look(mailing).state == Mailing.State.STOPPED
    assert "投诉 2 / 20（10.00 %）" in mailing.note


def test_pause_and_resume_keep_the_stage() -> None:
    mailing = _started(40, 10)
    _send(mailing, at_most=2)
    mailings.pause(mailing)
    assert _look(mailing).stage == 0
    assert queue.waiting() == []
    mailings.resume(mailing)
    assert _send(mailing) == 2


def test_two_ticks_at_once_open_one_stage() -> None:
    mailing = _started(40, 10, 20, 30)
    _send(mailing)
    twin = Mailing.objects.get(pk=mailing.pk)
    stages._step(mailing)
    stages._step(twin)
    mailing.refresh_from_db()
    assert mailing.stage == 1


def test_a_mailing_to_nobody_ends() -> None:
    factories.subscriber_list()
    mailing = factories.mailing(stages=stages.plan([10]))
    mailings.start(mailing.pk)
    assert mailings.settle(mailing.pk)


@pytest.mark.parametrize("percents", [(50, 10), (10, 10), (0,), (101,)])
def test_parts_that_make_no_sense_are_refused(percents) -> None:
    with pytest.raises(ValueError, match="每一批"):
        stages.plan(percents)
