"""A mailing's life once it is scheduled: started once, paused, resumed, cancelled, finished.

Promises: every change of state is one conditional UPDATE, so two schedulers, a double click or a
redelivered task start one mailing once; the audience is frozen by one INSERT … SELECT in the same
transaction. Fails: with ``MailingRefused`` and the reason, in Chinese, for the person who asked.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Collection

from django.db import connection, transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from dongtai_mail.database import AWAY, earliest_now
from dongtai_mail.delivery import approvals, audience, queue, stages
from dongtai_mail.delivery.models import Delivery, Mailing, Tally
from dongtai_mail.delivery.scheduling import MailingRefused, refuse_unapproved
from dongtai_mail.delivery.signals import announce_due, announce_waiting
from dongtai_mail.logs import event
from dongtai_mail.sentences import told
from subscribers import membership
from subscribers.audience import AudienceError

logger = logging.getLogger(__name__)

Ledger = dict[str, int]
State = Mailing.State

# Rows that a transaction cancels: a fraction of a second, which a worker's tick can spare.
CANCELLED_AT_ONCE = 5000
_WAITING = (Delivery.State.QUEUED, Delivery.State.DEFERRED)


def due() -> bool:
    """Whether anything is to be started, or was missed."""
    return _due(earliest_now()).exists()


def _due(now: datetime.datetime) -> QuerySet[Mailing]:
    return Mailing.objects.filter(state=State.SCHEDULED, scheduled_at__lte=now)


def start_due(before_leap: datetime.datetime | None = None) -> list[int]:
    """Start what is due and mark what was missed; returns the ids of all that are sending.

    ``before_leap`` is the time it would be, had nobody just set this host's clock forward: what
    is due by that alone waits for a person.
    """
    now = earliest_now()
    for mailing in _due(now).order_by("scheduled_at", "pk"):
        late = now - mailing.scheduled_at > datetime.timedelta(seconds=mailing.grace_seconds)
        leapt_over = before_leap is not None and mailing.scheduled_at > before_leap
        if leapt_over:
            note = "服务器的时钟刚被拨快，到点可能只是因为这个，所以没有自动发送。"
            Mailing.objects.filter(pk=mailing.pk).update(note=note)
        try:
            waits = late or leapt_over or _held_back(mailing) or not _begun(mailing)
        except AWAY:
            raise
        except Exception:
            # It is tried again; those behind it are due as well.
            logger.exception(event("start-failed", mailing=mailing.pk))
            continue
        if waits and _move(mailing, State.SCHEDULED, State.MISSED):
            announce_waiting(mailing.pk)
    return list(Mailing.objects.filter(state=State.SENDING).values_list("pk", flat=True))


def _held_back(mailing: Mailing) -> bool:
    """What was approved when it was scheduled and is so no longer waits for a person."""
    try:
        refuse_unapproved(mailing.edition, mailing.after)
    except MailingRefused as refused:
        Mailing.objects.filter(pk=mailing.pk).update(note=str(refused))
        return True
    return False


def _begun(mailing: Mailing) -> bool:
    """Start it; one whose audience makes no sense any more waits for a person, not the others."""
    try:
        start(mailing.pk)
    except AudienceError as error:
        Mailing.objects.filter(pk=mailing.pk).update(note=str(error))
        return False
    return True


def start(mailing_id: int) -> bool:
    """Freeze the audience and begin; False when somebody else did or it isn't due."""
    now = earliest_now()
    with transaction.atomic():
        mine = _due(now).filter(pk=mailing_id)
        # Who freezes it holds the row for seconds, and nobody waits for that.
        if not mine.select_for_update(skip_locked=True).values_list("pk").first():
            return False
        mailing = Mailing.objects.select_related("edition").get(pk=mailing_id)
        if approvals.is_taken_back(mailing):
            return False
        if not mine.update(state=State.SENDING, started_at=now):
            return False
        mailing.refresh_from_db()
        # Of two that go to whom another has missed, the second must see whom the first reaches.
        membership.hold(mailing.subscriber_list.publication_id)
        targeted = audience.freeze(mailing, stages.first_list(mailing))
        Mailing.objects.filter(pk=mailing_id).update(targeted=targeted)
        stages.begin(mailing, targeted)
        if mailing.edition.published_at is None:
            mailing.edition.published_at = now
            mailing.edition.save(update_fields=["published_at"])
    _tell(mailing_id, State.SENDING, targeted=targeted)
    return True


def pause(mailing: Mailing) -> None:
    if not _move(mailing, State.SENDING, State.PAUSED):
        raise MailingRefused(
            _("只有发送中的才能暂停；这次发送现在是“%(state)s”。")
            % {"state": _(mailing.get_state_display())}
        )


def resume(mailing: Mailing) -> None:
    """Go on with exactly the rest; a missed mailing is begun late, since a person says so.

    Neither goes on without the approval it needs; a missed one is refused as it starts.
    """
    with transaction.atomic():
        if mailing.state == State.MISSED:
            changed = Mailing.objects.filter(pk=mailing.pk, state=State.MISSED).update(
                state=State.SCHEDULED, scheduled_at=earliest_now()
            )
        else:
            resumable = Mailing.objects.filter(
                pk=mailing.pk, state__in=(State.PAUSED, State.STOPPED)
            )
            # What staff have seen doesn't stop it again; what comes on top of it does.
            seen = stages.counts(mailing) if mailing.stages else {}
            changed = resumable.update(state=State.SENDING, note="", forgiven=seen)
        mailing.refresh_from_db()
        if not changed:
            raise MailingRefused(
                _("这次发送现在是“%(state)s”，没有可继续的部分。")
                % {"state": _(mailing.get_state_display())}
            )
        if mailing.state == State.SENDING and (why := approvals.hindrance(mailing)):
            raise MailingRefused(told(why))
        announce_due(mailing.pk)
    _tell(mailing.pk, mailing.state)


