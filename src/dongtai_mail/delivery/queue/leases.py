"""Leases: renewed by workers that live, and given up for lost without comparing two clocks."""

from __future__ import annotations

import datetime
import time
from collections.abc import Collection

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from dongtai_mail.delivery.models import Batch, Delivery

State = Delivery.State


def extend(batch_ids: Collection[int]) -> set[int]:
    """Renew leases; answers the batches that nobody has settled meanwhile."""
    alive = Batch.objects.filter(pk__in=batch_ids, leased_until__isnull=False)
    alive.update(leased_until=lease_end(timezone.now()))
    return set(alive.values_list("pk", flat=True))


def close(batch_ids: Collection[int]) -> None:
    """Everything in these batches is recorded: there is nothing left to watch over."""
    Batch.objects.filter(pk__in=batch_ids).update(leased_until=None)


def lapsed() -> dict[int, datetime.datetime | None]:
    """Batches with deliveries still leased whose lease ran out by the clock, for an operator."""
    late = Batch.objects.filter(leased_until__lt=timezone.now(), delivery__state=State.LEASED)
    return dict(late.values_list("pk", "leased_until"))


class Watch:
    """Finds the batches whose workers fell silent, by this process's own clock alone.

    Workers renew their leases; one that stays as it is for ``LEASE_SECONDS`` while this process
    looks on has lapsed. No two clocks are compared, so none that jumps takes a batch away.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[datetime.datetime | None, float]] = {}
        self._looked = 0.0

    def lapsed(self) -> dict[int, datetime.datetime | None]:
        """Batches with deliveries still leased, and the lease that was not renewed."""
        now = time.monotonic()
        if now - self._looked > settings.LEASE_SECONDS / 2:
            # The database was away, so nobody could renew anything.
            self._seen.clear()
        self._looked = now
        leased = Delivery.objects.filter(batch=OuterRef("pk"), state=State.LEASED)
        leases = Batch.objects.filter(Exists(leased), leased_until__isnull=False)
        self._seen = {
            pk: (lease, now if self._lease(pk) != lease else self._seen[pk][1])
            for pk, lease in leases.values_list("pk", "leased_until")
        }
        return {
            pk: lease
            for pk, (lease, since) in self._seen.items()
            if now - since >= settings.LEASE_SECONDS
        }

    def _lease(self, batch_id: int) -> datetime.datetime | None:
        return self._seen.get(batch_id, (None, 0.0))[0]


def lease_end(now: datetime.datetime) -> datetime.datetime:
    return now + datetime.timedelta(seconds=settings.LEASE_SECONDS)
