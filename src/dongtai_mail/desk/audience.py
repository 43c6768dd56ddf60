"""How many a mailing to a list would reach if it began now.

Promises: the same conditions as the audience that ``delivery.mailings`` freezes; a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from dongtai_mail.delivery.audience import count
from subscribers.audience import Description
from subscribers.models import SubscriberList, Subscription, Suppression


@dataclass(frozen=True, slots=True)
class Audience:
    """``readers`` get the mailing; ``excluded`` are confirmed but suppressed."""

    readers: int
    excluded: int


def audience(subscriber_list: SubscriberList, described: Description | None = None) -> Audience:
    if described is not None:
        return Audience(*count(subscriber_list.publication_id, described))
    confirmed = Subscription.objects.filter(
        Q(paused_until=None) | Q(paused_until__lte=timezone.now()),
        subscriber_list=subscriber_list,
        state=Subscription.State.CONFIRMED,
    )
    suppressed = Suppression.objects.filter(
        Q(publication=None) | Q(publication=subscriber_list.publication_id)
    )
    excluded = confirmed.filter(subscriber__hash__in=suppressed.values("hash")).count()
    return Audience(confirmed.count() - excluded, excluded)
