"""The same item, or the same facts, twice: in one issue or against earlier ones.

Promises: texts are compared by the strings of sixteen characters they share, spaces and
punctuation aside; the cost grows with the length of the texts, not with the number of pairs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dongtai_mail.content import (
    Finding,
    Issue,
    Item,
    ListBlock,
    Paragraph,
    Severity,
    Subheading,
)
from dongtai_mail.manuscript.model import Draft
from dongtai_mail.manuscript.toc import key

_GRAM = 16
_STEP = 4
_SAME = 0.6
_FACT = 3
_PASSAGE = 9
_BOILERPLATE = 4
_NOISE = re.compile(r"[\W_]+")
_TWO_FIGURES = re.compile(r"\d\D+\d")


@dataclass(frozen=True, slots=True)
class _Seen:
    """An item that was read before, with a note on where it stood."""

    title: str
    where: str
    text: str


class _Memory:
    """Every fourth sixteen-character string so far, with the first item that had it."""

    def __init__(self) -> None:
        self.items: list[_Seen] = []
        self.titles: dict[str, int] = {}
        self.grams: dict[str, int] = {}
        self.commons: Counter[str] = Counter()

    def find(self, item: Item, text: str) -> tuple[_Seen, set[str]] | None:
        """The earlier item that shares most with this one, and what they share."""
        title = self.titles.get(key(item.title)) if item.title else None
        if title is not None:
            return self.items[title], set()
        grams = _grams(text)
        shared: Counter[int] = Counter()
        for gram in grams & self.grams.keys():
            self.commons[gram] += 1
            shared[self.grams[gram]] += self.commons[gram] < _BOILERPLATE
        if not shared:
            return None
        seen = self.items[min(shared, key=lambda number: (-shared[number], number))]
        return seen, grams & _grams(seen.text)

    def add(self, item: Item, text: str, where: str) -> None:
        number = len(self.items)
        self.items.append(_Seen(item.title, where, text))
        self.titles.setdefault(key(item.title), number)
        for gram in _grams(text, _STEP):
            self.grams.setdefault(gram, number)


def check(draft: Draft) -> Iterator[Finding]:
    memory = _Memory()
    for item, line in zip(draft.issue.items, draft.item_lines, strict=True):
        text = _text(item)
        found = memory.find(item, text)
        if found:
            yield from _report(*found, item, text, line, "")
        memory.add(item, text, f"第 {line} 行" if line else "本期")


def against(issue: Issue, earlier: Iterable[Issue]) -> Iterator[Finding]:
    """What an issue has in common with earlier ones."""
    memory = _Memory()
    for before in earlier:
        where = before.number or (str(before.date) if before.date else "往期")
        for item in before.items:
            memory.add(item, _text(item), where)
    for item in issue.items:
        text = _text(item)
        found = memory.find(item, text)
        if found:
            yield from _report(*found, item, text, None, "-earlier")


def _report(
    seen: _Seen, shared: set[str], item: Item, text: str, line: int | None, suffix: str
) -> Iterator[Finding]:
    other = f"“{seen.title}”（{seen.where}）"
    smaller = min(len(seen.text), len(text)) - _GRAM + 1
    if not shared or (smaller > _GRAM and len(shared) >= _SAME * smaller):
        message = f"这一条与{other}相同或几乎相同。请留一条。"
        yield Finding(f"item-repeated{suffix}", Severity.WARNING, message, line, item.title)
    elif _is_telling(shared):
        sample = min(shared, key=text.find)
        message = f"这一条与{other}说到同样的事：“{sample}”。请看看是否重复。"
        yield Finding(f"facts-repeated{suffix}", Severity.INFO, message, line, item.title)


def _is_telling(shared: set[str]) -> bool:
    """More than a name in common: a long passage, or one with figures."""
    figures = any(map(_TWO_FIGURES.search, shared))
    return len(shared) >= _PASSAGE or (len(shared) >= _FACT and figures)


def _grams(text: str, step: int = 1) -> set[str]:
    return {text[i : i + _GRAM] for i in range(0, len(text) - _GRAM + 1, step)}


def _text(item: Item) -> str:
    parts: list[str] = []
    for block in item.body:
        if isinstance(block, Paragraph | Subheading):
            parts.append(block.text)
        elif isinstance(block, ListBlock):
            parts.extend(block.items)
    return _NOISE.sub("", "".join(parts))
