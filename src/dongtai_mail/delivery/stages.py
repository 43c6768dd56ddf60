"""Sending in stages: a few readers first, more when all is well, and a stop when it is not.

``Mailing.stages`` is a list such as ``[{"list": "staff"}, {"percent": 10}, {"percent": 100}]``:
a list that goes first, then parts of the whole audience. When the mailing starts, each gets its
``size`` (deliveries up to its end) and ``until`` (the id of its last delivery), since the audience
is frozen in the order of the stages; ``Mailing.open_until`` is how far it is open now.
Promises: what lies beyond the open stage can't be claimed; a stage opens once, by itself, when the
one before is settled, a while has passed for bounces and complaints to come in, and both are
below the limits of the settings; else the mailing stops and says why, in numbers. Nor does one
open once the approval was taken back.
"""

from __future__ import annotations

import datetime
import logging
import math
from collections.abc import Sequence
from typing import TypedDict

from django.conf import settings
from django.db import connection
from django.db.models import Q, Sum
from django.utils import timezone

from dongtai_mail.delivery import approvals, queue
from dongtai_mail.delivery.models import Delivery, Mailing, Tally
from dongtai_mail.delivery.signals import announce_waiting
from dongtai_mail.logs import event
from subscribers.models import SubscriberList, Subscription, Suppression

logger = logging.getLogger(__name__)

State = Delivery.State

# One broken address among a few colleagues proves nothing.
LEAST_BOUNCES, LEAST_COMPLAINTS = 5, 2
# A stage waits for its deferred deliveries while they are more than this part of it.
DEFERRED_PART = 0.1


class Stage(TypedDict, total=False):
    """The slug of a ``list`` that goes first, or ``percent``; the rest is known at the start."""

    list: str
    percent: float
    size: int
    until: int


def plan(percents: Sequence[float], first: SubscriberList | None = None) -> list[Stage]:
    """The stages of a mailing; empty means all at once. Fails with ``ValueError``."""
    parts = list(percents)
    if not parts and first is None:
        return []
    if any(not 0 < part <= 100 for part in parts) or sorted(set(parts)) != parts:
        raise ValueError("每一批都要比前一批大，最后是 100%，例如 1%,10%,100%。")
    if not parts or parts[-1] < 100:
        parts.append(100)
    head: list[Stage] = [{"list": first.slug}] if first is not None else []
    return [*head, *(Stage(percent=part) for part in parts)]


def first_list(mailing: Mailing) -> int | None:
    """The list that goes first, if the stages name one that still exists."""
    slugs = [stage["list"] for stage in mailing.stages if "list" in stage]
    lists = SubscriberList.objects.filter(slug__in=slugs)
    return lists.values_list("pk", flat=True).first()


def begin(mailing: Mailing, targeted: int) -> None:
    """Say where each stage ends, and open the first. Belongs to the transaction that freezes."""
    if not mailing.stages:
        return
    sized: list[Stage] = []
    for stage in mailing.stages:
        size = _size(mailing, stage, targeted)
        if size > (sized[-1]["size"] if sized else 0):
            stage["size"] = size
            sized.append(stage)
    ends = _ends(mailing, [stage["size"] for stage in sized])
    for stage in sized:
        stage["until"] = ends[stage["size"]]
    mailing.stages = sized
    mailing.open_until = mailing.stages[0]["until"] if len(sized) > 1 else None
    mailing.save(update_fields=["stages", "open_until"])


def _size(mailing: Mailing, stage: Stage, targeted: int) -> int:
    if "percent" in stage:
        return math.ceil(targeted * stage["percent"] / 100)
    people = Subscription.objects.filter(
        subscriber_list=first_list(mailing), state=Subscription.State.CONFIRMED
    )
    return Delivery.objects.filter(
        mailing=mailing, subscription__subscriber__in=people.values("subscriber")
    ).count()


