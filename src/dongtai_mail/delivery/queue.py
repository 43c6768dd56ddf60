"""The queue is a table: claiming deliveries, recording what became of them, and making good.

Promises: a delivery is leased to at most one batch at a time; an outcome is recorded only while
its delivery still belongs to the batch that reports it, so that reporting twice or late changes
nothing; whatever was leased and is not accounted for comes back. Works the same on PostgreSQL,
where claims skip each other's rows, and on SQLite, where BEGIN IMMEDIATE puts them in a row.
"""

from __future__ import annotations

import datetime
import random
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, Max, Model, OuterRef, QuerySet
from django.utils import timezone

from dongtai_mail.delivery import policy, reasons
from dongtai_mail.delivery.models import Attempt, Batch, Delivery, Mailing
from dongtai_mail.message.reply import Reply, Stage, Verdict, classify
from subscribers.models import Subscription, SubscriptionEvent, Suppression

State = Delivery.State

# Rows that may be committed after a row with a higher number.
UNCOMMITTED = 100
RETRY_AFTER = (5 * 60, 15 * 60, 3600, 3 * 3600, 6 * 3600)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a worker needs to know to write one delivery."""

    id: int
    subscription_id: int
    address: str
    name: str
    provider: str
    batch_id: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one claimed delivery; ``reply`` None means it was not begun."""

    delivery: Claimed
    reply: Reply | None = None
    relay: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """A lane of a sending mailing in which deliveries wait."""

    mailing_id: int
    lane: str


def waiting() -> list[Queued]:
    """Every lane of every sending mailing with something to claim, oldest mailing first.

    Of a mailing that is open only in part (``delivery.stages``), the index is asked as well.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT mailing_id, lane FROM (
                SELECT tally.mailing_id, tally.lane, mailing.open_until
                  FROM delivery_tally tally
                  JOIN delivery_mailing mailing ON mailing.id = tally.mailing_id
                 WHERE mailing.state = %s AND tally.state = %s
                 GROUP BY 1, 2, 3 HAVING SUM(delta) > 0) queued
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
    Readers who left meanwhile are recorded as suppressed here and are not among those returned.
    """
    sending = Mailing.objects.filter(pk=mailing_id, state=Mailing.State.SENDING)
    open_until = sending.values_list("open_until", flat=True).first()
    if open_until is None and not sending.exists():
        return []
    now = timezone.now()
    batch = Batch.objects.create(
        mailing_id=mailing_id, worker=worker, claimed_at=now, leased_until=_lease_end(now)
    )
    begin(batch.pk)
    with transaction.atomic():
        claimed = _lease(Queued(mailing_id, lane), open_until, batch, size)
        gone = departed([batch.pk]) if claimed else set()
        if gone:
            suppress(gone)
    if len(claimed) == len(gone):
        batch.delete()
    return [delivery for delivery in claimed if delivery.id not in gone]


