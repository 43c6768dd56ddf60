"""Claiming: what waits, who of it has left, and what comes back into the queue."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Model, Q, QuerySet
from django.utils import timezone

from dongtai_mail.delivery.models import Batch, Delivery, Mailing
from dongtai_mail.delivery.queue.leases import lease_end
from dongtai_mail.delivery.queue.rows import Claimed, Queued, leased
from dongtai_mail.delivery.queue.settling import LONGEST_RETRY
from subscribers.models import Subscription, SubscriptionEvent, Suppression

State = Delivery.State

# Rows that may be committed after a row with a higher number.
UNCOMMITTED = 100
# How long a reader who left unseen by that may yet be begun to be written to.
EVERYBODY_SECONDS = 10.0


def waiting() -> list[Queued]:
    """Every lane of every sending mailing with something to claim, oldest mailing first.

    Of a mailing that is open only in part (``delivery.stages``), the index is asked as well.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT mailing_id, lane, per_minute, waiting FROM (
                SELECT tally.mailing_id, tally.lane, mailing.per_minute, mailing.open_until,
                       CAST(SUM(delta) AS bigint) AS waiting
                  FROM delivery_tally tally
                  JOIN delivery_mailing mailing ON mailing.id = tally.mailing_id
                 WHERE mailing.state = %s AND tally.state = %s
                 GROUP BY 1, 2, 3, 4 HAVING SUM(delta) > 0) queued
             WHERE open_until IS NULL OR EXISTS (
                     SELECT 1 FROM delivery_delivery delivery
                      WHERE delivery.mailing_id = queued.mailing_id AND delivery.state = %s
                        AND delivery.lane = queued.lane AND delivery.id <= queued.open_until)
             ORDER BY 1, 2
            """,
            [Mailing.State.SENDING, State.QUEUED, State.QUEUED],
        )
        return [Queued(*row) for row in cursor.fetchall()]


def claim(
    mailing_id: int,
    lane: str,
    worker: str,
    size: int,
    begin: Callable[[int], object] = lambda batch_id: None,
) -> list[Claimed]:
    """Lease up to ``size`` queued deliveries of a lane of a sending mailing, as one new batch.

    ``begin`` is given the batch's number before anything is leased to it, for the evidence of it:
    a batch of which no evidence is found has lost it, and was not only about to be begun.
    Readers who left or paused meanwhile are recorded as suppressed here and are not among those
    returned.
    """
    sending = Mailing.objects.filter(pk=mailing_id, state=Mailing.State.SENDING)
    open_until = sending.values_list("open_until", flat=True).first()
    if open_until is None and not sending.exists():
        return []
    now = timezone.now()
    batch = Batch.objects.create(
        mailing_id=mailing_id, worker=worker, claimed_at=now, leased_until=lease_end(now)
    )
    try:
        begin(batch.pk)
    except Exception:
        # Nothing is leased to it, and while its evidence can't be begun there is one each time.
        batch.delete()
        raise
    with transaction.atomic():
        claimed = _lease(Queued(mailing_id, lane), open_until, batch, size)
        gone = departed([batch.pk]) if claimed else set()
        if gone:
            suppress(gone)
    if len(claimed) == len(gone):
        batch.delete()
    return [delivery for delivery in claimed if delivery.id not in gone]


def _lease(where: Queued, open_until: int | None, batch: Batch, size: int) -> list[Claimed]:
    postgresql = connection.vendor == "postgresql"
    lock = "FOR UPDATE SKIP LOCKED" if postgresql else ""
    # As an array it is asked once. In a join PostgreSQL may ask again for each row, and since what
    # it has just leased is skipped, the limit would hold for each answer alone.
    among = "= ANY(ARRAY" if postgresql else "IN (SELECT id FROM "
    part = "" if open_until is None else "AND id <= %s"
    until = () if open_until is None else (open_until,)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE delivery_delivery
               SET state = %s, batch_id = %s, attempts = attempts + 1, changed_at = %s
             WHERE id {among}(SELECT id FROM delivery_delivery
                               WHERE mailing_id = %s AND state = %s AND lane = %s {part}
                               ORDER BY id LIMIT %s {lock}))
            RETURNING id, subscription_id, address, name, provider, batch_id
            """,
            (
                *(State.LEASED, batch.pk, batch.claimed_at),
                *(where.mailing_id, State.QUEUED, where.lane, *until, size),
            ),
        )
        return sorted((Claimed(*row) for row in cursor.fetchall()), key=lambda row: row.id)