def _ends(mailing: Mailing, places: Sequence[int]) -> dict[int, int]:
    """The ids of the deliveries at these places of the audience, counted from 1."""
    if not places:
        return {}
    marks = ", ".join(["%s"] * len(places))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT place, id FROM (
                SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS place
                  FROM delivery_delivery WHERE mailing_id = %s) places
             WHERE place IN ({marks})
            """,
            [mailing.pk, *places],
        )
        return dict(cursor.fetchall())


def advance() -> None:
    """Stop what goes badly, and open the next stage of what goes well; for every tick."""
    staged = list(Mailing.objects.filter(state=Mailing.State.SENDING).exclude(stages=[]))
    if not staged:
        return
    waiting = {queued.mailing_id for queued in queue.waiting()}
    for mailing in staged:
        # First: what is settled is all there is to judge the stage by.
        over = mailing.open_until is not None and mailing.pk not in waiting and _settled(mailing)
        if trouble := _trouble(mailing):
            _stop(mailing, trouble)
        elif over:
            _step(mailing)


def _step(mailing: Mailing) -> None:
    here = Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING, stage=mailing.stage)
    now = timezone.now()
    if mailing.stage_over_at is None:
        here.filter(stage_over_at=None).update(stage_over_at=now)
        mailing.stage_over_at = now
    if now < mailing.stage_over_at + datetime.timedelta(seconds=mailing.stage_wait_seconds):
        return
    if approvals.is_taken_back(mailing):
        approvals.stop(mailing)
        return
    following = mailing.stage + 1
    last = following >= len(mailing.stages) - 1
    open_until = None if last else mailing.stages[following]["until"]
    if here.update(stage=following, open_until=open_until, stage_over_at=None):
        logger.info(event("mailing", mailing=mailing.pk, stage=following + 1))


def _settled(mailing: Mailing) -> bool:
    """Nothing of the stage is under way, and few of it wait for another try."""
    if Delivery.objects.filter(mailing=mailing, state=State.LEASED).exists():
        return False
    late = _counted(mailing).get(State.DEFERRED, 0) + queue.doubtful(mailing)
    return late <= DEFERRED_PART * float(mailing.stages[mailing.stage]["size"])


def counts(mailing: Mailing) -> dict[str, int]:
    """What the limits are measured by: answered for good, bounced, complaints."""
    counted = _counted(mailing)
    bounced = counted.get(State.BOUNCED, 0)
    return {
        "answered": counted.get(State.ACCEPTED, 0) + bounced,
        "bounced": bounced,
        "complaints": _complaints(mailing),
    }


def _counted(mailing: Mailing) -> dict[int, int]:
    rows = Tally.objects.filter(mailing=mailing).values_list("state").annotate(sum=Sum("delta"))
    return dict(rows.order_by())


def _complaints(mailing: Mailing) -> int:
    """Readers of this mailing whose complaint came after it had started."""
    if mailing.started_at is None:
        return 0
    since = Suppression.objects.filter(
        Q(publication=None) | Q(publication=mailing.subscriber_list.publication_id),
        reason=Suppression.Reason.COMPLAINT,
        created_at__gte=mailing.started_at,
    )
    keys = list(since.values_list("key", flat=True).distinct())
    readers = Subscription.objects.filter(subscriber__key__in=keys).values_list("pk", flat=True)
    # Two steps: few complain, and the index leads from each to the delivery.
    return Delivery.objects.filter(mailing=mailing, subscription__in=list(readers)).count()


def _trouble(mailing: Mailing) -> str:
    """Why the mailing has to stop, or nothing."""
    now = counts(mailing)
    since = {name: number - mailing.forgiven.get(name, 0) for name, number in now.items()}
    measures = (
        ("退回", since["bounced"], LEAST_BOUNCES, settings.STAGE_BOUNCE_PERCENT),
        ("投诉", since["complaints"], LEAST_COMPLAINTS, settings.STAGE_COMPLAINT_PERCENT),
    )
    for name, number, least, limit in measures:
        percent = 100 * number / max(since["answered"], 1)
        if number >= least and percent > limit:
            share = f"{name} {number:,} / {since['answered']:,}（{percent:.2f} %）"
            return f"{share}，超过上限 {limit:g} %"
    return ""


def _stop(mailing: Mailing, trouble: str) -> None:
    note = (
        f"{trouble}，发送已自动停在第 {mailing.stage + 1} 批（共 {len(mailing.stages)} 批）。"
        "请查明原因；继续发送即表示接受到现在为止的数字。"
    )
    sending = Mailing.objects.filter(pk=mailing.pk, state=Mailing.State.SENDING)
    if sending.update(state=Mailing.State.STOPPED, note=note):
        told = {"state": Mailing.State.STOPPED, "stage": mailing.stage + 1}
        logger.warning(event("mailing", mailing=mailing.pk, **told))
        announce_waiting(mailing.pk)
