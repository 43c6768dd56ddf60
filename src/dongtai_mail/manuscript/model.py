"""What reading a manuscript yields, and the values its parts hand to each other.

Owns: the file's lines with their layout, the account of how each line was used, the passages
that checks look at, and the one error of this package.
Promises: values only; line numbers count from 1 as an editor's program shows them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from dongtai_mail.content import Finding, Issue


class ManuscriptError(Exception):
    """The file cannot be read at all; the message (Chinese) says what, where and what to do."""


class Role(StrEnum):
    """What a line, or a part of it, was taken for."""

    MASTHEAD = "masthead"
    NUMBER = "number"
    DATE = "date"
    HOST = "host"
    TOC = "toc"
    SECTION = "section"
    TITLE = "title"
    HEADING = "heading"
    BODY = "body"
    SUBHEADING = "subheading"
    LIST = "list"
    TABLE = "table"
    IMAGE = "image"
    SOURCE_LINE = "source_line"
    COLOPHON = "colophon"
    RUNNING_HEAD = "running_head"
    PAGE_NUMBER = "page_number"
    RULE = "rule"
    UNPLACED = "unplaced"


class Use(NamedTuple):
    """A piece of the file's text and what it became; all uses together are the whole file."""

    line: int
    role: Role
    text: str


class Line(NamedTuple):
    """A line of text with its layout, as a format's reader found it.

    ``indent`` is in columns (a Chinese character has two), ``trailing`` tells that spaces
    followed the text, ``gap`` counts the empty lines before, ``new_page`` tells of a page
    break before, where the format knows one.
    """

    number: int
    text: str
    indent: int = 0
    trailing: bool = False
    gap: int = 0
    new_page: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """Plain text of one place in the issue; ``marks`` pair offsets with line numbers."""

    role: Role
    text: str
    item: str | None = None
    marks: tuple[tuple[int, int], ...] = ()

    def line_at(self, offset: int) -> int | None:
        if not self.marks:
            return None
        index = bisect_right(self.marks, offset, key=lambda mark: mark[0]) - 1
        return self.marks[max(index, 0)][1]


@dataclass(frozen=True, slots=True)
class Draft:
    """An issue as the checks see it; the line numbers are None for an issue without a file.

    ``item_lines``, ``section_lines`` and ``toc_lines`` run parallel to the issue's items,
    sections and table of contents; ``source_lines`` to the items. ``unit`` is what the lines are
    called in messages: an issue that is edited without a file may count its items instead.
    """

    issue: Issue
    passages: tuple[Passage, ...]
    item_lines: tuple[int | None, ...]
    source_lines: tuple[int | None, ...]
    section_lines: tuple[int | None, ...]
    toc_lines: tuple[int | None, ...]
    unit: str = "行"


@dataclass(frozen=True, slots=True)
class Manuscript:
    """A manuscript that was read: the issue, what to tell the editors, and the account."""

    issue: Issue
    findings: tuple[Finding, ...]
    uses: tuple[Use, ...] = field(repr=False)
    encoding: str
    draft: Draft = field(repr=False)
