"""Finding anything of a publication by a few words: issues, items, mailings, readers.

Promises: what is found is of this publication alone; readers only for whoever may see them, and by
an index (``subscribers.lookup``). At most ``MOST`` of a kind, the newest first, and it says when
there are more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Q, QuerySet

from dongtai_mail.delivery.models import Mailing
from dongtai_mail.desk import audience_names
from dongtai_mail.issues import pool
from dongtai_mail.issues.models import Issue, Item, Publication
from subscribers import lookup
from subscribers.models import Subscription

MOST, LONGEST = 20, 100
_AROUND = 40
# Of so many mailings, two decades of a weekly, the audiences are looked at.
_MAILINGS = 1000
_OF_NUMBERS = re.compile(r"[第期\s]")

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Some(Generic[Row]):
    rows: Sequence[Row]
    more: bool

    def __bool__(self) -> bool:
        return bool(self.rows)


@dataclass(frozen=True, slots=True)
class Passage:
    """An item with its title and the part of its text where the words stand.

    Every second piece, beginning with the second, is one of the words.
    """

    item: Item
    title: list[str]
    text: list[str]


@dataclass(frozen=True, slots=True)
class Found:
    """``readers`` is None for whoever may not see them."""

    issues: Some[Issue]
    items: Some[Passage]
    mailings: Some[Mailing]
    readers: Some[Subscription] | None

    @property
    def nothing(self) -> bool:
        return not (self.issues or self.items or self.mailings or self.readers)


def search(publication: Publication, text: str, *, readers: bool) -> Found:
    issues = _issues(publication, text)
    return Found(
        issues=_some(issues),
        items=_items(publication, text),
        mailings=_some(_mailings(publication, text)),
        readers=_readers(publication, text) if readers else None,
    )


def _issues(publication: Publication, text: str) -> QuerySet[Issue]:
    """By number, “第 23 期” or 23, or by what stands in the subject."""
    number = _OF_NUMBERS.sub("", text)
    asked = Q(number__icontains=number) if number else Q()
    words = Q()
    for word in text.split():
        words &= Q(masthead__icontains=word) | Q(subject__icontains=word)
    rows = Issue.objects.filter(publication=publication).select_related("publication")
    return rows.filter(asked | words).order_by("-pk")


def _items(publication: Publication, text: str) -> Some[Passage]:
    rows = Item.objects.filter(pool.saying(text), publication=publication, discarded_at=None)
    found = _some(rows.select_related("section__issue__publication").order_by("-pk"))
    return Some([_passage(item, text.split()) for item in found.rows], found.more)


def _mailings(publication: Publication, text: str) -> QuerySet[Mailing]:
    """By issue, by subject, or by what its audience is called."""
    ours = Mailing.objects.filter(edition__issue__publication=publication).order_by("-pk")
    asked = Q(edition__subject__icontains=text)
    asked |= Q(edition__issue__in=_issues(publication, text).order_by())
    asked |= Q(pk__in=_to_whom(publication, ours[:_MAILINGS], text.casefold()))
    return ours.filter(asked).select_related("edition__issue__publication", "subscriber_list")


def _to_whom(publication: Publication, mailings: QuerySet[Mailing], text: str) -> list[int]:
    """In Python: an audience of several lists or of segments has its name from its description."""
    rows = mailings.select_related("subscriber_list")
    return [row.pk for row in rows if text in audience_names.named(row, publication).casefold()]


def _readers(publication: Publication, text: str) -> Some[Subscription]:
    looked = lookup.beginning(publication.pk, text)
    found = looked.subscriptions
    return Some(found[:MOST], looked.more or len(found) > MOST)


def _some(rows: QuerySet[Any]) -> Some[Any]:
    found = list(rows[: MOST + 1])
    return Some(found[:MOST], len(found) > MOST)


def _passage(item: Item, words: Sequence[str]) -> Passage:
    of_words = re.compile(f"({'|'.join(map(re.escape, words))})", re.IGNORECASE)
    body = " ".join(item.body.split())
    first = of_words.search(body)
    start = max(0, first.start() - _AROUND) if first else 0
    end = start + 3 * _AROUND
    shown = f"{'…' if start else ''}{body[start:end]}{'…' if end < len(body) else ''}"
    return Passage(item, of_words.split(item.title or "—"), of_words.split(shown))
