"""Paragraphs: which lines belong together, and what the wrap between them swallowed.

Owns: the file's layout habits (wrap width, trailing spaces, gaps, indents) and the joining of
lines. No signal is trusted alone: a file that has lost its trailing spaces or its empty lines
is read by those it kept.
Promises: every line stands in exactly one paragraph, in order; linear in the lines.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from dongtai_mail.manuscript import sourceline
from dongtai_mail.manuscript.inline import without_bold
from dongtai_mail.manuscript.model import Line
from dongtai_mail.manuscript.script import (
    CLOSING,
    columns,
    glue,
    is_connecting,
    is_finished,
    is_open,
    leads_on,
    spacing,
)

_TOKEN = re.compile(r"[A-Za-z0-9.%+\-]+|.", re.DOTALL)
_OPENER = re.compile(
    r"(?:近日|日前|近期|据|此外|另外|同时|目前|对此|其中|一是|二是|三是|四是|五是|首先|其次|最后"
    r"|本书|通过|《|“|[（(]?[一二三四五六七八九十]+[）)、])"
)
_DATELINE = re.compile(r"\d{1,2}\s*月\s*\d{1,2}\s*日|\d{4}\s*年\s*\d{1,2}\s*月|随着|根据|当前")
_MARKED = re.compile(r"[-*+]\s+|\d{1,3}[.)]\s+|[•●■◆]\s*|#{1,6}\s|\||!\[")
_NUMBERED = re.compile(
    r"\d{1,2}、|[（(]\d{1,2}[）)]|[（(][一二三四五六七八九十]{1,3}[）)]|[一二三四五六七八九十]{1,3}、"
)
_CUT_LONGEST = 84
_CUT_LONG = 64
_NARROWEST = 20
_TITLE_WIDEST = 84
_SOURCE_LONGEST = 60
_RAGGED = 4
_DATE_PIECE = re.compile(r"[\d０-９\s年月日号./-]{1,16}")


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


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file's lines have in common; ``width`` is None where a line is a paragraph."""

    width: int | None
    measure: Callable[[str], int]
    gap: int
    trailing: bool
    gaps: bool
    indents: bool
    spaced: bool

    @classmethod
    def of(cls, lines: Sequence[Line]) -> Layout:
        # Source lines are seldom wrapped as the text is, and longer than its lines.
        measure, width = _wrap_of([a.text for a in lines if not sourceline.starts(a.text)])
        pairs = list(itertools.pairwise(lines))
        inner = [(a, b) for a, b in pairs if _is_full(a.text, measure, width)] or pairs
        gaps = Counter(b.gap for _, b in inner)
        gap = gaps.most_common(1)[0][0] if gaps else 0
        short = [
            (a, b)
            for a, b in pairs
            if width and a.text.endswith("。") and measure(a.text) < width * 0.8
        ]
        some, many = spacing(line.text for line in lines)
        return cls(
            width=width,
            measure=measure,
            gap=gap,
            trailing=_mostly(a.trailing for a, _ in short)
            and not _mostly((a.trailing for a, _ in inner), 0.5),
            gaps=_mostly(b.gap > gap for _, b in short),
            indents=_mostly(b.indent >= 2 for _, b in short if not _is_structure(b.text)),
            spaced=some > many,
        )


def group(lines: Sequence[Line], layout: Layout, alone: frozenset[int]) -> list[Paragraph]:
    """The paragraphs of a stretch of lines; ``alone`` numbers the lines that never join."""
    joiner = _Joiner(layout, alone)
    grouped: list[list[Line]] = []
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else None
        if grouped and joiner.joins(grouped[-1], line, following):
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


