"""How many a mailing to a list would reach if it began now.

Promises: the same conditions as the audience that ``delivery.mailings`` freezes; a test compares.
Rules about people are counted person by person, a second for a million: a page with such a number
stands at once and fetches itself again for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core.cache import cache
from django.http import HttpRequest

from dongtai_mail.delivery.audience import select
from subscribers.audience import Description
from subscribers.models import SubscriberList
from subscribers.selection import Selection, has_rules

# A page that asks again every two seconds doesn't count people every time.
KEPT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Audience:
    """``readers`` get the mailing; ``excluded`` are confirmed but suppressed."""

    readers: int
    excluded: int


def audience(subscriber_list: SubscriberList, described: Description | None = None) -> Audience:
    whole = {"lists": [subscriber_list.pk]}
    return counted(select(subscriber_list.publication_id, described or whole))


def counted(selected: Selection) -> Audience:
    return Audience(selected.readers.bit_count(), selected.excluded.bit_count())


def comes_later(request: HttpRequest, described: Description | None) -> bool:
    """Whether a page leaves the number to a second request: its own script's, or a link's."""
    asked = request.method == "POST" or "HX-Request" in request.headers or "count" in request.GET
    return described is not None and has_rules(described) and not asked


def kept(subscriber_list: SubscriberList, described: Description | None, key: str) -> Audience:
    """The same, not older than a minute where people have to be counted."""
    if described is None or not has_rules(described):
        return audience(subscriber_list, described)
    known: Audience | None = cache.get(key)
    if known is None:
        known = audience(subscriber_list, described)
        cache.set(key, known, KEPT_SECONDS)
    return known
