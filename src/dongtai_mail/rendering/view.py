"""An issue as the templates see it: cleaned, escaped, with anchors; made once for every kind.

Owns: ``View`` and its parts, what an absent value becomes (an absent place and a finding), anchors,
and which titles the table of contents carries.
Promises: every string is a ``Piece`` whose HTML is safe; sections are ``s1``, items ``i1-3``.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from dongtai_mail.content import (
    Block,
    Finding,
    Image,
    Issue,
    Item,
    ListBlock,
    Paragraph,
    Section,
    Severity,
    Subheading,
    Table,
)
from dongtai_mail.rendering.clean import Report, clean
from dongtai_mail.rendering.inline import Piece, inline_piece, plain_piece

TITLES_WITHOUT_CHOICE = 24
_NUMBER = re.compile(r"[+\-−±]?[\d,.，]+ ?[%％‰]?|[-—–/]+")
_WORD = re.compile(r"[!-~]+")
# Pixels: what a phone of 320 leaves, a letter of 14 px, a cell's padding and border.
_PHONE, _LETTER, _CELL_PADDING = 280, 8, 17
# More than any mail client shows beside a subject.
_PREHEADER_LONGEST = 150
_IMAGE_URL = re.compile(r"https://[!-~]+")


@dataclass(frozen=True, slots=True)
class ImageView:
    src: str
    alt: str
    caption: Piece | None


@dataclass(frozen=True, slots=True)
class TableView:
    """``numeric`` columns hold numbers only; ``narrow`` tables fit a phone with no word broken."""

    rows: tuple[tuple[Piece, ...], ...]
    numeric: frozenset[int]
    narrow: bool


class BlockView(NamedTuple):
    """``kind`` is p, h, ul, ol, table or img; the field that belongs to it is filled."""

    kind: str
    piece: Piece | None = None
    pieces: tuple[Piece, ...] = ()
    table: TableView | None = None
    start: int = 1
    image: ImageView | None = None

    def spoken(self) -> Iterable[Piece]:
        """The block's words, in reading order."""
        if self.piece:
            yield self.piece
        yield from self.pieces
        for row in self.table.rows if self.table else ():
            yield from row
        if self.image and self.image.caption:
            yield self.image.caption


@dataclass(frozen=True, slots=True)
class ItemView:
    anchor: str
    title: Piece
    heading: Piece | None
    blocks: tuple[BlockView, ...]
    source_line: Piece | None
    cover: ImageView | None
    listed: bool

    def spoken(self) -> Iterable[Piece]:
        """Everything the item says, in reading order."""
        yield self.title
        if self.heading:
            yield self.heading
        for block in self.blocks:
            yield from block.spoken()
        if self.source_line:
            yield self.source_line


@dataclass(frozen=True, slots=True)
class SectionView:
    anchor: str
    name: Piece
    items: tuple[ItemView, ...]

    @property
    def listed(self) -> tuple[ItemView, ...]:
        """The items that stand in the table of contents."""
        return tuple(item for item in self.items if item.listed)


@dataclass(frozen=True, slots=True)
class View:
    masthead: Piece | None
    number: Piece | None
    date: Piece | None
    host: Piece | None
    host_also: Piece | None
    sections: tuple[SectionView, ...]
    colophon: tuple[Piece, ...]
    subject: str
    preheader: Piece

    @property
    def items(self) -> Iterable[ItemView]:
        return (item for section in self.sections for item in section.items)


def view(issue: Issue, report: Report) -> View:
    """The issue, ready for the templates."""
    maker = _Maker(report)
    if not issue.items:
        report(Finding("issue-empty", Severity.ERROR, "这一期没有条目"))
    sections = _sections(issue, maker)
    host = issue.host
    return View(
        masthead=maker.name(issue.masthead),
        number=maker.name(issue.number),
        date=plain_piece(chinese_date(issue.date)) if issue.date else None,
        host=maker.name(host.name) if host else None,
        host_also=maker.name(host.also) if host else None,
        sections=sections,
        colophon=_colophon(issue, maker),
        subject=_subject(issue, maker),
        preheader=_preheader(issue, maker, sections),
    )


def chinese_date(date: datetime.date) -> str:
    return f"{date.year} 年 {date.month} 月 {date.day} 日"


@dataclass(frozen=True, slots=True)
class _Maker:
    """Cleans strings and turns them into pieces; remembers whose they are for the findings."""

    report: Report
    item: str | None = None

    def name(self, text: str | None) -> Piece | None:
        cleaned = clean(text, self.report, self.item).strip() if text else ""
        return plain_piece(" ".join(cleaned.split("\n"))) if cleaned else None

    def inline(self, text: str) -> Piece:
        return inline_piece(clean(text, self.report, self.item), self.report, self.item)

    def image(self, image: Image) -> ImageView | None:
        if not _IMAGE_URL.fullmatch(image.src):
            source = clean(image.src, _unheard)[:80]
            message = f"图片地址不是完整的 https 地址，没有放进邮件：{source}"
            self.report(Finding("image-refused", Severity.ERROR, message, item=self.item))
            return None
        if not image.alt.strip():
            message = f"图片没有替代文字：{image.src[:80]}"
            self.report(Finding("image-alt-missing", Severity.WARNING, message, item=self.item))
        alt = clean(image.alt, self.report, self.item)
        return ImageView(image.src, alt, self.name(image.caption))


