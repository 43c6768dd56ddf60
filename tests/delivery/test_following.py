"""Sending to those whom a mailing did not reach, and audiences that some get first."""

from __future__ import annotations

import datetime
import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from dongtai_mail.delivery import audience, mailings, scheduling, stages
from dongtai_mail.delivery.models import Delivery, Mailing
from subscribers import moving
from subscribers.audience import AudienceError
from subscribers.models import Subscriber, Subscription, Suppression
from tests import factories
from tests.installation import wait_until

pytestmark = pytest.mark.django_db

State = Delivery.State


@pytest.fixture
def over() -> Mailing:
    """A mailing that is over, with one reader in each state of the end, and one accepted more."""
    readers = factories.readers(6)
    mailing = factories.mailing(subscriber_list=readers[0].subscriber_list)
    mailings.start(mailing.pk)
    ends = (State.ACCEPTED, State.BOUNCED, State.SUPPRESSED, State.UNCONFIRMED, State.CANCELLED)
    for delivery, state in zip(
        mailing.deliveries.order_by("pk"), (*ends, State.ACCEPTED), strict=True
    ):
        Delivery.objects.filter(pk=delivery.pk).update(state=state)
    Mailing.objects.filter(pk=mailing.pk).update(state=Mailing.State.FINISHED)
    mailing.refresh_from_db()
    return mailing


def _scheduled(mailing: Mailing, unconfirmed: bool = False) -> Mailing:
    return scheduling.schedule(
        mailing.edition,
        mailing.subscriber_list,
        request_key=f"again-{mailing.followers.count()}-0123456789",
        described=audience.missed(mailing, unconfirmed),
        after=mailing,
    )


def _follow(mailing: Mailing, unconfirmed: bool = False) -> Mailing:
    made = _scheduled(mailing, unconfirmed)
    mailings.start(made.pk)
    made.refresh_from_db()
    return made


def _numbers(mailing: Mailing) -> list[str]:
    rows = mailing.deliveries.order_by("address").values_list("address", flat=True)
    return [address.removeprefix("reader")[0] for address in rows]


def test_those_not_accepted_are_written_to_again(over):
    described = audience.missed(over, unconfirmed=False)
    publication = over.subscriber_list.publication_id
    assert audience.count(publication, described) == (3, 0)
    assert _numbers(_follow(over)) == ["1", "2", "4"]


def test_the_unconfirmed_only_when_somebody_says_so(over):
    assert _numbers(_follow(over, unconfirmed=True)) == ["1", "2", "3", "4"]


def test_who_has_left_paused_or_is_suppressed_is_not(over):
    rows = list(over.deliveries.order_by("pk"))
    later = timezone.now() + datetime.timedelta(days=1)
    Subscription.objects.filter(pk=rows[1].subscription_id).update(state="bounced")
    Subscription.objects.filter(pk=rows[2].subscription_id).update(paused_until=later)
    Suppression.objects.create(key=rows[4].address, reason="staff")
    assert _numbers(_follow(over)) == []


def test_who_subscribed_since_is_not(over):
    factories.subscribe(over.subscriber_list, "reader9@example.com")
    assert "9" not in _numbers(_follow(over))


def test_nobody_gets_an_issue_twice(over):
    first = _follow(over)
    assert _numbers(_follow(over)) == []
    mailings.cancel(first)
    assert _numbers(_follow(over)) == ["1", "2", "4"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_nobody_gets_an_issue_twice_by_two_that_start_at_once(over):
    first, second = _scheduled(over), _scheduled(over)

    def start_the_second() -> None:
        try:
            mailings.start(second.pk)
        finally:
            connection.close()

    thread = threading.Thread(target=start_the_second)
    with transaction.atomic():
        mailings.start(first.pk)
        thread.start()
        wait_until(lambda: _waits() or not thread.is_alive(), "the second waits", 30)
    thread.join(30)
    second.refresh_from_db()
    assert (second.state, _numbers(first), _numbers(second)) == ("sending", ["1", "2", "4"], [])


def _waits() -> bool:
    """Whether somebody waits for a lock of ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted"
            " AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def test_who_was_reached_by_another_list_is_not_written_to(over):
    other = factories.subscriber_list(slug="second")
    cancelled = over.deliveries.get(state=State.CANCELLED)
    factories.subscribe(other, cancelled.address)
    second = factories.mailing(edition=over.edition, subscriber_list=other)
    mailings.start(second.pk)
    assert _numbers(_follow(over)) == ["1", "2"]


def test_two_readers_who_became_one_were_reached_when_one_was(db):
    second = factories.subscriber_list(slug="second")
    (missed,) = factories.readers(1)
    factories.subscribe(second, "other@example.com")
    made = scheduling.schedule(
        factories.edition(),
        missed.subscriber_list,
        request_key="0123456789abcdef",
        described={"lists": [missed.subscriber_list_id, second.pk]},
    )
    mailings.start(made.pk)
    made.deliveries.filter(subscription=missed).update(state=State.CANCELLED)
    made.deliveries.exclude(subscription=missed).update(state=State.ACCEPTED)
    described = audience.missed(made, unconfirmed=False)
    assert audience.count(second.publication_id, described) == (1, 0)
    moving.merge(missed.subscriber, Subscriber.objects.get(key="other@example.com"), None)
    assert audience.count(second.publication_id, described) == (0, 0)


def test_another_publications_mailing_cannot_be_named(over):
    other = factories.publication("other", "other.example")
    theirs = factories.subscriber_list(other, "theirs")
    described = audience.missed(over, unconfirmed=False) | {"lists": [theirs.pk]}
    with pytest.raises(AudienceError, match="没有这次发送"):
        audience.count(other.pk, described)


def test_staff_get_a_described_audience_first_and_are_counted(db):
    staff, second = (factories.subscriber_list(slug=slug) for slug in ("staff", "second"))
    factories.readers(4)
    factories.subscribe(second, "reader0@qq.test", "z@example.com")
    factories.subscribe(staff, "reader3@example.net", "boss@example.com")
    both = {"lists": [factories.subscriber_list().pk, second.pk]}
    counted = audience.with_first(both, staff.pk)
    made = scheduling.schedule(
        factories.edition(),
        second,
        request_key="0123456789abcdef",
        described=both,
        staged=stages.plan([50], staff),
    )
    mailings.start(made.pk)
    made.refresh_from_db()
    order = list(made.deliveries.order_by("pk").values_list("address", flat=True))
    assert set(order[:2]) == {"reader3@example.net", "boss@example.com"}
    assert made.targeted == len(order) == audience.count(staff.publication_id, counted)[0] == 6
    assert [stage["size"] for stage in made.stages] == [2, 3, 6]