def departed(batch_ids: Collection[int]) -> set[int]:
    """Leased deliveries of these batches whose readers have left, paused or are suppressed."""
    rows = Delivery.objects.filter(batch__in=batch_ids, state=State.LEASED)
    left = rows.filter(
        ~Q(subscription__state=Subscription.State.CONFIRMED)
        | Q(subscription__paused_until__gt=timezone.now())
    )
    suppressed = rows.filter(subscription__subscriber__hash__in=_suppressed(batch_ids))
    return set(left.values_list("id", flat=True)) | set(suppressed.values_list("id", flat=True))


def _suppressed(batch_ids: Collection[int]) -> Iterable[str]:
    publications = Mailing.objects.filter(batches__in=batch_ids).values(
        "subscriber_list__publication_id"
    )
    everywhere = Suppression.objects.filter(publication=None)
    here = Suppression.objects.filter(publication__in=publications)
    return (everywhere | here).values_list("hash", flat=True)


class Departures:
    """Readers who left since the last look, found by the history instead of by every reader.

    A pause is no event, and one that a long transaction commits late may be missed, so now and
    then every reader is looked at.
    """

    def __init__(self) -> None:
        self._looked = time.monotonic()
        self._event = SubscriptionEvent.objects.aggregate(last=Max("id"))["last"] or 0
        self._suppression = Suppression.objects.aggregate(last=Max("id"))["last"] or 0

    def among(self, deliveries: Sequence[Claimed]) -> set[int]:
        """Those of these deliveries whose readers left, paused or were suppressed meanwhile."""
        if time.monotonic() - self._looked >= EVERYBODY_SECONDS:
            self._looked = time.monotonic()
            return departed({delivery.batch_id for delivery in deliveries})
        events = dict(_later(SubscriptionEvent, self._event).values_list("id", "subscription"))
        suppressions = list(_later(Suppression, self._suppression).values_list("id", flat=True))
        self._event = max([self._event, *events])
        if suppressions and max(suppressions) > self._suppression:
            self._suppression = max(suppressions)
            return departed({delivery.batch_id for delivery in deliveries})
        subscriptions = set(events.values())
        touched = {d.batch_id for d in deliveries if d.subscription_id in subscriptions}
        return departed(touched) if touched else set()


def _later(model: type[Model], last: int) -> QuerySet[Any]:
    # Numbers are given before the commit: a little earlier ones may appear later.
    return model._default_manager.filter(id__gt=last - UNCOMMITTED)


def suppress(delivery_ids: Collection[int]) -> None:
    """Record that these leased deliveries were not begun because their readers are gone."""
    leased(delivery_ids).update(state=State.SUPPRESSED, batch=None, changed_at=timezone.now())


def requeue_due() -> None:
    """Put back what is due again: deferred deliveries, and unconfirmed ones by policy."""
    now = timezone.now()
    # What waits for longer than any may was put off by a clock that has been set back since.
    longest = datetime.timedelta(seconds=max(LONGEST_RETRY, settings.UNCONFIRMED_SECONDS))
    due = Delivery.objects.filter(Q(due_at__lte=now) | Q(due_at__gt=now + longest))
    sending = Mailing.objects.filter(state=Mailing.State.SENDING)
    due.filter(mailing__in=sending, state=State.DEFERRED).update(state=State.QUEUED, due_at=None)
    due.filter(
        mailing__in=sending.filter(unconfirmed_policy=Mailing.Unconfirmed.RESEND),
        state=State.UNCONFIRMED,
    ).update(state=State.QUEUED, batch=None, due_at=None)


def doubtful(mailing: Mailing) -> int:
    """How many unconfirmed deliveries will be sent again by themselves.

    A number: asked for the first of them, PostgreSQL would read a million, expecting many.
    """
    if mailing.unconfirmed_policy != Mailing.Unconfirmed.RESEND:
        return 0
    rows = Delivery.objects.filter(mailing=mailing, state=State.UNCONFIRMED)
    return rows.filter(due_at__isnull=False).count()


def own_lane(provider: str) -> None:
    """Take a small provider out of the common lane, since it wants a pace of its own."""
    Delivery.objects.filter(
        mailing__state=Mailing.State.SENDING,
        state__in=(State.QUEUED, State.LEASED, State.DEFERRED, State.UNCONFIRMED),
        lane="",
        provider=provider,
    ).update(lane=provider)
