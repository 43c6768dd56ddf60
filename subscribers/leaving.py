"""Leaving a list, and coming back by one's own act.

Promises: one transaction changes the subscription and adds to its history, or neither; doing it
again changes nothing; whoever left is left out from the next batch on, since claims read the same
row. A complaint stays one: neither leaving, coming back nor a bounce touches it. Fails: with None
for a subscription that no longer exists.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from subscribers.models import Subscription, SubscriptionEvent

State = Subscription.State


def leave(subscription_id: int, source: str, detail: str = "") -> Subscription | None:
    """End one subscription; ``source`` says by which door, ``detail`` what led there."""
    before = (State.PENDING, State.CONFIRMED, State.BOUNCED)
    return _move(subscription_id, before, State.UNSUBSCRIBED, source, detail)


def come_back(subscription_id: int, source: str, detail: str = "") -> Subscription | None:
    """Take up again a subscription that its reader ended; only ever by the reader's own act."""
    return _move(subscription_id, (State.UNSUBSCRIBED,), State.CONFIRMED, source, detail)


def bounce(subscription_id: int, source: str, detail: str = "") -> Subscription | None:
    """Stop writing to an address that takes no mail; who left before that stays as one who left."""
    return _move(subscription_id, (State.PENDING, State.CONFIRMED), State.BOUNCED, source, detail)


def complain(subscription_id: int, source: str, detail: str = "") -> Subscription | None:
    """Record for good that the reader objects, whatever the subscription was before."""
    before = tuple(state for state in State if state != State.COMPLAINED)
    return _move(subscription_id, before, State.COMPLAINED, source, detail)


def _move(
    subscription_id: int, before: tuple[State, ...], after: State, source: str, detail: str
) -> Subscription | None:
    with transaction.atomic():
        changed = Subscription.objects.filter(pk=subscription_id, state__in=before).update(
            state=after, changed_at=timezone.now()
        )
        if changed:
            SubscriptionEvent.objects.create(
                subscription_id=subscription_id, state=after, source=source, detail=detail[:300]
            )
        return (
            Subscription.objects.select_related("subscriber", "subscriber_list__publication")
            .filter(pk=subscription_id)
            .first()
        )
