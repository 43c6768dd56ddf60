"""The queue is a table: claiming deliveries, recording what became of them, and making good.

Promises: a delivery is leased to at most one batch at a time; an outcome is recorded only while
its delivery is still leased to the batch that reports it, so that reporting twice or late changes
nothing; whatever was leased and is not accounted for comes back. Works the same on PostgreSQL,
where claims skip each other's rows, and on SQLite, where BEGIN IMMEDIATE puts them in a row.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from dongtai_mail.delivery.models import Attempt, Batch, Delivery, Mailing
from dongtai_mail.message.reply import Reply, Stage, Verdict, classify
from subscribers.models import Subscription, Suppression

State = Delivery.State

RETRY_AFTER = (5 * 60, 15 * 60, 3600, 3 * 3600, 6 * 3600)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a worker needs to know to write one delivery."""

    id: int
    subscription_id: int
    address: str
    name: str
    provider: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one claimed delivery; ``reply`` None means it was not begun."""

    delivery_id: int
    reply: Reply | None = None
    relay: str = ""


def claim(mailing_id: int, worker: str, size: int) -> tuple[Batch, list[Claimed]] | None:
    """Lease up to ``size`` queued deliveries of a sending mailing, or None when none is left.

    Readers who left meanwhile are recorded as suppressed here and are not among those returned.
    """
    with transaction.atomic():
        mailing = Mailing.objects.get(pk=mailing_id)
        if mailing.state != Mailing.State.SENDING:
            return None
        now = timezone.now()
        batch = Batch.objects.create(
            mailing=mailing, worker=worker, claimed_at=now, leased_until=_lease_end(now)
        )
        claimed = _lease(mailing_id, batch.pk, size, now)
        if not claimed:
            batch.delete()
            return None
        gone = departed(batch.pk)
        if gone:
            suppress(batch.pk, gone)
    return batch, [delivery for delivery in claimed if delivery.id not in gone]


def _lease(mailing_id: int, batch_id: int, size: int, now: datetime.datetime) -> list[Claimed]:
    lock = "FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE delivery_delivery
               SET state = %s, batch_id = %s, attempts = attempts + 1, changed_at = %s
             WHERE id IN (SELECT id FROM delivery_delivery
                           WHERE mailing_id = %s AND state = %s
                           ORDER BY id LIMIT %s {lock})
            RETURNING id, subscription_id, address, name, provider
            """,  # noqa: S608 - the one thing put in is chosen above
            [State.LEASED, batch_id, now, mailing_id, State.QUEUED, size],
        )
        return sorted((Claimed(*row) for row in cursor.fetchall()), key=lambda row: row.id)


def departed(batch_id: int) -> set[int]:
    """Deliveries of a batch, still leased, whose readers have left or are suppressed."""
    leased = Delivery.objects.filter(batch_id=batch_id, state=State.LEASED)
    left = leased.exclude(subscription__state=Subscription.State.CONFIRMED)
    suppressed = leased.filter(
        subscription__subscriber__key__in=_suppressed_keys(batch_id),
    )
    return set(left.values_list("id", flat=True)) | set(suppressed.values_list("id", flat=True))


def _suppressed_keys(batch_id: int) -> Iterable[str]:
    publication = Mailing.objects.filter(batches=batch_id).values("subscriber_list__publication_id")
    everywhere = Suppression.objects.filter(publication=None)
    here = Suppression.objects.filter(publication__in=publication)
    return (everywhere | here).values_list("key", flat=True)


def suppress(batch_id: int, delivery_ids: Collection[int]) -> None:
    """Record that these were not begun because their readers are gone."""
    _leave_batch(batch_id, delivery_ids, State.SUPPRESSED)


def extend(batch_id: int) -> bool:
    """Renew a lease; False when the batch is no longer the worker's and it must stop."""
    now = timezone.now()
    alive = Batch.objects.filter(pk=batch_id, leased_until__gt=now)
    return bool(alive.update(leased_until=_lease_end(now)))


def record(batch_id: int, outcomes: Sequence[Outcome]) -> None:
    """Write what became of deliveries of a batch, all or none of it."""
    now = timezone.now()
    accepted, returned, failed = [], [], []
    for outcome in outcomes:
        if outcome.reply is None:
            returned.append(outcome.delivery_id)
        elif classify(outcome.reply) is Verdict.ACCEPTED:
            accepted.append(outcome.delivery_id)
        else:
            failed.append(outcome)
    with transaction.atomic():
        _accept(batch_id, accepted)
        _give_back(batch_id, returned)
        if failed:
            _record_failures(batch_id, failed, now)


def _record_failures(batch_id: int, failed: list[Outcome], now: datetime.datetime) -> None:
    rows = {
        row.pk: row
        for row in Delivery.objects.filter(
            batch_id=batch_id,
            state=State.LEASED,
            pk__in=[outcome.delivery_id for outcome in failed],
        )
    }
    mailing = Mailing.objects.get(batches=batch_id)
    deadline = (mailing.started_at or now) + datetime.timedelta(hours=settings.RETRY_HOURS)
    attempts, bounced, stops = [], [], []
    for outcome in failed:
        delivery = rows.get(outcome.delivery_id)
        if delivery is None or outcome.reply is None:
            continue
        verdict = _fail(delivery, outcome.reply, now, deadline)
        attempts.append(_attempt(outcome, outcome.reply, now))
        if verdict is Verdict.BOUNCE:
            bounced.append(delivery.subscription_id)
        if verdict is Verdict.STOP:
            stops.append(outcome.reply)
    Delivery.objects.bulk_update(
        rows.values(), ["state", "due_at", "batch", "changed_at"], batch_size=500
    )
    Attempt.objects.bulk_create(attempts, batch_size=500)
    if stops:
        _stop(mailing, stops[0])