def _lease(where: Queued, open_until: int | None, batch: Batch, size: int) -> list[Claimed]:
    lock = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    part = "" if open_until is None else "AND id <= %s"
    until = () if open_until is None else (open_until,)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE delivery_delivery
               SET state = %s, batch_id = %s, attempts = attempts + 1, changed_at = %s
             WHERE id IN (SELECT id FROM delivery_delivery
                           WHERE mailing_id = %s AND state = %s AND lane = %s {part}
                           ORDER BY id LIMIT %s {lock})
            RETURNING id, subscription_id, address, name, provider, batch_id
            """,  # noqa: S608 - the two things put in are chosen above
            (
                *(State.LEASED, batch.pk, batch.claimed_at),
                *(where.mailing_id, State.QUEUED, where.lane, *until, size),
            ),
        )
        return sorted((Claimed(*row) for row in cursor.fetchall()), key=lambda row: row.id)


def departed(batch_ids: Collection[int]) -> set[int]:
    """Deliveries of these batches, still leased, whose readers have left or are suppressed."""
    leased = Delivery.objects.filter(batch__in=batch_ids, state=State.LEASED)
    left = leased.exclude(subscription__state=Subscription.State.CONFIRMED)
    suppressed = leased.filter(subscription__subscriber__hash__in=_suppressed(batch_ids))
    return set(left.values_list("id", flat=True)) | set(suppressed.values_list("id", flat=True))


def _suppressed(batch_ids: Collection[int]) -> Iterable[str]:
    publications = Mailing.objects.filter(batches__in=batch_ids).values(
        "subscriber_list__publication_id"
    )
    everywhere = Suppression.objects.filter(publication=None)
    here = Suppression.objects.filter(publication__in=publications)
    return (everywhere | here).values_list("hash", flat=True)


class Departures:
    """Readers who left since the last look, found by the history instead of by every reader."""

    def __init__(self) -> None:
        self._event = SubscriptionEvent.objects.aggregate(last=Max("id"))["last"] or 0
        self._suppression = Suppression.objects.aggregate(last=Max("id"))["last"] or 0

    def among(self, deliveries: Sequence[Claimed]) -> set[int]:
        """Those of these deliveries whose readers left or were suppressed meanwhile."""
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
    _leased(delivery_ids).update(state=State.SUPPRESSED, batch=None, changed_at=timezone.now())


def extend(batch_ids: Collection[int]) -> set[int]:
    """Renew leases; answers the batches that nobody has settled meanwhile."""
    alive = Batch.objects.filter(pk__in=batch_ids, leased_until__isnull=False)
    alive.update(leased_until=_lease_end(timezone.now()))
    return set(alive.values_list("pk", flat=True))


def close(batch_ids: Collection[int]) -> None:
    """Everything in these batches is recorded: there is nothing left to watch over."""
    Batch.objects.filter(pk__in=batch_ids).update(leased_until=None)


def record(outcomes: Sequence[Outcome]) -> None:
    """Write what became of leased deliveries, all or none of it."""
    accepted, returned, failed = [], [], []
    for outcome in outcomes:
        if outcome.reply is None:
            returned.append(outcome.delivery)
        elif classify(outcome.reply) is Verdict.ACCEPTED:
            accepted.append(outcome.delivery)
        else:
            failed.append(outcome)
    with transaction.atomic():
        _accept(accepted)
        _give_back(returned)
        if failed:
            _record_failures(failed)


def _accept(deliveries: Iterable[Claimed]) -> None:
    """Record acceptances, also those that come after the lease had run out."""
    for batch_id, ids in _by_batch(deliveries).items():
        _among(ids).filter(batch_id=batch_id, state__in=(State.LEASED, State.UNCONFIRMED)).update(
            state=State.ACCEPTED, batch=None, changed_at=timezone.now()
        )


def _give_back(deliveries: Iterable[Claimed]) -> None:
    """What was claimed and not begun is as it was before."""
    for batch_id, ids in _by_batch(deliveries).items():
        _leased(ids).filter(batch_id=batch_id).update(
            state=State.QUEUED, batch=None, attempts=F("attempts") - 1, changed_at=timezone.now()
        )


def _by_batch(deliveries: Iterable[Claimed]) -> dict[int, list[int]]:
    batches: dict[int, list[int]] = {}
    for delivery in deliveries:
        batches.setdefault(delivery.batch_id, []).append(delivery.id)
    return batches


def _leased(ids: Collection[int]) -> QuerySet[Delivery]:
    return _among(ids).filter(state=State.LEASED)


def _among(ids: Collection[int]) -> QuerySet[Delivery]:
    """One array instead of hundreds of parameters where the database can.

    It is written as text: Django copies parameters deeply, one number after the other.
    """
    if connection.vendor == "postgresql":
        array = "{" + ",".join(map(str, ids)) + "}"
        return Delivery.objects.extra(
            where=["delivery_delivery.id = ANY(%s::bigint[])"], params=[array]
        )
    return Delivery.objects.filter(pk__in=list(ids))


def _record_failures(failed: Sequence[Outcome]) -> None:
    now = timezone.now()
    rows = _failed_rows(failed)
    attempts: list[tuple[Attempt, int]] = []
    for outcome in failed:
        delivery = rows.get((outcome.delivery.id, outcome.delivery.batch_id))
        if delivery is None or outcome.reply is None:
            continue
        verdict = _fail(delivery, outcome.reply, now)
        attempt = _attempt(delivery, outcome.reply, outcome.relay, now)
        attempts.append((attempt, delivery.state))
        if verdict is Verdict.STOP:
            _stop(delivery.mailing, outcome.reply)
    Delivery.objects.bulk_update(
        rows.values(), ["state", "due_at", "batch", "changed_at"], batch_size=500
    )
    Attempt.objects.bulk_create([attempt for attempt, _ in attempts], batch_size=500)
    reasons.count(attempts)
    policy.refused(attempt for attempt, state in attempts if state == State.BOUNCED)


def _failed_rows(failed: Sequence[Outcome]) -> dict[tuple[int, int | None], Delivery]:
    leased = _leased([outcome.delivery.id for outcome in failed]).select_related("mailing")
    # Locked, since they are written back as a whole: nobody may settle them in between.
    locked = leased.select_for_update(of=("self",)).order_by("pk")
    return {(row.pk, row.batch_id): row for row in locked}


def _fail(delivery: Delivery, reply: Reply, now: datetime.datetime) -> Verdict:
    verdict = classify(reply)
    delivery.changed_at = now
    if verdict is Verdict.UNCONFIRMED:
        # The batch stays named: its worker may yet come back with what it knows.
        delivery.state = State.UNCONFIRMED
        return verdict
    delivery.batch_id = None
    if verdict is Verdict.BOUNCE or (verdict is not Verdict.STOP and _spent(delivery, now)):
        delivery.state = State.BOUNCED
    else:
        delivery.state = State.DEFERRED
        delivery.due_at = now + _backoff(delivery.attempts)
    return verdict


def _spent(delivery: Delivery, now: datetime.datetime) -> bool:
    """Whether it was first tried too long ago; a mailing itself may take longer than that."""
    since = now - datetime.timedelta(hours=settings.RETRY_HOURS)
    started = delivery.mailing.started_at
    if started is None or started > since:
        return False
    return Attempt.objects.filter(delivery=delivery, at__lte=since).exists()


def _backoff(attempts: int) -> datetime.timedelta:
    """Minutes at first, hours later (RFC 5321, 4.5.4.1), spread so that retries don't meet."""
    base = RETRY_AFTER[min(attempts, len(RETRY_AFTER)) - 1]
    return datetime.timedelta(seconds=base * random.uniform(0.8, 1.3))  # noqa: S311 - no secret


