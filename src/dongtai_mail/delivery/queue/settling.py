"""Settling: from outcomes, and the evidence that dead workers left, to the state of each row."""

from __future__ import annotations

import datetime
import logging
import random
from collections.abc import Collection, Iterable, Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from dongtai_mail.delivery import policy, reasons
from dongtai_mail.delivery.models import Attempt, Batch, Delivery, Mailing
from dongtai_mail.delivery.queue.rows import Claimed, Outcome, among, leased
from dongtai_mail.delivery.signals import announce_waiting
from dongtai_mail.logs import event
from dongtai_mail.message.reply import Reply, Stage, Verdict, classify, too_big

logger = logging.getLogger(__name__)

State = Delivery.State

RETRY_AFTER = (5 * 60, 15 * 60, 3600, 3 * 3600, 6 * 3600)
SPREAD = 0.8, 1.3
LONGEST_RETRY = RETRY_AFTER[-1] * SPREAD[1]
# A relay that takes a message and never says so is not given it again for ever.
RESENDS = 3


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
    """Record acceptances, also those that come after the lease had run out.

    All by one statement. A row that went from one of these batches into another is accepted, too,
    as its reader has the message.
    """
    batches = _by_batch(deliveries)
    if not batches:
        return
    rows = among([pk for ids in batches.values() for pk in ids])
    rows.filter(batch_id__in=batches, state__in=(State.LEASED, State.UNCONFIRMED)).update(
        state=State.ACCEPTED, batch=None, due_at=None, changed_at=timezone.now()
    )


def _give_back(deliveries: Iterable[Claimed]) -> None:
    """What was claimed and not begun is as it was before."""
    for batch_id, ids in _by_batch(deliveries).items():
        leased(ids).filter(batch_id=batch_id).update(
            state=State.QUEUED, batch=None, attempts=F("attempts") - 1, changed_at=timezone.now()
        )


def _by_batch(deliveries: Iterable[Claimed]) -> dict[int, list[int]]:
    batches: dict[int, list[int]] = {}
    for delivery in deliveries:
        batches.setdefault(delivery.batch_id, []).append(delivery.id)
    return batches


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
    policy.deferred(attempt for attempt, state in attempts if state == State.DEFERRED)


def _failed_rows(failed: Sequence[Outcome]) -> dict[tuple[int, int | None], Delivery]:
    rows = leased([outcome.delivery.id for outcome in failed]).select_related("mailing")
    # Locked, since they are written back as a whole: nobody may settle them in between.
    locked = rows.select_for_update(of=("self",)).order_by("pk")
    return {(row.pk, row.batch_id): row for row in locked}


def _fail(delivery: Delivery, reply: Reply, now: datetime.datetime) -> Verdict:
    verdict = classify(reply)
    delivery.changed_at = now
    if verdict is Verdict.UNCONFIRMED:
        # The batch stays named: its worker may yet come back with what it knows.
        delivery.state = State.UNCONFIRMED
        delivery.due_at = _resent_at(delivery, now)
        return verdict
    delivery.batch_id = None
    if verdict is Verdict.BOUNCE or (verdict is not Verdict.STOP and _spent(delivery, now)):
        delivery.state = State.BOUNCED
    else:
        delivery.state = State.DEFERRED
        delivery.due_at = now + _backoff(delivery.attempts)
    return verdict


def _resent_at(delivery: Delivery, now: datetime.datetime) -> datetime.datetime | None:
    """When the policy may send it again, later each time; None when it was often enough."""
    before = Attempt.objects.filter(delivery=delivery, stage=Stage.FINAL, code=None).count()
    if before >= RESENDS:
        return None
    # A worker that was only cut off gets a while to come back and confirm.
    rest = datetime.timedelta(seconds=settings.UNCONFIRMED_SECONDS)
    return now + (max(rest, _backoff(before)) if before else rest)


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
    return datetime.timedelta(seconds=base * random.uniform(*SPREAD))  # noqa: S311 - no secret


def _attempt(delivery: Delivery, reply: Reply, relay: str, now: datetime.datetime) -> Attempt:
    return Attempt(
        delivery=delivery,
        mailing_id=delivery.mailing_id,
        at=now,
        stage=reply.stage,
        code=reply.code,
        enhanced=reply.enhanced,
        text=reply.text[:2000],
        relay=relay,
    )


def _stop(mailing: Mailing, reply: Reply) -> None:
    """A refusal of the letter itself would meet every reader: people have to look at it."""
    # The note is mailed and stays when the reader is erased, whose address servers like to quote.
    words = reasons.wording(reply.text)
    said = f"{reply.code or ''} {words}".strip()
    note = f"收信方拒绝的是这封邮件本身，发送已停止：{said}"
    if too_big(reply):
        note = (
            f"邮件太大，发信服务器不收，发送已停止：{said}。"
            "请提高它的大小上限后继续发送；或取消这次发送，缩小这一期后再发。"
        )
    stopped = Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING).update(
        state=Mailing.State.STOPPED, note=note
    )
    if stopped:
        told = {"state": Mailing.State.STOPPED, "code": reply.code, "reply": words}
        logger.warning(event("mailing", mailing=mailing.pk, **told))
        announce_waiting(mailing.pk)


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
        held = {row.pk: _claimed(row) for row in rows.filter(state=State.LEASED).iterator()}
        # Picked out here: a journal names all that its process has sent since its queue was empty,
        # more than a database takes as parameters.
        told = set(accepted)
        doubted = [row for row in rows.filter(state=State.UNCONFIRMED) if row.pk in told]
        known = [held[pk] for pk in held.keys() & told] + list(map(_claimed, doubted))
        if unconfirmed is None:
            unconfirmed = held.keys()
        doubtful = (held.keys() & set(unconfirmed)) - told
        rest = held.keys() - doubtful - told
        silence = Reply(Stage.FINAL, None, "the worker died before the reply was recorded")
        _accept(known)
        _record_failures([Outcome(held[pk], silence) for pk in doubtful])
        _give_back(held[pk] for pk in rest)
    return len(known), len(doubtful), len(rest)


def _claimed(row: Delivery) -> Claimed:
    return Claimed(
        row.pk, row.subscription_id or 0, row.address, row.name, row.provider, row.batch_id or 0
    )