def _fail(
    delivery: Delivery, reply: Reply, now: datetime.datetime, deadline: datetime.datetime
) -> Verdict:
    verdict = classify(reply)
    delivery.batch_id = None
    delivery.changed_at = now
    if verdict is Verdict.UNCONFIRMED:
        delivery.state = State.UNCONFIRMED
    elif verdict is Verdict.BOUNCE or (verdict is not Verdict.STOP and now >= deadline):
        delivery.state = State.BOUNCED
    else:
        delivery.state = State.DEFERRED
        delivery.due_at = now + _backoff(delivery.attempts)
    return verdict


def _backoff(attempts: int) -> datetime.timedelta:
    """Minutes at first, hours later (RFC 5321, 4.5.4.1), spread so that retries don't meet."""
    base = RETRY_AFTER[min(attempts, len(RETRY_AFTER)) - 1]
    return datetime.timedelta(seconds=base * random.uniform(0.8, 1.3))  # noqa: S311 - no secret


def _attempt(outcome: Outcome, reply: Reply, now: datetime.datetime) -> Attempt:
    return Attempt(
        delivery_id=outcome.delivery_id,
        at=now,
        stage=reply.stage,
        code=reply.code,
        enhanced=reply.enhanced,
        text=reply.text[:2000].replace("\x00", ""),
        relay=outcome.relay,
    )


def _stop(mailing: Mailing, reply: Reply) -> None:
    """A refusal of the letter itself would meet every reader: people have to look at it."""
    Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING).update(
        state=Mailing.State.STOPPED,
        note=f"收信方拒绝的是这封邮件本身，发送已停止：{reply.code or ''} {reply.text}".strip(),
    )


def _accept(batch_id: int, delivery_ids: Collection[int]) -> None:
    """Record acceptances, also those that come after the lease had run out."""
    _leave_batch(batch_id, delivery_ids, State.ACCEPTED)
    if delivery_ids:
        Delivery.objects.filter(
            pk__in=list(delivery_ids), batch_id=batch_id, state=State.UNCONFIRMED
        ).update(state=State.ACCEPTED, batch=None, changed_at=timezone.now())


def _give_back(batch_id: int, delivery_ids: Collection[int]) -> None:
    """What was claimed and not begun is as it was before."""
    if delivery_ids:
        Delivery.objects.filter(
            pk__in=list(delivery_ids), batch_id=batch_id, state=State.LEASED
        ).update(
            state=State.QUEUED, batch=None, attempts=F("attempts") - 1, changed_at=timezone.now()
        )


def _leave_batch(batch_id: int, delivery_ids: Collection[int], state: State) -> None:
    if delivery_ids:
        Delivery.objects.filter(
            pk__in=list(delivery_ids), batch_id=batch_id, state=State.LEASED
        ).update(state=state, batch=None, changed_at=timezone.now())


def recover(
    batch_ids: Collection[int], accepted: Collection[int], unconfirmed: Collection[int]
) -> None:
    """Settle batches of a worker that died, from what its journal says.

    What was accepted is; what was on its way is unconfirmed; the rest was not begun.
    """
    now = timezone.now()
    with transaction.atomic():
        for batch_id in batch_ids:
            _accept(batch_id, accepted)
            silent = [Outcome(pk, Reply(Stage.FINAL, None, "worker died")) for pk in unconfirmed]
            _record_failures(batch_id, silent, now)
        Delivery.objects.filter(batch_id__in=batch_ids, state=State.LEASED).update(
            state=State.QUEUED, batch=None, changed_at=now
        )


def expire() -> int:
    """Settle batches whose lease ran out and whose worker left no journal here.

    Nobody can say which of them were sent, so all of them are unconfirmed. Returns how many.
    """
    now = timezone.now()
    with transaction.atomic():
        lapsed = list(
            Delivery.objects.filter(state=State.LEASED, batch__leased_until__lt=now).values_list(
                "pk", flat=True
            )
        )
        # The batch stays named: its worker may yet come back with what it knows.
        Delivery.objects.filter(pk__in=lapsed, state=State.LEASED).update(
            state=State.UNCONFIRMED, changed_at=now
        )
    return len(lapsed)


def requeue_due() -> None:
    """Put back what is due again: deferred deliveries, and unconfirmed ones by policy."""
    now = timezone.now()
    sending = Mailing.objects.filter(state=Mailing.State.SENDING)
    Delivery.objects.filter(mailing__in=sending, state=State.DEFERRED, due_at__lte=now).update(
        state=State.QUEUED, due_at=None
    )
    Delivery.objects.filter(
        mailing__in=sending.filter(unconfirmed_policy=Mailing.Unconfirmed.RESEND),
        state=State.UNCONFIRMED,
    ).update(state=State.QUEUED, batch=None)


def _lease_end(now: datetime.datetime) -> datetime.datetime:
    return now + datetime.timedelta(seconds=settings.LEASE_SECONDS)
