"""Items that say what a new one says: in its issue, in earlier ones, in the pool.

Owns: the index of the strings that items have (``Sketch``, ``Shingle``), and what counts as alike.
Promises: an answer in some milliseconds among thousands of items, on either database: a title by
its strings of four characters, a text by every string of eight that has the lowest number among
its neighbours, so that a passage of thirty-two characters in common is always met. What is met is
compared whole before it is shown. The index follows the items' versions and mends itself.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet

from dongtai_mail.issues.models import Issue, Item, Publication, Shingle, Sketch

MOST = 5
_TITLE, _TEXT = 4, 8
_NEIGHBOURS = 25
_CANDIDATES = 10
_ENOUGH = 12
_ASKED = 600
_LONGEST = 50_000
_SHOWN = 60
# A text this short says too little for its strings to count.
_SHORT = 60
# Strings in a row, and no fewer, are more than a name or a turn of phrase; a passage is this many.
_TELLING, _PASSAGE = 9, 36
_LINK = re.compile(r"\]\([^)\s]*\)")
_NOISE = re.compile(r"[\W_]+")
_FIGURES = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Match:
    """``issue`` is None in the pool; ``score`` is from 0 to 1; ``passage`` is what both say."""

    item: Item
    issue: Issue | None
    score: float
    passage: str

    @property
    def percent(self) -> int:
        return round(self.score * 100)


def similar(
    publication: Publication,
    title: str,
    body: str,
    *,
    url: str = "",
    besides: Item | None = None,
) -> list[Match]:
    """The items most like this one, the likeliest first; ``besides`` is the item itself."""
    catch_up(publication)
    mine = _Text(title, body[:_LONGEST])
    rows = Item.objects.filter(publication=publication, discarded_at=None)
    if besides is not None:
        rows = rows.exclude(pk=besides.pk)
    met = _met(rows, _numbers(_grams(mine.title, _TITLE))) | _met(rows, list(mine.numbers()))
    if url:
        met |= set(rows.filter(url=url).values_list("pk", flat=True)[:MOST])
    found = rows.select_related("section__issue").filter(pk__in=met)
    matches = [match for item in found if (match := _compare(mine, item, url))]
    return sorted(matches, key=lambda match: (-match.score, -match.item.pk))[:MOST]


def catch_up(publication: Publication | None = None, most: int = 20) -> int:
    """Bring the index up to the items; how many there were, at most ``most``."""
    rows = Item.objects.filter(discarded_at=None)
    if publication is not None:
        rows = rows.filter(publication=publication)
    stale = rows.filter(Q(sketch=None) | ~Q(sketch__version=F("version"))).order_by("-pk")
    items = list(stale[:most])
    for item in items:
        _index(item)
    return len(items)


def _index(item: Item) -> None:
    with transaction.atomic():
        # Whoever else indexes this item waits here, and then writes the same again.
        Sketch.objects.bulk_create(
            [Sketch(item=item, version=item.version)],
            update_conflicts=True,
            unique_fields=["item"],
            update_fields=["version"],
        )
        text = _Text(item.title, item.body)
        numbers = {*_numbers(_grams(text.title, _TITLE)), *text.numbers()}
        Shingle.objects.filter(item=item).delete()
        Shingle.objects.bulk_create(Shingle(item=item, number=number) for number in numbers)


def _met(rows: QuerySet[Item], numbers: Sequence[int]) -> set[int]:
    """Those of these items that have most of these strings; one string alone is met everywhere."""
    if not numbers:
        return set()
    asked = numbers[:: len(numbers) // _ASKED + 1]
    least = 2 if len(asked) >= _ENOUGH else 1
    found = Shingle.objects.filter(number__in=asked, item__in=rows).values("item")
    shared = found.annotate(shared=Count("pk"))
    telling = shared.filter(shared__gte=least).order_by("-shared", "-item")
    return {row["item"] for row in telling[:_CANDIDATES]}


class _Text:
    """A title and a text as they are compared: letters, characters and figures only."""

    def __init__(self, title: str, body: str) -> None:
        self.title = _bare(title)
        self.figures = _FIGURES.findall(title)
        self.original = _LINK.sub("]", body)
        self.text = _bare(self.original)
        self.grams = set(_grams(self.text, _TEXT))

    def numbers(self) -> Iterator[int]:
        """Every string's number that is the lowest among its neighbours, once each."""
        numbers = [zlib.crc32(gram.encode()) for gram in _grams(self.text, _TEXT)]
        last = -1
        for start in range(max(1, len(numbers) - _NEIGHBOURS + 1) if numbers else 0):
            window = numbers[start : start + _NEIGHBOURS]
            if last < start or numbers[start + len(window) - 1] < numbers[last]:
                last = start + window.index(min(window))
                yield numbers[last]

    def runs(self, other: _Text) -> list[tuple[int, int]]:
        """Where the strings begin that ``other`` has, too, and how many follow one another."""
        shared = (self.text[at : at + _TEXT] in other.grams for at in range(self.count))
        found, start = [], 0
        for known, together in groupby(shared):
            length = sum(1 for _ in together)
            if known and length >= _TELLING:
                found.append((start, length))
            start += length
        return found

    @property
    def count(self) -> int:
        return max(0, len(self.text) - _TEXT + 1)

    def printed(self, start: int, length: int) -> str:
        """A run with the spaces and punctuation that it has here."""
        places = [at for at, char in enumerate(_folded(self.original)) if not _NOISE.match(char)]
        first, last = places[start], places[start + length + _TEXT - 2]
        shown = " ".join(self.original[first : last + 1].split())
        return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"


