"""Leaving a list, and coming back by one's own act.

Promises: one transaction changes the subscription and adds to its history, or neither; doing it
again changes nothing; whoever left is left out from the next batch on, since claims read the same
row; leaving always works, coming back a few times a day, since the history of both is kept for good
and a link may be in strange hands. A complaint stays one: neither leaving, coming back nor a bounce
touches it. Fails: with None for a subscription that no longer exists.
"""

from __future__ import annotations

import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from subscribers.models import Subscription, SubscriptionEvent, Wording

State = Subscription.State
# A day has room for every change of mind, and none for a program.
A_DAY = datetime.timedelta(days=1)
RETURNS_A_DAY = 5
OWN_ACTS = ("page", "preferences", "confirmation")


def leave(
    subscription_id: int,
    source: str,
    detail: str = "",
    *,
    mailing: int | None = None,
    ip: str | None = None,
    actor: str = "",
) -> Subscription | None:
    """End one subscription; ``source`` says by which door, ``detail`` what led there.

    ``mailing`` is the one in whose mail the reader found that door.
    """
    before = (State.PENDING, State.CONFIRMED, State.BOUNCED)
    event = {"source": source, "detail": detail, "mailing": mailing, "ip": ip, "actor": actor}
    return _move(subscription_id, before, State.UNSUBSCRIBED, event)


def come_back(
    subscription_id: int,
    source: str,
    detail: str = "",
    *,
    mailing: int | None = None,
    ip: str | None = None,
) -> Subscription | None:
    """Take up again a subscription that its reader ended; only ever by the reader's own act."""
    event = {"source": source, "detail": detail, "mailing": mailing, "ip": ip}
    before = (State.UNSUBSCRIBED,) if may_return(subscription_id) else ()
    return _move(subscription_id, before, State.CONFIRMED, event)


def may_return(subscription_id: int) -> bool:
    """Whether its reader hasn't come back as often as one may within a day."""
    since = timezone.now() - A_DAY
    came = SubscriptionEvent.objects.filter(
        subscription=subscription_id, state=State.CONFIRMED, source__in=OWN_ACTS, at__gte=since
    )
    return came.count() < RETURNS_A_DAY


def confirm(subscription_id: int, ip: str | None, wording: str) -> Subscription | None:
    """Begin a subscription, by a link that only reached its reader's mailbox."""
    before: tuple[State, ...] = (State.PENDING, State.BOUNCED)
    if may_return(subscription_id):
        before = (*before, State.UNSUBSCRIBED)
    event = {"source": "confirmation", "ip": ip, "wording": Wording.of(wording)}
    return _move(subscription_id, before, State.CONFIRMED, event)


def explain(subscription_id: int, reason: str, ip: str | None) -> None:
    """Keep why somebody left, if they say so, once a leaving; it changes nothing."""
    left = Subscription.objects.filter(pk=subscription_id, state=State.UNSUBSCRIBED)
    with transaction.atomic():
        if not reason or left.select_for_update().first() is None or explained(subscription_id):
            return
        SubscriptionEvent.objects.create(
            subscription_id=subscription_id,
            state=State.UNSUBSCRIBED,
            source="reason",
            detail=reason[:300],
            ip=ip,
        )


def explained(subscription_id: int) -> bool:
    """Whether the last act was to say why."""
    acts = SubscriptionEvent.objects.filter(subscription=subscription_id)
    last = acts.exclude(source="address change").order_by("pk").last()
    return last is not None and last.source == "reason"


def bounce(subscription_id: int, source: str, detail: str = "") -> Subscription | None:
    """Stop writing to an address that takes no mail; who left before that stays as one who left."""
    event = {"source": source, "detail": detail}
    return _move(subscription_id, (State.PENDING, State.CONFIRMED), State.BOUNCED, event)


def complain(subscription_id: int, source: str, detail: str = "") -> Subscription | None:
    """Record for good that the reader objects, whatever the subscription was before."""
    before = tuple(state for state in State if state != State.COMPLAINED)
    return _move(subscription_id, before, State.COMPLAINED, {"source": source, "detail": detail})


def _move(
    subscription_id: int, before: tuple[State, ...], after: State, event: dict[str, Any]
) -> Subscription | None:
    with transaction.atomic():
        changed = Subscription.objects.filter(pk=subscription_id, state__in=before).update(
            state=after, changed_at=timezone.now()
        )
        if changed:
            event["detail"] = event.get("detail", "")[:300]
            SubscriptionEvent.objects.create(subscription_id=subscription_id, state=after, **event)
        return (
            Subscription.objects.select_related("subscriber", "subscriber_list__publication")
            .filter(pk=subscription_id)
            .first()
        )
