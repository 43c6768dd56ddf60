"""A mailing's life, as rows."""

from __future__ import annotations

import datetime
import uuid

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dongtai_mail.delivery import mailings, queue, scheduling
from dongtai_mail.delivery.letters import KeyMissing, key_path
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.delivery.scheduling import MailingRefused
from subscribers.models import Subscription, Suppression
from tests import factories

pytestmark = pytest.mark.django_db

State = Mailing.State


@pytest.fixture(autouse=True)
def _own_keys(settings, tmp_path) -> None:
    settings.DATA_DIR = tmp_path


def _schedule(**changes) -> Mailing:
    values = {"request_key": uuid.uuid4().hex, **changes}
    return scheduling.schedule(factories.edition(), factories.subscriber_list(), **values)


def test_the_same_request_twice_is_one_mailing() -> None:
    edition, readers = factories.edition(), factories.subscriber_list()
    first = scheduling.schedule(edition, readers, request_key="click")
    assert scheduling.schedule(edition, readers, request_key="click") == first
    assert Mailing.objects.count() == 1


@pytest.mark.parametrize("name", ["读者\r\nBcc: x@example.com", "读者\u2028", "读\x1b[31m者"])
def test_a_name_that_no_header_can_carry_is_refused_before_there_is_a_mailing(name: str) -> None:
    readers = factories.subscriber_list()
    readers.name = name
    with pytest.raises(MailingRefused, match="List-Id"):
        scheduling.schedule(factories.edition(), readers, request_key="click")
    assert not Mailing.objects.exists()


def test_a_broken_key_is_refused_before_there_is_a_mailing() -> None:
    edition, readers = factories.edition(), factories.subscriber_list()
    key_path(readers.publication).write_text("no key")
    with pytest.raises(MailingRefused, match="DKIM"):
        scheduling.schedule(edition, readers, request_key="click")


def test_a_mailing_that_cannot_start_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    factories.readers(2)
    broken, sound = _schedule(), _schedule()
    Mailing.objects.filter(pk=broken.pk).update(stages=[{"percent": "ten"}])
    assert mailings.start_due() == [sound.pk]
    assert f"event=start-failed mailing={broken.pk}" in caplog.text
    broken.refresh_from_db()
    assert (broken.state, broken.deliveries.count()) == (State.SCHEDULED, 0)


def test_a_mailing_starts_once_and_freezes_its_audience() -> None:
    factories.readers(7)
    mailing = _schedule()
    assert mailings.start(mailing.pk)
    assert not mailings.start(mailing.pk)
    factories.subscribe(factories.subscriber_list(), "late@example.com")
    mailing.refresh_from_db()
    assert mailing.targeted == sum(mailings.ledger(mailing).values()) == 7


def test_the_audience_is_the_confirmed_and_nobody_suppressed() -> None:
    readers = factories.readers(6)
    for row, state in zip(readers, ("pending", "unsubscribed", "bounced"), strict=False):
        Subscription.objects.filter(pk=row.pk).update(state=state)
    Suppression.objects.create(key=readers[3].subscriber.key, reason="complaint")
    other = factories.publication("other", "other.example")
    Suppression.objects.create(key=readers[4].subscriber.key, publication=other, reason="complaint")
    mailing = _schedule()
    mailings.start(mailing.pk)
    addressed = set(Delivery.objects.values_list("address", flat=True))
    assert addressed == {row.subscriber.address for row in readers[4:]}


def test_nothing_starts_before_its_time() -> None:
    mailing = _schedule(at=timezone.now() + datetime.timedelta(hours=1))
    assert mailings.start_due() == []
    mailing.refresh_from_db()
    assert mailing.state == State.SCHEDULED


def test_a_time_missed_by_more_than_its_grace_asks_instead_of_sending() -> None:
    mailing = _schedule(at=timezone.now() - datetime.timedelta(hours=7))
    assert mailings.start_due() == []
    mailing.refresh_from_db()
    assert mailing.state == State.MISSED
    mailings.resume(mailing)
    assert mailings.start_due() == [mailing.pk]


def test_what_is_due_only_by_a_clock_that_was_set_forward_asks() -> None:
    now = timezone.now()
    early, due = (_schedule(at=now - datetime.timedelta(hours=hours)) for hours in (1, 3))
    assert mailings.start_due(now - datetime.timedelta(hours=2)) == [due.pk]
    early.refresh_from_db()
    assert early.state == State.MISSED
    assert "时钟" in early.note
    assert mailings.start_due() == [due.pk]


