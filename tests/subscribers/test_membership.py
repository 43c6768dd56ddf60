"""The sets of confirmed readers that the database keeps beside the subscriptions."""

from __future__ import annotations

import datetime
import random

import pytest
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from subscribers import membership
from subscribers.models import Membership, Subscriber, SubscriberList, Subscription
from subscribers.models.people import PIECE
from tests import factories

State = Subscription.State
kept_by_triggers = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="SQLite reads the subscriptions"
)


def _on(readers: SubscriberList) -> int:
    rows = readers.subscriptions.filter(state=State.CONFIRMED)
    return membership.readers(list(rows.values_list("subscriber", flat=True)))


def _kept(readers: SubscriberList) -> int:
    return membership.confirmed([readers.pk])[readers.pk]


@pytest.mark.django_db
def test_whatever_happens_to_subscriptions_the_sets_are_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(membership, "ROWS", 5)
    lists = [factories.subscriber_list(slug=slug) for slug in ("one", "two")]
    people = [row.subscriber for row in factories.readers(30, lists[0])]
    # On both sides of the end of a piece, and far away from the others.
    for pk in (PIECE * 40 - 1, PIECE * 40):
        key = f"reader{pk}@example.org"
        people.append(Subscriber.objects.create(pk=pk, address=key, key=key, provider="example"))
    seen = 0
    chance = random.Random(5)
    for _ in range(60):
        some = Subscription.objects.filter(subscriber__in=chance.sample(people, 3))
        here = chance.choice(lists)
        act = chance.randrange(4)
        if act == 0:
            some.filter(subscriber_list=here).delete()
        elif act == 1:
            some.update(state=chance.choice(State.values))
        elif act == 2:
            some.update(paused_until=None)
        else:
            Subscription.objects.bulk_create(
                (
                    Subscription(subscriber=person, subscriber_list=here, state=State.CONFIRMED)
                    for person in chance.sample(people, 6)
                ),
                ignore_conflicts=True,
            )
        membership.compact()
        assert [_kept(each) for each in lists] == [_on(each) for each in lists]
        seen |= _kept(lists[0]) | _kept(lists[1])
    assert seen >> (PIECE * 40 - 1) == 0b11


@kept_by_triggers
@pytest.mark.django_db
def test_summing_up_leaves_one_row_for_each_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "ROWS", 1)
    readers = factories.subscriber_list()
    for number in range(8):
        factories.subscribe(readers, f"reader{number}@example.org")
    before = _kept(readers)
    membership.compact()
    assert _kept(readers) == before
    assert Membership.objects.count() == len(set(Membership.objects.values_list("piece")))


@kept_by_triggers
@pytest.mark.django_db
def test_a_trigger_that_was_missing_is_made_and_all_is_noted_anew() -> None:
    readers = factories.subscriber_list()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER subscribers_membership_insert ON {membership.TABLE}")
    factories.readers(4, readers)
    assert _kept(readers) == 0
    membership.install("default")
    factories.subscribe(readers, "later@example.org")
    assert _kept(readers) == _on(readers)


@kept_by_triggers
@pytest.mark.django_db
def test_notes_that_a_restored_dump_brought_twice_are_mended() -> None:
    readers = factories.readers(4)[0].subscriber_list
    columns = "subscriber_list_id, piece, bits"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {membership.PIECES} ({columns}) SELECT {columns} FROM {membership.PIECES}"
        )
    assert _kept(readers) == 0
    membership.install("default")
    assert _kept(readers) == _on(readers)


@pytest.mark.django_db
@pytest.mark.parametrize("old", [4, 36])
def test_when_readers_came_is_the_same_by_whichever_of_them_are_looked_for(old: int) -> None:
    """PostgreSQL is asked for the fewer: those who came before the day, or the others."""
    readers = factories.subscriber_list()
    rows = factories.readers(40, readers)
    # Words and pieces in which everybody, some or nobody came before.
    for pk in (63, 64, PIECE - 1, PIECE, PIECE * 40):
        key = f"reader{pk}@example.org"
        person = Subscriber.objects.create(pk=10**6 + pk, address=key, key=key, provider="x")
        rows.append(Subscription.objects.create(subscriber=person, subscriber_list=readers))
        rows[-1].state = State.CONFIRMED
        rows[-1].save()
    day = timezone.now() - datetime.timedelta(days=7)
    first = [row.pk for row in rows[:old]]
    Subscription.objects.filter(pk__in=first).update(created_at=day - datetime.timedelta(days=1))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {membership.TABLE}")
    before = membership.readers([row.subscriber_id for row in rows[:old]])
    for condition, met in (
        (Q(created_at__lt=day), before),
        (Q(created_at__gte=day), _on(readers) & ~before),
    ):
        found = membership.among([readers.pk], condition)[readers.pk]
        assert found & _kept(readers) == met
