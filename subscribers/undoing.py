"""Taking an import back.

Owns: from ``begin`` to the end, which a worker comes to. Promises: only whom the import brought
goes, and nobody who did anything since, or whom the caller spares; each chunk is a transaction of
its own, so that nobody waits for hundreds of thousands to be taken out; the run counts them as they
go, and what was cut off goes on with whichever worker comes next.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from django.db import connection, transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from subscribers import importing, leasing, membership
from subscribers.models import (
    ImportRun,
    Notice,
    Subscriber,
    Subscription,
    SubscriptionEvent,
)
from subscribers.signals import import_undone

logger = logging.getLogger(__name__)

State = ImportRun.State
CHUNK = 5000


def begin(run: ImportRun, *, here: bool = False) -> bool:
    """Have a run taken back by a worker, or ``here``; False when it is not done, or begun."""
    if not run.undoable:
        return False
    same = ImportRun.objects.filter(pk=run.pk, state=run.state)
    taken = run.counts.get("taken", 0)
    if not same.update(state=State.UNDOING, position=taken, tries=0, note=""):
        return False
    run.refresh_from_db()
    if here:
        leasing.start(run)
        run.save(update_fields=["worker", "leased_until"])
    else:
        importing.announce(run.pk)
    return True


def waiting() -> list[int]:
    """Runs whose undoing wants a worker: nobody works at them now."""
    return leasing.waiting(State.UNDOING)


def advance(run_id: int, spared: Exists | Q) -> bool:
    """Take back what a run brought; False when another worker is at it, or there is nothing.

    ``spared`` is a condition on a subscription, OuterRef("pk").
    """
    if not leasing.take(run_id, State.UNDOING):
        return False
    run = ImportRun.objects.select_related("subscriber_list").get(pk=run_id)
    try:
        finish(run, spared)
    except leasing.LeaseLost:
        logger.warning("undoing import=%s is with another worker by now", run_id)
    except leasing.PASSING:
        raise
    except Exception:
        # It is counted; the other imports go on.
        logger.exception("undoing import=%s stumbled", run_id)
    return True


def finish(run: ImportRun, spared: Exists | Q) -> None:
    """Take back all of a run that is leased to this process; raises ``LeaseLost``."""
    with leasing.held(run):
        try:
            _take_back_all(run, spared)
        except leasing.PASSING:
            raise
        except Exception as error:
            _stumbled(run, error)
            raise


def _stumbled(run: ImportRun, error: Exception) -> None:
    if leasing.failed_again(run):
        counts = {**run.counts, "taken": run.position}
        leasing.record(run, state=State.FAILED, counts=counts, note=leasing.told(error))


def _take_back_all(run: ImportRun, spared: Exists | Q) -> None:
    _count_anew()
    for listed in _listed(run):
        chunk = list(_brought(run, spared, listed).values_list("pk", flat=True))
        if chunk:
            with transaction.atomic():
                people = _held(run, spared, chunk)
                _take_back(run, people)
                leasing.record(run, position=run.position + len(people), tries=0)
    with transaction.atomic():
        counts = {**run.counts, "taken": run.position}
        leasing.record(run, state=State.UNDONE, counts=counts, finished_at=timezone.now())
        import_undone.send(ImportRun, run=run)


def _count_anew() -> None:
    """By what PostgreSQL knew before the import, it would read whole tables for each chunk."""
    if connection.vendor == "postgresql":
        tables = (each._meta.db_table for each in (Subscriber, Subscription, SubscriptionEvent))
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(tables)}")


def _listed(run: ImportRun) -> Iterator[list[int]]:
    """The list's subscriptions from the first that the run added, by chunks."""
    ours = SubscriptionEvent.objects.filter(source="import", detail=f"import {run.pk}")
    first = ours.aggregate(first=Min("subscription"))["first"]
    on = Subscription.objects.filter(subscriber_list=run.subscriber_list_id).order_by("pk")
    rest = on.filter(pk__gte=first) if first else on.none()
    while chunk := list(rest.values_list("pk", flat=True)[:CHUNK]):
        yield chunk
        rest = on.filter(pk__gt=chunk[-1])


def _brought(run: ImportRun, spared: Exists | Q, among: Sequence[int]) -> QuerySet[Subscription]:
    """Those between the first and the last that the run added and nobody has touched since."""
    first, last = among[0], among[-1]
    # Named once more, the ends lead to the events by their index.
    between = {"subscription__gte": first, "subscription__lte": last}
    events = SubscriptionEvent.objects.filter(subscription=OuterRef("pk"), **between)
    ours = {"source": "import", "detail": f"import {run.pk}"}
    return (
        Subscription.objects.filter(
            Exists(events.filter(**ours)),
            subscriber_list=run.subscriber_list_id,
            pk__range=(first, last),
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
    return dict(_brought(run, spared, chunk).filter(pk__in=chunk).values_list("pk", "subscriber"))


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