def _unheard(finding: Finding) -> None:
    """The same text is cleaned for its own place too, and reported there."""


def _sections(issue: Issue, maker: _Maker) -> tuple[SectionView, ...]:
    chosen = any(item.featured for item in issue.items)
    list_all = not chosen and len(issue.items) <= TITLES_WITHOUT_CHOICE
    return tuple(
        _section(section, number, maker, list_all)
        for number, section in enumerate(issue.sections, 1)
    )


def _section(section: Section, number: int, maker: _Maker, list_all: bool) -> SectionView:
    items = tuple(
        _item(item, f"i{number}-{position}", maker.report, listed=list_all or item.featured)
        for position, item in enumerate(section.items, 1)
    )
    name = maker.name(section.name) or plain_piece("")
    return SectionView(f"s{number}", name, items)


def _item(item: Item, anchor: str, report: Report, *, listed: bool) -> ItemView:
    maker = _Maker(report, clean(item.title, _unheard))
    blocks = (made for block in item.body for made in _blocks(block, maker))
    return ItemView(
        anchor=anchor,
        title=maker.name(item.title) or plain_piece(""),
        heading=maker.name(item.heading),
        blocks=tuple(block for block in blocks if block),
        source_line=maker.name(item.source_line),
        cover=maker.image(item.cover) if item.cover else None,
        listed=listed,
    )


def _blocks(block: Block, maker: _Maker) -> Iterable[BlockView | None]:
    """One block; an ordered list whose numbers HTML cannot print is paragraphs with them."""
    printed = block.as_printed if isinstance(block, ListBlock) else None
    if printed is None:
        return [_block(block, maker)]
    return [BlockView("p", maker.inline(text)) for text in printed]


def _block(block: Block, maker: _Maker) -> BlockView | None:
    match block:
        case Paragraph(text):
            return BlockView("p", maker.inline(text))
        case Subheading(text):
            return BlockView("h", maker.inline(text))
        case ListBlock(items, ordered, start):
            pieces = tuple(maker.inline(text) for text in items)
            return BlockView("ol" if ordered else "ul", pieces=pieces, start=start)
        case Table(rows):
            return BlockView("table", table=_table(rows, maker))
        case Image():
            image = maker.image(block)
            return BlockView("img", image=image) if image else _caption_alone(block, maker)


def _table(rows: tuple[tuple[str, ...], ...], maker: _Maker) -> TableView:
    pieces = tuple(tuple(map(maker.inline, row)) for row in rows)
    columns = list(zip_longest(*pieces))
    numeric = (
        at
        for at, column in enumerate(columns)
        if column[1:] and all(cell and _NUMBER.fullmatch(cell.plain.strip()) for cell in column[1:])
    )
    least = sum(_CELL_PADDING + _LETTER * max(map(_longest_word, column)) for column in columns)
    return TableView(pieces, frozenset(numeric), least <= _PHONE)


def _longest_word(cell: Piece | None) -> int:
    return max(map(len, _WORD.findall(cell.plain)), default=2) if cell else 0


def _caption_alone(image: Image, maker: _Maker) -> BlockView | None:
    """What a refused image still says."""
    caption = maker.name(image.caption)
    return BlockView("p", caption) if caption else None


def _colophon(issue: Issue, maker: _Maker) -> tuple[Piece, ...]:
    if issue.colophon is None:
        return ()
    colophon = issue.colophon
    labelled = (
        ("编辑部地址：", colophon.address),
        ("", colophon.organisation),
        ("邮政编码：", colophon.postcode),
        ("电话：", colophon.phone),
    )
    pieces = (maker.name(f"{label}{value}") for label, value in labelled if value)
    return tuple(piece for piece in pieces if piece)


def _subject(issue: Issue, maker: _Maker) -> str:
    """The subject, or what the masthead says of itself; nothing beyond what the issue knows."""
    given = maker.name(issue.subject)
    if given:
        return given.plain
    masthead = f"《{issue.masthead}》" if issue.masthead else None
    date = chinese_date(issue.date) if issue.date and not issue.number else None
    derived = maker.name("".join(filter(None, (masthead, issue.number, date))))
    if derived is None:
        message = "没有邮件主题，也没有可以代替的刊名、期号和日期"
        maker.report(Finding("subject-missing", Severity.ERROR, message))
        return ""
    message = f"没有邮件主题，用了“{derived.plain}”"
    maker.report(Finding("subject-missing", Severity.INFO, message))
    return derived.plain


def _preheader(issue: Issue, maker: _Maker, sections: tuple[SectionView, ...]) -> Piece:
    """The line a mail client shows beside the subject: as given, else the first chosen titles."""
    given = maker.name(issue.preheader)
    if given:
        return given
    items = [item for section in sections for item in section.items]
    chosen = [item for item in items if item.listed] or items
    titles = [item.title.plain for item in chosen[:3]]
    while len(titles) > 1 and sum(map(len, titles)) > _PREHEADER_LONGEST:
        titles.pop()
    return plain_piece("；".join(titles))