def cancel(mailing: Mailing) -> None:
    """Send nothing more. What is on its way at this moment is recorded as it ends.

    Workers stop by the mailing's state, so that is committed with the first rows of a large one;
    the others follow by ``cancel_rest``, which workers run by themselves.
    """
    with transaction.atomic():
        active = Mailing.objects.filter(pk=mailing.pk).exclude(
            state__in=(State.FINISHED, State.CANCELLED)
        )
        if not active.update(state=State.CANCELLED, finished_at=timezone.now()):
            mailing.refresh_from_db()
            raise MailingRefused(
                _("这次发送已经是“%(state)s”，不能再取消。")
                % {"state": _(mailing.get_state_display())}
            )
        settle_cancelled()
    mailing.refresh_from_db()
    _tell(mailing.pk, mailing.state)


def cancel_rest() -> None:
    """Cancel what still waits in cancelled mailings, which takes half a minute for a million."""
    while settle_cancelled():
        pass


def settle_cancelled() -> int:
    """Cancel some of what waits in cancelled mailings; answers how many, 0 when none is left.

    Also what workers gave back after a cancellation, and what a killed one left undone.
    """
    left = _cancelled_with_something_left()
    if not left:
        return 0
    waiting = Delivery.objects.filter(mailing__in=left, state__in=_WAITING)
    if connection.vendor == "postgresql":
        # Two that cancel at once take different rows and never wait for each other.
        waiting = waiting.select_for_update(skip_locked=True, of=("self",))
    with transaction.atomic():
        some = list(waiting.values_list("pk", flat=True)[:CANCELLED_AT_ONCE])
        return queue.among(some).update(state=Delivery.State.CANCELLED, changed_at=timezone.now())


def _cancelled_with_something_left() -> list[int]:
    """By the tally: to look for the deliveries would read all that any mailing has queued."""
    told = Tally.objects.filter(mailing__state=State.CANCELLED, state__in=_WAITING)
    counts = told.values("mailing").annotate(sum=Sum("delta")).order_by()
    return list(counts.filter(sum__gt=0).values_list("mailing", flat=True))


def settle(mailing_id: int) -> bool:
    """Finish a mailing that has nothing left to do; returns whether it is over."""
    mailing = Mailing.objects.get(pk=mailing_id)
    if mailing.over:
        return True
    if mailing.state != State.SENDING or to_go(mailing):
        return False
    return _move(mailing, State.SENDING, State.FINISHED, finished_at=timezone.now())


def sending() -> set[int]:
    """The mailings that may be sent from at this moment."""
    return set(Mailing.objects.filter(state=State.SENDING).values_list("pk", flat=True))


def remark(mailing_id: int, note: str) -> None:
    """Tell staff what holds a sending mailing up; "" when nothing does any more."""
    rows = Mailing.objects.filter(pk=mailing_id, state=State.SENDING)
    rows.exclude(note=note).update(note=note)


def to_go(mailing: Mailing) -> bool:
    """Whether anything may still be sent, now or at a later try."""
    open_states = [Delivery.State.QUEUED, Delivery.State.LEASED, Delivery.State.DEFERRED]
    rows = Delivery.objects.filter(mailing=mailing)
    return rows.filter(state__in=open_states).exists() or queue.doubtful(mailing) > 0


def ledger(mailing: Mailing) -> Ledger:
    """Deliveries by state, every state named, in the order of the states; they add up.

    The database keeps the tally itself; see ``models.Tally``.
    """
    return ledgers([mailing.pk])[mailing.pk]


def ledgers(mailing_ids: Collection[int]) -> dict[int, Ledger]:
    """The ledgers of several mailings by one question."""
    rows = Tally.objects.filter(mailing__in=mailing_ids).values_list("mailing", "state")
    found = {pk: _empty() for pk in mailing_ids}
    for pk, state, count in rows.annotate(sum=Sum("delta")).order_by():
        found[pk][Delivery.State(state).name.lower()] = count
    return found


def ledger_by_lane(mailing: Mailing) -> dict[str, Ledger]:
    """The ledger of each lane; "" is all the small providers together."""
    rows = Tally.objects.filter(mailing=mailing).values_list("lane", "state")
    lanes: dict[str, Ledger] = {}
    for lane, state, count in rows.annotate(sum=Sum("delta")).order_by("lane"):
        lanes.setdefault(lane, _empty())[Delivery.State(state).name.lower()] = count
    return lanes


def _empty() -> Ledger:
    return {state.name.lower(): 0 for state in Delivery.State}


def _move(
    mailing: Mailing, before: str, after: str, finished_at: datetime.datetime | None = None
) -> bool:
    changes: dict[str, object] = {"state": after}
    if finished_at is not None:
        changes["finished_at"] = finished_at
    moved = Mailing.objects.filter(pk=mailing.pk, state=before).update(**changes)
    mailing.refresh_from_db()
    if moved:
        _tell(mailing.pk, after)
    return bool(moved)


def _tell(mailing_id: int, state: str, **more: object) -> None:
    logger.info(event("mailing", mailing=mailing_id, state=state, **more))
