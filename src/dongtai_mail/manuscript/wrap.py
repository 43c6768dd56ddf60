"""The wrap: how wide a file's lines are, and whether one ended because it was full.

Owns: the width, in columns or in characters, and how exactly the lines keep to it.
Promises: linear in the lines. Where they keep to the grid to the column, a line which had room
for the first word of the next is known to end its paragraph; where they don't, it is likely.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from dongtai_mail.manuscript import sourceline
from dongtai_mail.manuscript.script import CLOSING, OPENING, columns, is_finished, leads_on

NARROWEST = 20
_HANGING = CLOSING + "，。、；：！？…—"
_TOKEN = re.compile(r"[A-Za-z0-9.%+\-]+|——|……|.", re.DOTALL)
_SLACK = 2
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class Wrap:
    """``width`` is None where a line is a paragraph; ``exact`` tells of lines on a grid."""

    width: int | None
    measure: Callable[[str], int]
    exact: bool = False

    @classmethod
    def of(cls, lines: Sequence[str]) -> Wrap:
        """The wrap of lines in order; source lines are seldom wrapped as the text is."""
        texts = [text for text in lines if not sourceline.starts(text)]
        if len(texts) < 4:
            return cls(None, columns)
        found = (_agreement(texts, measure) for measure in (cache(columns), len))
        share, width, measure = max(found, key=lambda it: it[0])
        if share < 0.3:
            return cls(None, measure)
        grid = _grid(lines, measure, width)
        return cls(grid or width, measure, grid is not None)

    def room(self, text: str) -> int:
        return (self.width or 0) - self.measure(text)

    def is_full(self, before: str, after: str, *, spare: bool = False) -> bool:
        """Whether the line could not take the next one's first word, nor a ``spare`` space."""
        slack = spare if self.exact else _SLACK
        return self.room(before) < _need(self.measure, before, after) + slack

    def is_short(self, text: str) -> bool:
        return self.room(text) > (self.width or 0) * 0.4

    def is_cut(self, text: str) -> bool:
        """Whether the line ends because it is full, in the middle of a sentence."""
        return (
            self.width is not None
            and not is_finished(text)
            and self.room(text) <= (self.width * 0.1)
        )


def first_word(text: str) -> str:
    """What a wrap keeps together at a line's start: a word, with the signs that cling to it."""
    start = 0
    while start < len(text) - 1 and text[start] in OPENING:
        start += 1
    match = _TOKEN.match(text, start)
    end = match.end() if match else 0
    while end < len(text) and text[end] in CLOSING + "，。、；：！？":
        end += 1
    return text[:end]


def _agreement(
    texts: list[str], measure: Callable[[str], int]
) -> tuple[float, int, Callable[[str], int]]:
    measured = [(measure(text), text) for text in texts]
    widths = sorted(width for width, _ in measured)
    width = widths[min(len(widths) - 1, int(len(widths) * 0.97))]
    near = [(own, text) for own, text in measured if width * 0.92 - 2 <= own <= width * 1.1]
    broken = sum(not (is_finished(one) or sourceline.ends_with_date(one)) for _, one in near)
    wraps = near and width >= NARROWEST and broken * 2 >= len(near)
    usual = sorted(own for own, _ in near)[len(near) // 2] if wraps else width
    return (len(near) / len(widths) if wraps else 0.0), usual, measure


def _grid(lines: Sequence[str], measure: Callable[[str], int], usual: int) -> int | None:
    """The width to which nearly all lines that break a sentence keep, within a column."""
    pairs = [
        (measure(line), measure(line.rstrip(_HANGING)), _need(measure, line, below))
        for above, line, below in zip(lines, lines[1:], lines[2:], strict=False)
        if usual * 0.8 <= measure(line) <= usual + 8 and not _ends(line) and not _closes(above)
    ]
    if len(pairs) < _FEWEST:
        return None
    kept = {
        width: sum(bare <= width < own + need for own, bare, need in pairs)
        for width in range(usual - 2, usual + 5)
    }
    best = max(kept, key=lambda width: kept[width])
    return best if kept[best] >= 0.97 * len(pairs) else None


def _need(measure: Callable[[str], int], before: str, after: str) -> int:
    """What the next line's first word would take: a space as well beside letters and digits."""
    return measure(first_word(after)) + (before[-1] < "\u2000" or after[0] < "\u2000")


def _ends(line: str) -> bool:
    return is_finished(line) or leads_on(line) or sourceline.starts(line)


def _closes(line: str) -> bool:
    """Whether a title follows, which is set in lines of its own."""
    return line[0] in "【●#" or sourceline.starts(line) or sourceline.ends_with_date(line)
