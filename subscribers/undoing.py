"""Taking an import back.

Promises: only whom the import brought goes, and nobody who did anything since, or whom the caller
spares; each chunk is a transaction of its own, so that nobody waits for hundreds of thousands to
be taken out; the run says so from before the first until all are gone, and what was cut off goes
on when asked again.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from subscribers import membership
from subscribers.models import (
    ImportRun,
    Notice,
    Subscriber,
    Subscription,
    SubscriptionEvent,
)

CHUNK = 5000


def undo(run: ImportRun, spared: Exists | Q) -> int:
    """Take back what a run brought; answers how many. Who may: ``delivery.imports``.

    ``spared`` is a condition on a subscription, OuterRef("pk").
    """
    taken, last = 0, 0
    while chunk := list(_brought(run, spared, last).values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            people = _held(run, spared, chunk)
            _take_back(run, people)
        taken, last = taken + len(people), chunk[-1]
    begun = ImportRun.objects.filter(pk=run.pk, state=ImportRun.State.UNDOING)
    begun.update(state=ImportRun.State.UNDONE)
    return taken


def _brought(run: ImportRun, spared: Exists | Q, after: int) -> QuerySet[Subscription]:
    """The subscriptions that a run added and nobody has touched since, from the first on."""
    events = SubscriptionEvent.objects.filter(subscription=OuterRef("pk"))
    ours = {"source": "import", "detail": f"import {run.pk}"}
    return (
        Subscription.objects.filter(
            Exists(events.filter(**ours)), subscriber_list=run.subscriber_list_id, pk__gt=after
        )
        .exclude(Exists(events.exclude(**ours)))
        .exclude(spared)
        .order_by("pk")
    )


def _held(run: ImportRun, spared: Exists | Q, chunk: list[int]) -> dict[int, int]:
    """Those of a chunk who still may go, with whose they are; until the end nobody reaches them."""
    membership.hold(run.subscriber_list.publication_id)
    held = Subscription.objects.select_for_update().filter(pk__in=chunk).order_by("pk")
    list(held.values_list("pk", flat=True))
    return dict(_brought(run, spared, 0).filter(pk__in=chunk).values_list("pk", "subscriber"))


def _take_back(run: ImportRun, people: dict[int, int]) -> None:
    """Delete subscriptions (with whose they are) and who was known by them alone.

    All that may hang on them goes in statements of its own: Django would look up each row's.
    """
    with transaction.atomic():
        SubscriptionEvent.objects.filter(subscription__in=people).delete()
        Notice.objects.filter(subscription__in=people).delete()
        subscriptions = Subscription.objects.filter(pk__in=people)
        subscriptions._raw_delete(subscriptions.db)
        unknown = Subscriber.objects.filter(
            pk__in=people.values(), subscriptions=None, moves=None, created_at__gte=run.created_at
        )
        gone = Subscriber.objects.filter(pk__in=list(unknown.values_list("pk", flat=True)))
        gone._raw_delete(gone.db)
