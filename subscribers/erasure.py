"""Erasing a person: at once, everywhere, also in the middle of a sending.

Promises: in one transaction the person, their subscriptions with history, notices and rows of
imports are gone, files of imports that named them are deleted, and only the keyed hash of the
address stays, and of those before it, so that no import brings them back. What other parts keep
about the person they forget on the signal ``erasing``, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q

from subscribers.fingerprint import fingerprint
from subscribers.models import ImportRow, ImportRun, Release, Subscriber, Suppression
from subscribers.signals import erasing


def erase(person: Subscriber) -> None:
    former = person.moves.exclude(former="").values_list("former", flat=True)
    keys = {person.key, *former}
    with transaction.atomic():
        for key in keys:
            _suppress_by_hash(key)
        erasing.send(
            Subscriber,
            subscription_ids=list(person.subscriptions.values_list("pk", flat=True)),
            addresses=(person.address, *keys),
        )
        _forget_imports({person.address, *keys}, [fingerprint(key) for key in keys])
        person.delete()


def _suppress_by_hash(key: str) -> None:
    mark = fingerprint(key)
    Suppression.objects.filter(hash=mark).update(key=None)
    # Also where staff named this address when they stopped writing to another one.
    Suppression.objects.filter(source__icontains=key).update(source="")
    Release.objects.filter(source__icontains=key).update(source="")
    Release.objects.filter(reason__icontains=key).update(reason="")
    Suppression.objects.get_or_create(
        hash=mark,
        publication=None,
        defaults={"reason": Suppression.Reason.ERASURE, "source": "reader"},
    )


def _forget_imports(addresses: Collection[str], hashes: Collection[str]) -> None:
    said = Q()
    for address in addresses:
        said |= Q(value__icontains=address)
    rows = ImportRow.objects.filter(
        Q(hash__in=hashes) | said & Q(verdict=ImportRow.Verdict.BAD.value)
    )
    runs = list(rows.values_list("run", flat=True).distinct())
    rows.delete()
    for run in ImportRun.objects.filter(pk__in=runs).exclude(stored=""):
        if run.state in (ImportRun.State.CHECKING, ImportRun.State.RUNNING):
            continue
        transaction.on_commit(lambda path=run.path: path.unlink(missing_ok=True))  # type: ignore[misc] # a path is bound
        ImportRun.objects.filter(pk=run.pk).update(stored="")
