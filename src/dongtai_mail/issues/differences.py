"""What is different between two texts, in a form that a page can show.

Promises: the runs of one side put together are that side, character for character. Paragraphs are
compared first, and words or characters only within those that changed, so that a long text costs
little, also one in which the same comes again and again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import zip_longest
from typing import NamedTuple

_TOKEN = re.compile(r"[A-Za-z0-9]+|\s+|.", re.DOTALL)
_LONGEST = 4000
# How often one thing may be compared with the same; a paragraph of 2,000 characters needs a tenth.
_TOIL = 250_000


class Kind(StrEnum):
    SAME = "same"
    GONE = "gone"
    NEW = "new"


class Run(NamedTuple):
    kind: Kind
    text: str


def runs(before: str, after: str) -> tuple[Run, ...]:
    """The way from one text to the other."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return tuple(_joined(_lines(old, new)))


def shortened(found: Iterable[Run], beside: int = 40) -> tuple[Run, ...]:
    """For reading: of what stayed the same only what stands beside a change."""
    return tuple(_shortened(run, beside) for run in found)


def _shortened(run: Run, beside: int) -> Run:
    if run.kind is not Kind.SAME or len(run.text) <= 2 * beside + 2:
        return run
    return Run(run.kind, f"{run.text[:beside]} … {run.text[-beside:]}")


def _lines(old: Sequence[str], new: Sequence[str]) -> Iterator[Run]:
    for tag, a, b, c, d in _steps(old, new):
        if tag == "equal":
            yield Run(Kind.SAME, "".join(old[a:b]))
            continue
        for was, now in zip_longest(old[a:b], new[c:d], fillvalue=""):
            yield from _words(was, now)


def _words(was: str, now: str) -> Iterator[Run]:
    if not was or not now or len(was) + len(now) > _LONGEST:
        yield Run(Kind.GONE, was)
        yield Run(Kind.NEW, now)
        return
    old, new = _TOKEN.findall(was), _TOKEN.findall(now)
    for tag, a, b, c, d in _steps(old, new):
        if tag == "equal":
            yield Run(Kind.SAME, "".join(old[a:b]))
        else:
            yield Run(Kind.GONE, "".join(old[a:b]))
            yield Run(Kind.NEW, "".join(new[c:d]))


def _steps(old: Sequence[str], new: Sequence[str]) -> Iterable[tuple[str, int, int, int, int]]:
    """What repeats too much is matched only beside what does not: else it takes minutes."""
    again = Counter(new)
    toil = sum(count * again[part] for part, count in Counter(old).items())
    return SequenceMatcher(None, old, new, autojunk=toil > _TOIL).get_opcodes()


def _joined(found: Iterator[Run]) -> Iterator[Run]:
    last: Run | None = None
    for run in found:
        if not run.text:
            continue
        if last is not None and last.kind is run.kind:
            last = Run(run.kind, last.text + run.text)
            continue
        if last is not None:
            yield last
        last = run
    if last is not None:
        yield last
