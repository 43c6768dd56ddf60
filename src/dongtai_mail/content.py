"""What an issue says: the one vocabulary of manuscripts, issues and rendering.

Owns: frozen values for a whole issue, from masthead to colophon, and for the findings about it.
Promises: the values are hashable, comparable and know no Django, no clock and no format.
Inline text (``Paragraph.text``, ``Subheading.text``, list items and table cells) is the safe
Markdown subset: ``**bold**``, ``*emphasis*``, ``[text](https://…)``; a backslash escapes
punctuation as in CommonMark. Titles, names and source lines are plain text.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import StrEnum

BOOK_NOTE_HEADING = "内容简介"


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Subheading:
    text: str


@dataclass(frozen=True, slots=True)
class ListBlock:
    """``ordered`` lists count from ``start``; the items carry no marker of their own.

    ``numeral`` is how their number one is printed: ``1.``, which Markdown and HTML have a list
    for, or ``1、``, ``（1）``, ``1)``, which are set as printed.
    """

    items: tuple[str, ...]
    ordered: bool = False
    start: int = 1
    numeral: str = "1."

    @property
    def markers(self) -> tuple[str, ...]:
        """What stands before each item of an ordered list."""
        numbers = range(self.start, self.start + len(self.items)) if self.ordered else ()
        return tuple(self.numeral.replace("1", str(number)) for number in numbers)

    @property
    def as_printed(self) -> tuple[str, ...] | None:
        """The items with their markers, where no list of Markdown's or HTML's prints these."""
        if not self.ordered or self.numeral == "1.":
            return None
        return tuple(map("".join, zip(self.markers, self.items, strict=True)))


@dataclass(frozen=True, slots=True)
class Table:
    """The first row is the header row."""

    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Image:
    """``src`` is an absolute https URL; ``alt`` may be empty only where it is decoration."""

    src: str
    alt: str
    caption: str | None = None


Block = Paragraph | Subheading | ListBlock | Table | Image


@dataclass(frozen=True, slots=True)
class Item:
    """One press item, article or book note.

    ``source`` is None when only the newsletter itself is named. ``source_line`` is the line as
    printed, None where the manuscript has none. ``heading`` is printed between title and body
    (book notes: 内容简介). ``featured`` items stand in the email's table of contents.
    """

    title: str
    body: tuple[Block, ...] = ()
    source: str | None = None
    compiler: str | None = None
    date: datetime.date | None = None
    source_line: str | None = None
    heading: str | None = None
    cover: Image | None = None
    featured: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class TocEntry:
    """A line of the printed table of contents; ``page`` is the printed page number."""

    section: str
    title: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Host:
    """The host organisation (主办单位); ``also`` is its second name, as in brackets below it."""

    name: str
    also: str | None = None


@dataclass(frozen=True, slots=True)
class Colophon:
    address: str | None = None
    postcode: str | None = None
    organisation: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """A whole issue. What a manuscript does not say is None; nothing is invented here."""

    masthead: str | None = None
    number: str | None = None
    date: datetime.date | None = None
    host: Host | None = None
    toc: tuple[TocEntry, ...] = ()
    sections: tuple[Section, ...] = ()
    colophon: Colophon | None = None
    subject: str | None = None
    preheader: str | None = None

    @property
    def items(self) -> tuple[Item, ...]:
        """All items in reading order."""
        return tuple(item for section in self.sections for item in section.items)


class Severity(StrEnum):
    """An error blocks sending; a warning wants a person's look; info is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def word(self) -> str:
        """What it is called in Chinese, on the desk as in a terminal."""
        return {"error": "错误", "warning": "警告", "info": "提示"}[self.value]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about an issue that a person should know, with its place.

    ``code`` is stable kebab-case, ``line`` the manuscript's line number from 1, ``item`` the
    item's title, ``message`` what is wrong (Chinese), ``suggestion`` the text to put instead.
    """

    code: str
    severity: Severity
    message: str
    line: int | None = None
    item: str | None = None
    suggestion: str | None = None
