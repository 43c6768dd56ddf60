"""Erasing a person: at once, everywhere, also in the middle of a sending.

Promises: in one transaction the person, their subscriptions with history, notices and rows of
imports are gone, files of imports that named them are deleted, and only the keyed hash of the
address stays, and of those before it, so that no import brings them back. A file that is being read
then is deleted when it has been, with every row of theirs. What other parts keep
about the person they forget on the signal ``erasing``, in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Q

from dongtai_mail.message.address import AddressError, parse
from subscribers.fingerprint import fingerprint
from subscribers.models import ImportRow, ImportRun, Release, Subscriber, Suppression
from subscribers.signals import erasing

# Files that somebody will read, or is reading.
_UNREAD = (ImportRun.State.UPLOADED, ImportRun.State.CHECKING)
_WORD = re.compile(r"""[^\s<>()"',:;，；：（）【】、]+@[^\s<>()"',:;，；：（）【】、]+""")


def erase(person: Subscriber) -> None:
    keys = keys_of(person)
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


def keys_of(person: Subscriber) -> set[str]:
    """The address and those before it."""
    return {person.key, *person.moves.exclude(former="").values_list("former", flat=True)}


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


def _forget_imports(addresses: Collection[str], hashes: Sequence[str]) -> None:
    # The runs before the rows, as ``forget_meanwhile`` has it.
    for run in ImportRun.objects.select_for_update().filter(state__in=_UNREAD).order_by("pk"):
        run.erased = [*run.erased, *hashes]
        run.save(update_fields=["erased"])
    said = Q()
    for address in addresses:
        said |= Q(value__icontains=address)
    rows = ImportRow.objects.filter(
        Q(hash__in=hashes) | said & Q(verdict=ImportRow.Verdict.BAD.value)
    )
    runs = list(rows.values_list("run", flat=True).distinct())
    rows.delete()
    for run in ImportRun.objects.filter(pk__in=runs).exclude(state__in=_UNREAD):
        _forget_file(run)


def forget_meanwhile(run_id: int) -> None:
    """Forget whoever was erased while a file was read; in the transaction in which that ends."""
    run = ImportRun.objects.select_for_update().get(pk=run_id)
    if not run.erased:
        return
    rows = ImportRow.objects.filter(run=run)
    rows.filter(hash__in=run.erased).delete()
    said = rows.filter(verdict=ImportRow.Verdict.BAD.value, value__contains="@")
    for pk, value in said.values_list("pk", "value"):
        if any(_hash(word) in run.erased for word in _WORD.findall(value)):
            rows.filter(pk=pk).delete()
    # Who else is named where in it, nobody knows, and nobody needs it any more.
    _forget_file(run)
    ImportRun.objects.filter(pk=run_id).update(erased=[])


def _hash(word: str) -> str:
    try:
        return fingerprint(parse(word).key)
    except AddressError:
        return ""


def _forget_file(run: ImportRun) -> None:
    if run.stored:
        transaction.on_commit(lambda: run.path.unlink(missing_ok=True))
        ImportRun.objects.filter(pk=run.pk).update(stored="")