def _attempt(delivery: Delivery, reply: Reply, relay: str, now: datetime.datetime) -> Attempt:
    return Attempt(
        delivery=delivery,
        mailing_id=delivery.mailing_id,
        at=now,
        stage=reply.stage,
        code=reply.code,
        enhanced=reply.enhanced,
        text=reply.text[:2000].replace("\x00", ""),
        relay=relay,
    )


def _stop(mailing: Mailing, reply: Reply) -> None:
    """A refusal of the letter itself would meet every reader: people have to look at it."""
    Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING).update(
        state=Mailing.State.STOPPED,
        note=f"收信方拒绝的是这封邮件本身，发送已停止：{reply.code or ''} {reply.text}".strip(),
    )


def settle(
    batch_ids: Collection[int],
    accepted: Collection[int],
    unconfirmed: Collection[int] | None,
    lease: datetime.datetime | None = None,
) -> tuple[int, int, int]:
    """Settle batches of a worker that died or fell silent, from the evidence it left.

    What was accepted is; what was on its way is unconfirmed (None: nobody can say what was, so
    all is); the rest was not begun. Answers how many were each. With ``lease``, nothing happens
    when the worker has renewed it meanwhile.
    """
    with transaction.atomic():
        batches = Batch.objects.filter(pk__in=batch_ids)
        if lease is not None:
            batches = batches.filter(leased_until=lease)
        # Taken from the worker: should it still live, it learns so when it renews.
        if not batches.update(leased_until=None):
            return 0, 0, 0
        rows = Delivery.objects.filter(batch__in=batch_ids)
        leased = {row.pk: _claimed(row) for row in rows.filter(state=State.LEASED).iterator()}
        doubted = rows.filter(state=State.UNCONFIRMED, pk__in=accepted)
        known = [leased[pk] for pk in leased.keys() & set(accepted)] + list(map(_claimed, doubted))
        if unconfirmed is None:
            unconfirmed = leased.keys()
        doubtful = (leased.keys() & set(unconfirmed)) - set(accepted)
        rest = leased.keys() - doubtful - set(accepted)
        silence = Reply(Stage.FINAL, None, "the worker died before the reply was recorded")
        _accept(known)
        _record_failures([Outcome(leased[pk], silence) for pk in doubtful])
        _give_back(leased[pk] for pk in rest)
    return len(known), len(doubtful), len(rest)


def _claimed(row: Delivery) -> Claimed:
    return Claimed(
        row.pk, row.subscription_id or 0, row.address, row.name, row.provider, row.batch_id or 0
    )


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


def requeue_due() -> None:
    """Put back what is due again: deferred deliveries, and unconfirmed ones by policy."""
    now = timezone.now()
    sending = Mailing.objects.filter(state=Mailing.State.SENDING)
    Delivery.objects.filter(mailing__in=sending, state=State.DEFERRED, due_at__lte=now).update(
        state=State.QUEUED, due_at=None
    )
    # A worker that was only cut off gets a while to come back and confirm.
    rested = now - datetime.timedelta(seconds=settings.UNCONFIRMED_SECONDS)
    Delivery.objects.filter(
        mailing__in=sending.filter(unconfirmed_policy=Mailing.Unconfirmed.RESEND),
        state=State.UNCONFIRMED,
        changed_at__lte=rested,
    ).update(state=State.QUEUED, batch=None)


def own_lane(provider: str) -> None:
    """Take a small provider out of the common lane, since it wants a pace of its own."""
    Delivery.objects.filter(
        mailing__state=Mailing.State.SENDING,
        state__in=(State.QUEUED, State.LEASED, State.DEFERRED, State.UNCONFIRMED),
        lane="",
        provider=provider,
    ).update(lane=provider)


def _lease_end(now: datetime.datetime) -> datetime.datetime:
    return now + datetime.timedelta(seconds=settings.LEASE_SECONDS)
