"""Erasing a person: at once, everywhere, also in the middle of a sending.

Promises: in one transaction the person, their subscriptions with history, notices and rows of
imports are gone, files of imports that named them are deleted, and only the keyed hash of the
address stays, so that no import brings them back. What other parts keep about the person they
forget on the signal ``erasing``, in the same transaction.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from subscribers.models import ImportRow, ImportRun, Subscriber, Suppression
from subscribers.signals import erasing


def erase(person: Subscriber) -> None:
    with transaction.atomic():
        _suppress_by_hash(person)
        erasing.send(
            Subscriber,
            subscription_ids=list(person.subscriptions.values_list("pk", flat=True)),
            addresses=(person.address, person.key),
        )
        _forget_imports(person)
        person.delete()


def _suppress_by_hash(person: Subscriber) -> None:
    Suppression.objects.filter(hash=person.hash).update(key=None)
    for row in Suppression.objects.filter(Q(source__icontains=person.key), hash=person.hash):
        Suppression.objects.filter(pk=row.pk).update(source="")
    Suppression.objects.get_or_create(
        hash=person.hash,
        publication=None,
        defaults={"reason": Suppression.Reason.ERASURE, "source": "reader"},
    )


def _forget_imports(person: Subscriber) -> None:
    said = Q(value__icontains=person.key) | Q(value__icontains=person.address)
    rows = ImportRow.objects.filter(
        Q(hash=person.hash) | said & Q(verdict=ImportRow.Verdict.BAD.value)
    )
    runs = list(rows.values_list("run", flat=True).distinct())
    rows.delete()
    for run in ImportRun.objects.filter(pk__in=runs).exclude(stored=""):
        if run.state in (ImportRun.State.CHECKING, ImportRun.State.RUNNING):
            continue
        transaction.on_commit(lambda path=run.path: path.unlink(missing_ok=True))  # type: ignore[misc]
        ImportRun.objects.filter(pk=run.pk).update(stored="")
