"""Finding readers by how their address begins, among millions.

Promises: the unique index of addresses is all that is asked: a whole address, or its first letters,
costs the same however many readers there are, and no more than ``MOST`` addresses are looked at,
whosever they are. Readers of other publications are never answered.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from dongtai_mail.message.address import AddressError, as_typed
from subscribers.models import Subscriber, Subscription

MOST = 100


@dataclass(frozen=True, slots=True)
class Looked:
    """``more``: more addresses begin so than were looked at."""

    subscriptions: list[Subscription]
    more: bool


def beginning(publication_id: int, text: str) -> Looked:
    """Who is on a list of the publication, by address; the whole address stands first."""
    start = _key(text)
    if not start or any(character.isspace() for character in start):
        return Looked([], more=False)
    after = Subscriber.objects.filter(key__gte=start).order_by("key").values_list("pk", "key")
    # In a language's order, unlike in that of bytes, others may stand between; they are left out.
    people = [pk for pk, key in after[:MOST] if key.startswith(start)]
    rows = Subscription.objects.filter(
        subscriber__in=people, subscriber_list__publication=publication_id
    )
    found = rows.select_related("subscriber", "subscriber_list").order_by("subscriber__key", "pk")
    return Looked(list(found), more=len(people) == MOST)


def _key(text: str) -> str:
    try:
        return as_typed(text).key
    except AddressError:
        return unicodedata.normalize("NFKC", text).casefold().strip()
