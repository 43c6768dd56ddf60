"""Matching the table of contents with the items.

Owns: which item a printed entry means, though its title is cut or differs slightly, and where
in the body a printed title stands, though the wrap has parted it.
Promises: an item is matched once; the cost grows with entries plus items, not their product.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from dongtai_mail.content import Issue, TocEntry

_NOISE = re.compile(r"[\W_]+")
_ALIKE = 0.6
_FEW = 40
_TITLE_LINES, _LINE_LONGEST = 5, 80


def match(issue: Issue) -> tuple[int | None, ...]:
    """For each entry of the table of contents the index of its item, or None."""
    return pair([entry.title for entry in issue.toc], [item.title for item in issue.items])


def pair(entries: Sequence[str], titles: Sequence[str]) -> tuple[int | None, ...]:
    """For each entry the index of the title it means: exact ones first, then the likest."""
    free: dict[str, list[int]] = defaultdict(list)
    for index, title in reversed(list(enumerate(titles))):
        free[key(title)].append(index)
    found: list[int | None] = [free[k].pop() if free.get(k := key(e)) else None for e in entries]
    rest = {index for group in free.values() for index in group}
    if None in found and rest:
        _pair_alike(entries, titles, found, rest)
    return tuple(found)


@lru_cache(maxsize=8192)
def key(title: str) -> str:
    """A title without spaces and punctuation, in one width and case."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", title)).lower()


def wrapped(texts: Sequence[str], titles: Sequence[str]) -> Iterator[range]:
    """The places of lines which together, and not one alone, are a printed title."""
    keys = sorted({key(title) for title in titles} - {""})
    index = 0
    while keys and index < len(texts):
        end = _end_of_title(texts, index, keys)
        if end > index + 1:
            yield range(index, end)
        index = max(end, index + 1)


def _end_of_title(texts: Sequence[str], start: int, keys: Sequence[str]) -> int:
    whole = ""
    for index in range(start, min(len(texts), start + _TITLE_LINES)):
        part = key(texts[index]) if len(texts[index]) <= _LINE_LONGEST else ""
        whole += part
        at = bisect_left(keys, whole)
        if not part or at == len(keys) or not keys[at].startswith(whole):
            return start
        if keys[at] == whole:
            return index + 1
    return start


def same_title(entry: TocEntry, title: str) -> bool:
    return "".join(entry.title.split()) == "".join(title.split())


def _pair_alike(
    entries: Sequence[str], titles: Sequence[str], found: list[int | None], rest: set[int]
) -> None:
    index = defaultdict(list)
    for position in sorted(rest):
        for gram in _grams(titles[position]):
            index[gram].append(position)
    for number, entry in enumerate(entries):
        if found[number] is None:
            found[number] = _likest(entry, titles, index, rest)
            rest.discard(-1 if found[number] is None else found[number] or 0)


def _likest(
    entry: str, titles: Sequence[str], index: dict[str, list[int]], rest: set[int]
) -> int | None:
    grams = _grams(entry)
    shared: Counter[int] = Counter()
    for gram in grams:
        shared.update(index.get(gram, ())[:_FEW])
    best, score = None, _ALIKE
    for position, _ in shared.most_common(5):
        alike = _alike(grams, _grams(titles[position]), entry, titles[position])
        if position in rest and alike >= score:
            best, score = position, alike + 1e-9
    return best


def _alike(first: set[str], second: set[str], entry: str, title: str) -> float:
    short, long = sorted((key(entry), key(title)), key=len)
    if len(short) >= 6 and short in long:
        return 0.99
    return 2 * len(first & second) / (len(first) + len(second) or 1)


def _grams(title: str) -> set[str]:
    text = key(title)
    return {text[i : i + 2] for i in range(len(text) - 1)} or {text}