def _compare(mine: _Text, item: Item, url: str) -> Match | None:
    theirs = _Text(item.title, item.body)
    runs = theirs.runs(mine)
    least = min(mine.count, theirs.count)
    text = min(1.0, sum(length for _start, length in runs) / least) if least else 0.0
    longest = max(runs, key=lambda run: run[1], default=(0, 0))
    title = _title_likeness(mine, theirs)
    same = bool(url) and url == item.url
    if not (same or longest[1] >= _PASSAGE or _alike(mine, theirs, title, text)):
        return None
    issue = item.section.issue if item.section else None
    passage = theirs.printed(*longest) if runs else ""
    return Match(item, issue, 1.0 if same else max(title, text), passage)


def _alike(mine: _Text, theirs: _Text, title: float, text: float) -> bool:
    if min(len(mine.text), len(theirs.text)) < _SHORT:
        return title >= 0.6 or text >= 0.8
    # Regular columns have the same title in every issue, and other news.
    return text >= 0.25 or (title >= 0.5 and text >= 0.08) or (title >= 0.8 and text > 0)


def _title_likeness(mine: _Text, theirs: _Text) -> float:
    """Dice's coefficient of the pairs of characters; another figure is another piece of news."""
    if min(len(mine.title), len(theirs.title)) < 4:
        return float(bool(mine.title) and mine.title == theirs.title)
    one, two = set(_grams(mine.title, 2)), set(_grams(theirs.title, 2))
    likeness = 2 * len(one & two) / (len(one) + len(two))
    other = mine.figures and theirs.figures and mine.figures != theirs.figures
    return likeness * 0.7 if other else likeness


def _bare(text: str) -> str:
    """The text without spaces and punctuation."""
    return _NOISE.sub("", _folded(text))


def _folded(text: str) -> str:
    """Full-width and capital letters as small ones, character for character."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return plain if len(plain) == len(text) else text


def _grams(text: str, length: int) -> Iterable[str]:
    return (text[at : at + length] for at in range(len(text) - length + 1))


def _numbers(grams: Iterable[str]) -> list[Any]:
    """Of titles: kept apart from the numbers of texts by their sign."""
    return [-zlib.crc32(gram.encode()) - 1 for gram in grams]
