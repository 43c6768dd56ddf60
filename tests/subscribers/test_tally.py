"""The database's own count of each list, and what a mailing counts by it."""

from __future__ import annotations

import datetime
from collections import Counter

import pytest
from django.db import connection
from django.utils import timezone

from dongtai_mail.delivery import audience, mailings, scheduling
from subscribers import tally
from subscribers.models import ListTally, SubscriberList, Subscription, Suppression
from tests import factories

State = Subscription.State


def _counted(on: SubscriberList) -> Counter[str]:
    return Counter(on.subscriptions.values_list("state", flat=True))


@pytest.mark.django_db
def test_no_way_of_changing_a_subscription_is_forgotten() -> None:
    readers = factories.subscriber_list()
    others = factories.subscriber_list(slug="others")
    rows = factories.readers(12, readers)
    Subscription.objects.bulk_create(
        Subscription(subscriber=row.subscriber, subscriber_list=others, state=State.PENDING)
        for row in rows[:5]
    )
    Subscription.objects.filter(pk__in=[row.pk for row in rows[:3]]).update(state=State.BOUNCED)
    rows[4].state = State.UNSUBSCRIBED
    rows[4].save()
    Subscription.objects.filter(subscriber=rows[11].subscriber).update(subscriber_list=others)
    rows[6].subscriber.delete()
    for each in (readers, others):
        assert Counter(tally.counts(each.pk)) == _counted(each)
    assert tally.counts(readers.pk) == {
        **dict.fromkeys(State.values, 0),
        **{"confirmed": 6, "bounced": 3, "unsubscribed": 1},
    }


@pytest.mark.django_db
def test_summing_up_changes_no_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = factories.subscriber_list()
    factories.readers(8, readers)
    before = tally.counts(readers.pk)
    monkeypatch.setattr(tally, "ROWS", 1)
    tally.compact()
    assert tally.counts(readers.pk) == before
    assert ListTally.objects.filter(subscriber_list=readers).count() == 1


@pytest.mark.django_db
def test_a_trigger_that_was_missing_is_made_and_all_is_counted_anew() -> None:
    readers = factories.subscriber_list()
    where = " ON subscribers_subscription" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER subscribers_tally_insert{where}")
    factories.readers(4, readers)
    assert tally.counts(readers.pk)["confirmed"] == 0
    tally.install("default")
    factories.subscribe(readers, "later@example.org")
    assert tally.counts(readers.pk)["confirmed"] == 5


@pytest.mark.django_db
def test_counts_that_a_restored_dump_brought_twice_are_mended() -> None:
    readers = factories.readers(4)[0].subscriber_list
    for row in list(ListTally.objects.all()):
        ListTally.objects.create(subscriber_list=readers, state=row.state, delta=row.delta)
    tally.install("default")
    assert tally.counts(readers.pk)["confirmed"] == 4


@pytest.mark.django_db
def test_the_count_of_a_list_is_the_audience_that_is_frozen() -> None:
    readers = factories.subscriber_list()
    rows = factories.readers(20, readers)
    publication = readers.publication_id
    now, day = timezone.now(), datetime.timedelta(days=1)
    Subscription.objects.filter(pk=rows[0].pk).update(paused_until=now + day)
    Subscription.objects.filter(pk=rows[1].pk).update(paused_until=now - day)
    Subscription.objects.filter(pk=rows[2].pk).update(state=State.UNSUBSCRIBED)
    # Suppressed everywhere and here at once is one reader; one who has left is not counted.
    for row, where in ((rows[3], None), (rows[3], publication), (rows[4], None), (rows[2], None)):
        Suppression.objects.create(
            key=row.subscriber.key, publication_id=where, reason=Suppression.Reason.BOUNCE
        )
    # Erasure leaves the hash alone; who comes back by themselves is still suppressed by it.
    Suppression.objects.filter(hash=rows[4].subscriber.hash).update(key=None)
    rows[4].subscriber.save()
    elsewhere = factories.publication("elsewhere", "example.net").pk
    Suppression.objects.create(
        key=rows[5].subscriber.key, publication_id=elsewhere, reason=Suppression.Reason.STAFF
    )
    assert audience.count(publication, {"lists": [readers.pk]}) == (16, 2)
    mailing = scheduling.schedule(factories.edition(), readers, request_key="one")
    mailings.start(mailing.pk)
    mailing.refresh_from_db()
    assert mailing.targeted == 16
