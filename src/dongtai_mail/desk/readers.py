"""Who some of a mailing's readers are, and who is left out and why.

Promises: the same conditions as the audience that is frozen; the parts add up to the readers.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from dongtai_mail.delivery import counting
from dongtai_mail.delivery.audience import count, subscriptions
from subscribers.audience import Description
from subscribers.models import Subscription, Suppression

SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Account:
    """``on_lists`` are subscriptions: readers + duplicates + left out + suppressed.

    Besides, those who are not confirmed (``pending``) or want no mail for a while (``paused``).
    """

    on_lists: int
    readers: int
    duplicates: int
    left_out: int
    suppressed: int
    pending: int
    paused: int


def account(publication_id: int, chosen: Description, counted: Description) -> Account:
    """Who of the ``chosen`` is left out of those ``counted``, and why."""
    readers, suppressed = count(publication_id, counted)
    on_lists = people = readers + suppressed
    if counting.only_list(counted) is None:
        found = subscriptions(publication_id, chosen)
        sums = found.aggregate(all=Count("pk"), people=Count("subscriber", distinct=True))
        on_lists, people = sums["all"], sums["people"]
    others = Subscription.objects.filter(subscriber_list__in=_lists(chosen))
    confirmed = others.filter(state=Subscription.State.CONFIRMED)
    return Account(
        on_lists=on_lists,
        readers=readers,
        duplicates=on_lists - people,
        left_out=people - readers - suppressed,
        suppressed=suppressed,
        pending=others.filter(state=Subscription.State.PENDING).count(),
        paused=confirmed.filter(paused_until__gt=timezone.now()).count(),
    )


def _lists(chosen: Description) -> set[int]:
    parts = [chosen, *chosen.get("also", [])]
    return {each for part in parts for each in part.get("lists", [])}


def sample(publication_id: int, counted: Description) -> list[Subscription]:
    """Some who would get it, spread over the time of joining; the same ones when asked again."""
    found = _not_suppressed(publication_id, subscriptions(publication_id, counted))
    # Two walks along the index, which end at once; a minimum would read everybody.
    numbers = found.order_by("pk").values_list("pk", flat=True)
    first, last = numbers.first(), numbers.last()
    if first is None or last is None:
        return []
    step = (last - first) / SAMPLE
    people: dict[int, Subscription] = {}
    for number in range(SAMPLE):
        later = found.filter(pk__gte=first + int(step * number))
        others = later.exclude(subscriber__in=list(people)).order_by("pk")
        if row := others.select_related("subscriber", "subscriber_list").first():
            people[row.subscriber_id] = row
    return list(people.values())


def _not_suppressed(publication_id: int, rows: QuerySet[Subscription]) -> QuerySet[Subscription]:
    suppressed = Suppression.objects.filter(Q(publication=None) | Q(publication=publication_id))
    return rows.exclude(subscriber__hash__in=suppressed.values("hash"))
