"""Paragraphs: lines that belong together, and what the wrap between them swallowed.

Owns: the joined text, with the space that comes back at a wrap, and which paragraphs break off.
Promises: every line stands in exactly one paragraph, in order; linear in the lines.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from dongtai_mail.manuscript.inline import without_bold
from dongtai_mail.manuscript.joining import Joiner
from dongtai_mail.manuscript.layout import Layout
from dongtai_mail.manuscript.model import Line
from dongtai_mail.manuscript.script import (
    columns,
    glue,
    is_connecting,
    is_finished,
    is_open,
    spacing,
)

_CUT_LONGEST = 84
_CUT_LONG = 64


@dataclass(slots=True)
class Paragraph:
    """Lines that belong together. ``apart`` tells that more space than usual stands before."""

    lines: list[Line]
    text: str
    apart: bool = False
    page_joins: list[int] = field(default_factory=list)

    @property
    def number(self) -> int:
        return self.lines[0].number

    def marks(self) -> tuple[tuple[int, int], ...]:
        """Offsets in the plain text and the line numbers from there on."""
        offset, marks = 0, []
        for line in self.lines:
            marks.append((offset, line.number))
            offset += len(without_bold(line.text))
        return tuple(marks)


def group(lines: Sequence[Line], layout: Layout, joiner: Joiner) -> list[Paragraph]:
    """The paragraphs of a stretch of lines."""
    grouped: list[list[Line]] = []
    for index, line in enumerate(lines):
        if grouped and joiner.joins(grouped[-1], index):
            grouped[-1].append(line)
        else:
            grouped.append([line])
    return [_paragraph(one, layout) for one in grouped]


def is_cut(text: str) -> bool:
    """Whether a paragraph breaks off, as page breaks cut them, rather than being a heading."""
    if is_finished(text):
        return False
    if is_connecting(text) and not text.endswith(("：", ":", "；", ";")):
        return True
    if text.endswith(("：", ":", "；", ";")):
        return False
    if is_open(text) or "。" in text or "；" in text:
        return True
    wide = columns(text)
    return wide >= _CUT_LONGEST or (wide >= _CUT_LONG and ("，" in text or "、" in text))


def join(parts: Sequence[Paragraph], layout: Layout) -> Paragraph:
    """The pieces of a paragraph that page breaks cut."""
    texts = [parts[0].text]
    for before, after in itertools.pairwise(parts):
        spaced = _habit(before.text[-400:], after.text[:400], layout)
        texts += [glue(before.text, after.text, spaced=spaced), after.text]
    lines = [line for part in parts for line in part.lines]
    joins = [number for part in parts for number in part.page_joins]
    joins += [part.number for part in parts[1:]]
    return Paragraph(lines, "".join(texts), parts[0].apart, joins)


def _paragraph(lines: list[Line], layout: Layout) -> Paragraph:
    text = lines[0].text
    parts = [text]
    joins = []
    for before, line in itertools.pairwise(lines):
        habit = layout.spaced if len(lines) > 2 else _habit(before.text, line.text, layout)
        parts.append(glue(before.text, line.text, spaced=habit, trailing=before.trailing))
        parts.append(line.text)
        if line.new_page or line.gap < layout.gap:
            joins.append(line.number)
    return Paragraph(lines, "".join(parts), lines[0].gap > max(layout.gap, 1), joins)


def _habit(first: str, second: str, layout: Layout) -> bool:
    some, many = spacing((first, second))
    return layout.spaced if some == many else some > many
