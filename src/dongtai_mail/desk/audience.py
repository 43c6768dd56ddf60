"""How many a mailing to a list would reach if it began now.

Promises: the same conditions as the audience that ``delivery.mailings`` freezes; a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass

from dongtai_mail.delivery import counting
from dongtai_mail.delivery.audience import count
from subscribers.audience import Description
from subscribers.models import SubscriberList


@dataclass(frozen=True, slots=True)
class Audience:
    """``readers`` get the mailing; ``excluded`` are confirmed but suppressed."""

    readers: int
    excluded: int


def audience(subscriber_list: SubscriberList, described: Description | None = None) -> Audience:
    publication = subscriber_list.publication_id
    if described is not None:
        return Audience(*count(publication, described))
    return Audience(*counting.whole(publication, subscriber_list.pk))
