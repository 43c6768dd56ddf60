"""The same item, or the same facts, twice: in one issue or against earlier ones.

Promises: texts are compared by the strings of sixteen characters they share, spaces and
punctuation aside; the cost grows with the length of the texts, not with the number of pairs.
Texts are UTF-16 here, so that four characters are one machine word: strings are looked up only
where one of their words is known, which is a tenth of the work of looking up all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import compress

from dongtai_mail.content import (
    Finding,
    Issue,
    Item,
    ListBlock,
    Paragraph,
    Severity,
    Subheading,
)
from dongtai_mail.manuscript.inline import as_printed
from dongtai_mail.manuscript.model import Draft
from dongtai_mail.manuscript.toc import key

_CHAR, _WORD, _GRAM = 2, 8, 32
_BACK = range(0, _GRAM, _WORD)
_SAME = 0.6
_FACT = 3
_PASSAGE = 9
_BOILERPLATE = 4
_QUOTED = 40
_NOISE = re.compile(r"[\W_]+")
_TWO_FIGURES = re.compile(r"\d\D+\d")


@dataclass(frozen=True, slots=True)
class _Seen:
    """An item that was read before, with a note on where it stood."""

    title: str
    where: str
    text: bytes


class _Memory:
    """Every fourth sixteen-character string so far, with the first item that had it."""

    def __init__(self) -> None:
        self.items: list[_Seen] = []
        self.titles: dict[str, int] = {}
        self.grams: dict[bytes, int] = {}
        self.words: set[int] = set()
        self.commons: Counter[bytes] = Counter()

    def find(self, item: Item, text: bytes) -> tuple[_Seen, set[bytes]] | None:
        """The earlier item that shares most with this one, and what they share."""
        title = self.titles.get(key(item.title)) if item.title else None
        if title is not None:
            return self.items[title], set()
        shared: Counter[int] = Counter()
        for gram in self._known(text):
            self.commons[gram] += 1
            shared[self.grams[gram]] += self.commons[gram] < _BOILERPLATE
        if not shared:
            return None
        seen = self.items[min(shared, key=lambda number: (-shared[number], number))]
        return seen, _grams(text) & _grams(seen.text)

    def add(self, item: Item, text: bytes, where: str) -> None:
        number = len(self.items)
        self.items.append(_Seen(item.title, where, text))
        self.titles.setdefault(key(item.title), number)
        self.words.update(_words(text))
        for at in range(0, len(text) - _GRAM + 1, _WORD):
            self.grams.setdefault(text[at : at + _GRAM], number)

    def _known(self, text: bytes) -> set[bytes]:
        """The strings of a text that are in memory, wherever in the text they begin.

        A string has four words, so that every fourth word of the text meets each of them once.
        """
        starts: list[int] = []
        for phase in range(0, _WORD, _CHAR):
            places = range(phase + _GRAM - _WORD, len(text), _GRAM)
            met = map(self.words.__contains__, _words(text, phase, 3, 4))
            starts += [at - back for at in compress(places, met) for back in _BACK]
        return {text[at : at + _GRAM] for at in starts} & self.grams.keys()


def check(draft: Draft) -> Iterator[Finding]:
    memory = _Memory()
    for item, line in zip(draft.issue.items, draft.item_lines, strict=True):
        text = _text(item)
        found = memory.find(item, text)
        if found:
            yield from _report(*found, item, text, line, "")
        memory.add(item, text, f"第 {line} {draft.unit}" if line else "本期")


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
    seen: _Seen, shared: set[bytes], item: Item, text: bytes, line: int | None, suffix: str
) -> Iterator[Finding]:
    other = f"“{seen.title}”（{seen.where}）"
    smaller = (min(len(seen.text), len(text)) - _GRAM) // _CHAR + 1
    if not shared or (smaller > _GRAM // _CHAR and len(shared) >= _SAME * smaller):
        message = f"这一条与{other}相同或几乎相同。请留一条。"
        yield Finding(f"item-repeated{suffix}", Severity.WARNING, message, line, item.title)
    elif _is_telling(shared):
        sample = _printed(item, _first_run(text, shared))
        message = f"这一条与{other}说到同样的事：“{sample}”。请看看是否重复。"
        yield Finding(f"facts-repeated{suffix}", Severity.INFO, message, line, item.title)


def _is_telling(shared: set[bytes]) -> bool:
    """More than a name in common: a long passage, or one with figures."""
    figures = any(_TWO_FIGURES.search(gram.decode("utf-16-le", "replace")) for gram in shared)
    return len(shared) >= _PASSAGE or (len(shared) >= _FACT and figures)


def _first_run(text: bytes, shared: set[bytes]) -> str:
    """The first passage of a text that consists of shared strings."""
    start = end = next(at for at in range(0, len(text), _CHAR) if text[at : at + _GRAM] in shared)
    while text[end : end + _GRAM] in shared:
        end += _CHAR
    return text[start : end + _GRAM - _CHAR].decode("utf-16-le", "replace")


def _printed(item: Item, run: str) -> str:
    """A passage with the spaces and punctuation that it has in its item."""
    between = r"[\W_]*"
    found = re.search(
        between.join(map(re.escape, run[:_QUOTED])), as_printed("".join(_texts(item)))
    )
    return (found[0] if found else run[:_QUOTED]) + ("…" if len(run) > _QUOTED else "")


def _grams(text: bytes) -> set[bytes]:
    return {text[at : at + _GRAM] for at in range(0, len(text) - _GRAM + 1, _CHAR)}


def _words(text: bytes, phase: int = 0, first: int = 0, step: int = 1) -> list[int]:
    """The words from an offset on, beginning with the ``first``, each ``step``-th."""
    end = phase + (len(text) - phase) // _WORD * _WORD
    return memoryview(text)[phase:end].cast("Q")[first::step].tolist()


def _text(item: Item) -> bytes:
    return _NOISE.sub("", "".join(_texts(item))).encode("utf-16-le", "replace")


def _texts(item: Item) -> Iterator[str]:
    for block in item.body:
        if isinstance(block, Paragraph | Subheading):
            yield block.text
        elif isinstance(block, ListBlock):
            yield from block.items