class _Joiner:
    """Decides line by line; remembers only the paragraph that is being built."""

    def __init__(self, layout: Layout, alone: frozenset[int]) -> None:
        self.layout = layout
        self.alone = alone
        self.in_source = False
        self.at_title = True
        self.first = Line(0, "")

    def joins(self, current: list[Line], line: Line, following: Line | None) -> bool:
        before = current[-1]
        self.first = current[0]
        self._note_source(current)
        joined = self._decides(current, line, following)
        if not joined:
            self.at_title = self.in_source or before.text[0] in "【●"
        return joined

    def _note_source(self, current: list[Line]) -> None:
        if len(current) == 1:
            self.in_source = False
        text = current[-1].text
        if "源" in text and (sourceline.starts(text) or sourceline.inline_start(text) > 0):
            self.in_source = True

    def _decides(self, current: list[Line], line: Line, following: Line | None) -> bool:
        before = current[-1]
        alone = before.number in self.alone or line.number in self.alone
        if alone or sourceline.starts(line.text):
            return False
        if self.in_source:
            return self._continues_source(current, line)
        if self.layout.width is None or "\t" in before.text or before.text.startswith(("|", "![")):
            return False
        if _MARKED.match(line.text) or (_NUMBERED.match(line.text) and _may_pause(before.text)):
            return False
        return self._wraps(before, line, following)

    def _continues_source(self, current: list[Line], line: Line) -> bool:
        if line.gap > self.layout.gap or len(line.text) > _SOURCE_LONGEST:
            return False
        before = "".join(one.text for one in current[-2:])[-_SOURCE_LONGEST:]
        if before.endswith(("日", "号")) and sourceline.ends_with_date(before):
            return False
        if sourceline.names_compiler(before[-2:] + line.text[:6], len(before[-2:])):
            return True
        if _DATE_PIECE.fullmatch(line.text):
            return sourceline.ends_with_date(before + line.text)
        if sourceline.ends_with_date(before):
            return False
        whole = sourceline.ends_with_date(line.text) or sourceline.ends_with_date(
            before + line.text
        )
        return whole or is_connecting(before) or is_open(before)

    def _wraps(self, before: Line, line: Line, following: Line | None) -> bool:
        turned = line.new_page or line.gap < self.layout.gap
        if line.gap > self.layout.gap and not line.new_page:
            return False
        if self.layout.trailing and not turned:
            return not before.trailing or self._ends_in_a_word_space(before, line)
        if self.layout.trailing and before.trailing:
            return False
        if line.indent - turned >= 2 and not self._hangs(before, line):
            return False
        if self.layout.gaps and not turned:
            return True
        return self._wraps_by_width(before, line, following)

    def _ends_in_a_word_space(self, before: Line, line: Line) -> bool:
        if is_finished(before.text) or is_connecting(before.text) or line.indent >= 2:
            return False
        if self.at_title and self._begins_the_body(before, line):
            return False
        latin = before.text[-1].isascii() and before.text[-1].isalnum()
        return latin and self._room(before.text) < 8

    def _hangs(self, before: Line, line: Line) -> bool:
        """Whether every line is indented, so that an indent tells nothing."""
        text = before.text
        return before.indent >= line.indent and not is_finished(text) and not leads_on(text)

    def _wraps_by_width(self, before: Line, line: Line, following: Line | None) -> bool:
        room = self._room(before.text)
        need = self.layout.measure(_first_token(line.text))
        if leads_on(before.text) and room >= need + 2:
            return False
        if is_finished(before.text):
            if following and self._is_short(line) and not is_finished(line.text):
                return False
            opens = _OPENER.match(line.text) and not self.layout.indents
            return room < need + 2 and not opens
        if self.at_title:
            if room < need + 2:
                return not self._begins_the_body(before, line)
            return self._is_rest_of_title(before, line, following)
        if not self._is_short(before) or is_connecting(before.text):
            return True
        return self._is_in_a_narrow_column(before, line)

    def _begins_the_body(self, before: Line, line: Line) -> bool:
        """A title may fill its line just as the text below does."""
        if _opens(self.first.text) or _opens(line.text):
            return not _opens(self.first.text)
        width = columns(before.text) + columns(line.text)
        return width > _TITLE_WIDEST and not self._is_short(line)

    def _is_in_a_narrow_column(self, before: Line, line: Line) -> bool:
        """Beside a picture lines are shorter, but as long as each other."""
        first, second = self.layout.measure(before.text), self.layout.measure(line.text)
        return abs(first - second) <= _RAGGED and first >= _NARROWEST

    def _is_short(self, line: Line) -> bool:
        return self._room(line.text) > (self.layout.width or 0) * 0.4

    def _is_rest_of_title(self, before: Line, line: Line, following: Line | None) -> bool:
        """A title in larger type wraps earlier; its last line is short and has an end."""
        if following is None or is_finished(line.text) or columns(before.text) < 46:
            return False
        return columns(line.text) < 24 and columns(following.text) > columns(before.text)

    def _room(self, text: str) -> int:
        return (self.layout.width or 0) - self.layout.measure(text)


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


def _first_token(text: str) -> str:
    match = _TOKEN.match(text)
    end = match.end() if match else 0
    while end < len(text) and text[end] in CLOSING + "，。、；：！？":
        end += 1
    return text[:end]


def _opens(text: str) -> bool:
    """Whether the text begins as news do, and titles do not."""
    return bool(_OPENER.match(text) or _DATELINE.match(text))


def _may_pause(text: str) -> bool:
    return is_finished(text) or leads_on(text) or _NUMBERED.match(text) is not None


def _is_structure(text: str) -> bool:
    return text.startswith(("【", "来源", "●", "#")) or len(text) < 12


def _wrap_of(texts: list[str]) -> tuple[Callable[[str], int], int | None]:
    """The wrap width, in columns or in characters, whichever the lines agree on."""
    if len(texts) < 4:
        return columns, None
    found = (_agreement(texts, measure) for measure in (cache(columns), len))
    best = max(found, key=lambda it: it[0])
    share, width, measure = best
    return measure, (width if share >= 0.3 else None)


def _agreement(
    texts: list[str], measure: Callable[[str], int]
) -> tuple[float, int, Callable[[str], int]]:
    measured = [(measure(text), text) for text in texts]
    widths = sorted(width for width, _ in measured)
    width = widths[min(len(widths) - 1, int(len(widths) * 0.97))]
    near = [(own, text) for own, text in measured if width * 0.92 - 2 <= own <= width * 1.1]
    broken = sum(not (is_finished(one) or sourceline.ends_with_date(one)) for _, one in near)
    wraps = near and width >= _NARROWEST and broken * 2 >= len(near)
    usual = sorted(own for own, _ in near)[len(near) // 2] if wraps else width
    return (len(near) / len(widths) if wraps else 0.0), usual, measure


def _is_full(text: str, measure: Callable[[str], int], width: int | None) -> bool:
    """Whether a line ends because it is full, in the middle of a sentence."""
    return width is not None and not is_finished(text) and measure(text) >= width * 0.9


def _mostly(flags: Iterable[bool], share: float = 0.85) -> bool:
    values = list(flags)
    return len(values) >= 3 and sum(values) >= share * len(values)