def test_pause_resume_and_cancel_refuse_what_makes_no_sense() -> None:
    mailing = _schedule(at=timezone.now() + datetime.timedelta(hours=1))
    with pytest.raises(MailingRefused, match="已排期"):
        mailings.pause(mailing)
    mailings.cancel(mailing)
    with pytest.raises(MailingRefused, match="已取消"):
        mailings.cancel(mailing)
    with pytest.raises(MailingRefused, match="已取消"):
        mailings.resume(mailing)


def test_cancelling_leaves_a_ledger_that_adds_up() -> None:
    factories.readers(4)
    mailing = _schedule()
    mailings.start(mailing.pk)
    first = Delivery.objects.order_by("id").first()
    Delivery.objects.filter(pk=first.pk).update(state=Delivery.State.ACCEPTED)
    mailings.cancel(mailing)
    ledger = mailings.ledger(mailing)
    assert (ledger["accepted"], ledger["cancelled"]) == (1, 3)


def test_a_large_mailing_stops_before_all_of_its_rows_are_cancelled(monkeypatch) -> None:
    mailing = _cancelled_by_twos(monkeypatch, readers=7)
    assert mailing.state == State.CANCELLED
    assert not queue.claim(mailing.pk, "", "worker", 4)
    ledger = mailings.ledger(mailing)
    assert (ledger["queued"], ledger["cancelled"]) == (5, 2)
    mailings.cancel_rest()
    assert mailings.ledger(mailing)["cancelled"] == 7


def test_a_cancellation_that_was_cut_off_is_finished_by_the_ticks(monkeypatch) -> None:
    mailing = _cancelled_by_twos(monkeypatch, readers=5)
    assert [mailings.settle_cancelled() for _ in range(3)] == [2, 1, 0]
    assert mailings.ledger(mailing)["cancelled"] == 5


def test_what_was_cancelled_long_ago_costs_the_ticks_no_look_at_deliveries(monkeypatch) -> None:
    _cancelled_by_twos(monkeypatch, readers=2)
    with CaptureQueriesContext(connection) as asked:
        assert mailings.settle_cancelled() == 0
    assert not [each for each in asked if "delivery_delivery" in each["sql"]]


def _cancelled_by_twos(monkeypatch, readers: int) -> Mailing:
    """A mailing under way that was cancelled, two rows in a transaction."""
    monkeypatch.setattr(mailings, "CANCELLED_AT_ONCE", 2)
    factories.readers(readers)
    mailing = _schedule()
    mailings.start(mailing.pk)
    mailings.cancel(mailing)
    return mailing


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_the_worker_that_starts_a_mailing() -> None:
    factories.readers(3)
    mailing = _schedule()
    held = connections.create_connection("default")
    try:
        held.set_autocommit(False)
        with held.cursor() as cursor:
            cursor.execute(
                "UPDATE delivery_mailing SET note = 'starting' WHERE id = %s", [mailing.pk]
            )
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
        assert not mailings.start(mailing.pk)
        held.rollback()
    finally:
        held.close()
    assert mailings.start(mailing.pk)


def test_a_mailing_whose_audience_is_gone_asks_and_holds_up_no_other() -> None:
    factories.readers(3)
    gone = factories.subscriber_list(slug="gone")
    others = [_schedule(), _schedule(described={"lists": [gone.pk]}), _schedule()]
    gone.delete()
    assert mailings.start_due() == [others[2].pk, others[0].pk]
    others[1].refresh_from_db()
    assert others[1].state == State.MISSED
    assert "名单" in others[1].note


def test_a_list_of_another_publication_is_refused() -> None:
    other = factories.publication("other", "other.example")
    with pytest.raises(MailingRefused, match="另一份刊物"):
        scheduling.schedule(
            factories.edition(), factories.subscriber_list(other, "theirs"), request_key="x"
        )


def test_no_mailing_is_made_without_a_dkim_key() -> None:
    edition, readers = factories.edition(), factories.subscriber_list()
    key_path(edition.issue.publication).unlink()
    with pytest.raises(KeyMissing, match="dongtai publication dkim observer"):
        scheduling.schedule(edition, readers, request_key="x")


def test_starting_publishes_the_web_edition() -> None:
    mailing = _schedule()
    assert mailing.edition.published_at is None
    mailings.start(mailing.pk)
    mailing.edition.refresh_from_db()
    assert mailing.edition.published_at is not None
