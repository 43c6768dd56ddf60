"""Joining: whether a line goes on with the paragraph above it.

Owns: the decision, line by line. No signal is trusted alone: a file that has lost its trailing
spaces or its empty lines is read by those it kept, and at last by how full its lines are.
Promises: looks at few lines around the one in question; linear in the lines.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence, Set

from dongtai_mail.manuscript import sourceline
from dongtai_mail.manuscript.layout import Layout
from dongtai_mail.manuscript.model import Line
from dongtai_mail.manuscript.script import (
    columns,
    is_connecting,
    is_finished,
    is_open,
    leads_on,
)
from dongtai_mail.manuscript.wrap import NARROWEST

_SAID = r"据(?:介绍|了解|悉|报道|统计|.{2,16}(?:显示|报道|统计|介绍|透露|消息|数据))"
_DATELINE = re.compile(
    rf"近日|日前|近期|{_SAID}|随着|根据|当前|\d{{1,2}}\s*月\s*\d{{1,2}}\s*日|\d{{4}}\s*年\s*\d{{1,2}}\s*月"
)
_NEW = re.compile(
    rf"近日|日前|近期|{_SAID}|对此|截至|值得|本书|《|[（(]?[一二三四五六七八九十]+[）)、]"
)
_GOES_ON = re.compile(r"其中|同时|今年|去年|20\d\d|而|但|因此|这|该|其|并|也|还|尤其|[”）]")
_MARKED = re.compile(r"[-*+]\s+|\d{1,3}[.)]\s+|[•●■◆]\s*|#{1,6}\s|\||!\[")
_NUMBERED = re.compile(
    r"\d{1,2}、|[（(]\d{1,2}[）)]|[（(][一二三四五六七八九十]{1,3}[）)]|[一二三四五六七八九十]{1,3}、"
)
_DATE_PIECE = re.compile(r"[\d０-９\s年月日号./-]{1,16}")
_TITLE_WIDEST = 70
_TITLE_LINES = 4
_SENTENCE, _PARAGRAPH = 80, 160
_SOURCE_LONGEST = 60
_RAGGED = 4


class Joiner:
    """Remembers only the paragraph that is being built.

    ``alone`` numbers the lines that never join, ``glued`` those which go on with the line above;
    ``guessed`` are the lines of which nothing in the file tells whether a paragraph begins there.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        layout: Layout,
        alone: Set[int],
        glued: Set[int],
    ) -> None:
        self.lines = lines
        self.layout = layout
        self.wrap = layout.wrap
        self.alone = alone
        self.glued = glued
        self.in_source = False
        self.at_title = True
        self.guessed: list[int] = []
        self.bold = False
        self.columns = 0

    def joins(self, current: list[Line], index: int) -> bool:
        """Whether the line at ``index`` goes on with the paragraph of the lines above it."""
        self._note(current)
        joined = self._decides(current, index)
        if not joined:
            self.at_title = self.in_source or current[-1].text[0] in "【●"
        return joined

    def _note(self, current: list[Line]) -> None:
        text = current[-1].text
        if len(current) == 1:
            self.in_source, self.bold, self.columns = False, False, 0
        self.columns += columns(text)
        self.bold ^= text.count("**") % 2 == 1
        if "源" in text and (sourceline.starts(text) or sourceline.inline_start(text) > 0):
            self.in_source = True

    def _decides(self, current: list[Line], index: int) -> bool:
        before, line = current[-1], self.lines[index]
        if line.number in self.glued:
            return True
        alone = before.number in self.alone or line.number in self.alone
        if alone or sourceline.starts(line.text):
            return False
        if self.in_source:
            return self._continues_source(current, line)
        if self.wrap.width is None or "\t" in before.text + line.text:
            return False
        if before.text.startswith(("|", "![")):
            return False
        if _MARKED.match(line.text) or (_NUMBERED.match(line.text) and _may_pause(before.text)):
            return False
        return self._wraps(current, index)

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

    def _wraps(self, current: list[Line], index: int) -> bool:
        before, line = current[-1], self.lines[index]
        turned = line.new_page or line.gap < self.layout.gap
        if line.gap > self.layout.gap and not line.new_page:
            return False
        if self.layout.trailing and (self.layout.turning or not turned):
            return not before.trailing or self._ends_in_a_word_space(current, index)
        if line.indent - turned >= 2 and not _hangs(before, line):
            return False
        if self.layout.gaps and not turned:
            return True
        return self._wraps_by_width(current, index)

    def _ends_in_a_word_space(self, current: list[Line], index: int) -> bool:
        before, line = current[-1], self.lines[index]
        if is_finished(before.text) or is_connecting(before.text) or line.indent >= 2:
            return False
        if self.at_title and self._begins_the_body(current, index):
            return False
        latin = before.text[-1].isascii() and before.text[-1].isalnum()
        return latin and self.wrap.room(before.text) < 8

    def _wraps_by_width(self, current: list[Line], index: int) -> bool:
        before, line = current[-1], self.lines[index]
        # Titles part their halves with a space, which the wrap has swallowed.
        full = self.wrap.is_full(before.text, line.text, spare=self.at_title)
        if leads_on(before.text) and not full:
            return False
        if is_finished(before.text):
            return full and self._goes_on_after_a_sentence(index)
        if self.at_title:
            if full:
                return not self._begins_the_body(current, index)
            return self._is_rest_of_title(before, index)
        if full or is_connecting(before.text):
            return True
        if not self.wrap.exact and not self.wrap.is_short(before.text):
            return True
        return self._is_in_a_narrow_column(before.text, line.text)

    def _goes_on_after_a_sentence(self, index: int) -> bool:
        """A sentence that fills its line: what follows tells, and how much there is already."""
        line, following = self.lines[index], self._after(index)
        if self.bold:
            return True
        if following and not is_finished(line.text) and self._stands_alone(line, following):
            return False
        if self.layout.indents:
            return True
        self.guessed.append(line.number)
        if self.columns < _SENTENCE or _GOES_ON.match(line.text):
            return True
        return self.columns < _PARAGRAPH and not _NEW.match(line.text)

    def _stands_alone(self, line: Line, following: Line) -> bool:
        if self.wrap.is_short(line.text):
            return True
        return self.wrap.exact and not self.wrap.is_full(line.text, following.text)

    def _begins_the_body(self, current: list[Line], index: int) -> bool:
        """A title may fill its line just as the text below does."""
        line = self.lines[index]
        if self.layout.indents:
            return line.indent >= 2
        if _DATELINE.match(current[0].text) or _DATELINE.match(line.text):
            return not _DATELINE.match(current[0].text)
        if is_open("".join(one.text for one in current[-_TITLE_LINES:])):
            return False
        width = self.columns
        for ahead, below in itertools.pairwise(self.lines[index : index + _TITLE_LINES]):
            if "。" in ahead.text or sourceline.starts(ahead.text):
                return True
            ends = not self.wrap.is_full(ahead.text, below.text)
            if ends or _DATELINE.match(below.text):
                return False
            width += columns(ahead.text)
            if width > _TITLE_WIDEST:
                return True
        return True

    def _is_rest_of_title(self, before: Line, index: int) -> bool:
        """A title in larger type wraps earlier; its last line is short and has an end."""
        line, following = self.lines[index], self._after(index)
        if following is None or is_finished(line.text) or columns(before.text) < 46:
            return False
        return columns(line.text) < 24 and columns(following.text) > columns(before.text)

    def _is_in_a_narrow_column(self, before: str, after: str) -> bool:
        """Beside a picture lines are shorter, but about as long as each other."""
        clause = "，" in before or is_open(before)
        if self.wrap.exact and not clause:
            return False
        first, second = self.wrap.measure(before), self.wrap.measure(after)
        return abs(first - second) <= _RAGGED * (1 + clause) and first >= NARROWEST

    def _after(self, index: int) -> Line | None:
        return self.lines[index + 1] if index + 1 < len(self.lines) else None


def _hangs(before: Line, line: Line) -> bool:
    """Whether every line is indented, so that an indent tells nothing."""
    text = before.text
    return before.indent >= line.indent and not is_finished(text) and not leads_on(text)


def _may_pause(text: str) -> bool:
    return is_finished(text) or leads_on(text) or _NUMBERED.match(text) is not None
