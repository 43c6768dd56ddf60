"""Suppressing addresses, and taking that back with a reason.

Promises: suppressing twice is suppressing once; a suppression ends by a person's reason, which is
recorded; the one that an erasure left ends by the reader's own confirmed act alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from subscribers.fingerprint import fingerprint
from subscribers.models import Release, Suppression

Reason = Suppression.Reason


class ReleaseRefused(Exception):
    """A suppression can't be taken back like this; the text says why."""


def suppress(
    key: str, reason: Suppression.Reason, source: str, publication_id: int | None = None
) -> None:
    """Write to a canonical address no more; ``publication_id`` None means nowhere."""
    at = {"hash": fingerprint(key), "publication_id": publication_id}
    new = {"key": key, "reason": reason, "source": source[:300]}
    Suppression.objects.get_or_create(**at, defaults=new)


def of(key: str, publication_id: int) -> QuerySet[Suppression]:
    """What stands against writing to an address for a publication."""
    here = Q(publication=None) | Q(publication=publication_id)
    return Suppression.objects.filter(here, hash=fingerprint(key))


def forbids_notices(key: str, publication_id: int) -> bool:
    """An erased reader may come back and must be able to confirm it; nobody else is written to."""
    return of(key, publication_id).exclude(reason=Reason.ERASURE).exists()


def release(suppression: Suppression, reason: str, actor: str) -> None:
    """Take a suppression back by hand; raises ``ReleaseRefused`` where that may not be."""
    if suppression.reason == Reason.ERASURE:
        raise ReleaseRefused(_("这位读者删除了自己的资料，只有本人重新订阅才能恢复。"))
    if len(reason.strip()) < 4:
        raise ReleaseRefused(_("请写明为什么取消（至少四个字），它会留在记录里。"))
    _end(suppression, reason, actor)


def _end(suppression: Suppression, reason: str, actor: str) -> None:
    with transaction.atomic():
        Release.objects.create(
            hash=suppression.hash,
            publication_id=suppression.publication_id,
            suppressed_for=suppression.reason,
            suppressed_at=suppression.created_at,
            source=suppression.source,
            reason=reason.strip()[:300],
            actor=actor,
        )
        suppression.delete()


def forget(hashes: Iterable[str]) -> None:
    """Nobody came back: of who was erased, only the hash stays, whoever signed them up."""
    erased = Suppression.objects.filter(hash__in=list(hashes), reason=Reason.ERASURE)
    Suppression.objects.filter(hash__in=list(erased.values_list("hash", flat=True))).update(
        key=None
    )


def welcome_back(key: str, publication_id: int) -> None:
    """End what an erasure left, since the reader has confirmed to want mail again."""
    for suppression in of(key, publication_id).filter(reason=Reason.ERASURE):
        _end(suppression, "读者本人确认重新订阅", "")
