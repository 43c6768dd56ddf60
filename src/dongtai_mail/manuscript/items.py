"""Items: which paragraph is a title, which closes an item, and where one begins unannounced.

Owns: the way from paragraphs to sections of item drafts.
Promises: every paragraph stands in exactly one draft or opens a section. An item that begins
without a source line before it is recognised by the signs that titles have in this file, and
marked as a guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from dongtai_mail.manuscript import sourceline
from dongtai_mail.manuscript.blocks import is_heading_like, is_list_item
from dongtai_mail.manuscript.front import heading, section_name
from dongtai_mail.manuscript.layout import Layout
from dongtai_mail.manuscript.model import Line
from dongtai_mail.manuscript.paragraphs import Paragraph, is_cut, join
from dongtai_mail.manuscript.script import HAN, columns, is_finished
from dongtai_mail.manuscript.toc import key

BOOK_HEADING = re.compile(
    r"(?:【|#{1,6}\s*|\*\*)?\s*(内\s*容\s*(?:简\s*介|提\s*要))\s*[:：]?(?:】|\*\*)?$"
)
_DATELINE = re.compile(
    r"[“《]?(?:近日|日前|近期|今日|昨日|当前|随着|根据|本报|记者|据|截至|\d{1,2}\s*月\s*\d{1,2}\s*[日号]|\d{4}\s*年)"
)
_DATED = re.compile(r".{1,24}?\d{1,2}\s*月\s*\d{1,2}\s*[日号]")
_NEWS = re.compile(rf"\d|[：《]|[{HAN}] [{HAN}]|[A-Za-z]{{3}}")
_HAN_WORD = re.compile(f"[{HAN}A-Za-z0-9]{{2}}")
_TITLE_WIDEST = 100
_MARKED = ("#", "|", "![")


@dataclass(slots=True)
class ItemDraft:
    """An item's paragraphs by their part; ``guessed`` where its beginning was inferred."""

    title: Paragraph | None = None
    body: list[Paragraph] = field(default_factory=list)
    sources: list[Paragraph] = field(default_factory=list)
    heading: Paragraph | None = None
    guessed: bool = False


@dataclass(slots=True)
class SectionDraft:
    name: str
    header: Paragraph | None
    items: list[ItemDraft] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Levels:
    """What the file's Markdown headings stand for, by their level; 0 is none."""

    section: int = 0
    item: int = 0

    @classmethod
    def of(cls, lines: Sequence[Line], known: frozenset[str]) -> Levels:
        found = [
            (i, made[0], made[1]) for i, line in enumerate(lines) if (made := heading(line.text))
        ]
        if not found:
            return cls()
        named = [
            level
            for _, level, text in found
            if section_name(text, known) or (section_name(f"【{text}】", known) and text in known)
        ]
        levels = sorted({level for _, level, text in found if not BOOK_HEADING.match(text)})
        if named:
            deeper = [level for level in levels if level > min(named)]
            return cls(min(named), deeper[0] if deeper else 0)
        return cls._by_count(lines, [level for _, level, _ in found], levels)

    @classmethod
    def _by_count(cls, lines: Sequence[Line], found: list[int], levels: list[int]) -> Levels:
        bracketed = any(section_name(line.text, frozenset()) for line in lines)
        if bracketed or not levels:
            return cls(0, levels[0] if levels else 0)
        if len(levels) > 1:
            return cls(levels[0], levels[1])
        sources = sum(sourceline.starts(line.text) for line in lines)
        return cls(levels[0], 0) if sources > 1.5 * len(found) else cls(0, levels[0])


class Segmenter:
    """Walks through the paragraphs of the body once."""

    def __init__(self, known: frozenset[str], levels: Levels, toc: Sequence[str]) -> None:
        self.known = known
        self.levels = levels
        self.toc = frozenset(key(title) for title in toc) - {""}
        self.sections: list[SectionDraft] = []
        self.headings: set[int] = set()
        self.item: ItemDraft | None = None

    def walk(self, paragraphs: Sequence[Paragraph]) -> list[SectionDraft]:
        for paragraph in paragraphs:
            self._take(paragraph)
        return self.sections

    def section_of(self, text: str) -> str | None:
        found = heading(text)
        if found and found[0] == self.levels.section:
            return section_name(found[1], self.known) or found[1]
        return section_name(text, self.known)

    def _take(self, paragraph: Paragraph) -> None:
        text = paragraph.text
        name = self.section_of(text)
        if name is not None:
            self.sections.append(SectionDraft(name, paragraph))
            self.item = None
        elif BOOK_HEADING.match(text):
            self._take_book_heading(paragraph)
        elif sourceline.starts(text):
            self._take_source(paragraph)
        else:
            self._take_text(paragraph)

    def _take_text(self, paragraph: Paragraph) -> None:
        level = (heading(paragraph.text) or (0, ""))[0]
        if level and level != self.levels.item and self.item and not self.item.sources:
            self.headings.add(paragraph.number)
        if self.item is None or self.item.sources or (level and level == self.levels.item):
            self._open(paragraph)
        else:
            self._add_text(self.item, paragraph)

    def _add_text(self, item: ItemDraft, paragraph: Paragraph) -> None:
        at = sourceline.inline_start(paragraph.text)
        parts = split(paragraph, at) if at > 0 else (paragraph,)
        item.body.append(parts[0])
        item.sources.extend(parts[1:])

    def _open(self, paragraph: Paragraph) -> None:
        self.item = ItemDraft()
        self._section().items.append(self.item)
        text = paragraph.text
        if (is_finished(text) and columns(text) > _TITLE_WIDEST) or text.startswith(("|", "![")):
            self._add_text(self.item, paragraph)
        else:
            self.item.title = paragraph

    def _take_source(self, paragraph: Paragraph) -> None:
        if self.item is None:
            self.item = ItemDraft()
            self._section().items.append(self.item)
        self.item.sources.append(paragraph)

    def _take_book_heading(self, paragraph: Paragraph) -> None:
        """The line above 内容简介 is a book's title, wherever it stood until now."""
        item = self.item
        if item and item.title and not (item.heading or item.body or item.sources):
            item.heading = paragraph
            return
        title = item.body.pop() if item and item.body else None
        self.item = ItemDraft(title=title, heading=paragraph)
        self._section().items.append(self.item)

    def _section(self) -> SectionDraft:
        if not self.sections:
            self.sections.append(SectionDraft("", None))
        return self.sections[-1]


def split(paragraph: Paragraph, at: int) -> tuple[Paragraph, Paragraph]:
    """A paragraph whose end, from ``at`` on, is its item's source line."""
    tail = len("".join(paragraph.text[at:].split()))
    before, after = list(paragraph.lines), list[Line]()
    while before and len("".join(before[-1].text.split())) <= tail:
        line = before.pop()
        tail -= len("".join(line.text.split()))
        after.insert(0, line)
    if tail:
        cut = _position_from_end(before[-1].text, tail)
        after.insert(0, before[-1]._replace(text=before[-1].text[cut:]))
        before[-1] = before[-1]._replace(text=before[-1].text[:cut].rstrip())
    numbers = {line.number for line in before[1:]}
    joins = [number for number in paragraph.page_joins if number in numbers]
    body = Paragraph(before, paragraph.text[:at].rstrip(), paragraph.apart, joins)
    return body, Paragraph(after, paragraph.text[at:])


def _position_from_end(text: str, count: int) -> int:
    position = len(text)
    while count:
        position -= 1
        count -= not text[position].isspace()
    return position


def refine(sections: list[SectionDraft], layout: Layout, toc: frozenset[str]) -> None:
    """Split items that lack a source line between them, and join paragraphs cut by pages."""
    apart = _Apartness.of(sections)
    for section in sections:
        section.items = [part for item in section.items for part in _parts(item, toc, apart)]
        for item in section.items:
            item.body = _joined(item.body, layout)


@dataclass(frozen=True, slots=True)
class _Apartness:
    """Whether titles, and only titles, stand apart from the text above and below them."""

    above: bool
    below: bool

    @classmethod
    def of(cls, sections: list[SectionDraft]) -> _Apartness:
        items = [item for section in sections for item in section.items]
        later = [item for section in sections for item in section.items[1:]]
        body = [one.apart for item in items for one in item.body[1:]]
        seldom = sum(body) <= max(2, 0.1 * len(body))
        titles = [item.title.apart for item in later if item.title]
        first = [item.body[0].apart for item in items if item.body]
        return cls(seldom and _usual(titles), seldom and _usual(first))


def _usual(flags: list[bool]) -> bool:
    return len(flags) >= 3 and sum(flags) >= 0.7 * len(flags)


def _parts(item: ItemDraft, toc: frozenset[str], apart: _Apartness) -> list[ItemDraft]:
    cuts = [] if item.heading else _cuts(item, toc, apart)
    if not cuts:
        return [item]
    parts = [ItemDraft(item.title, item.body[: cuts[0]], guessed=item.guessed)]
    for start, end in zip(cuts, [*cuts[1:], len(item.body)], strict=True):
        parts.append(ItemDraft(item.body[start], item.body[start + 1 : end], guessed=True))
    parts[-1].sources = item.sources
    return parts


def _cuts(item: ItemDraft, toc: frozenset[str], apart: _Apartness) -> list[int]:
    """Where in a body another item begins; never right below a title."""
    cuts: list[int] = []
    title = item.title
    alike = sum(is_heading_like(one.text) for one in item.body)
    for index in range(1, len(item.body) - 1):
        if (cuts[-1:] or [-1])[0] + 1 == index or not _may_be_title(item.body[index]):
            continue
        if (
            key(item.body[index].text) in toc
            or _stands_as_title(item.body, index, apart)
            or _reads_as_title(item.body, index, title, alike, apart)
        ):
            cuts.append(index)
            title = item.body[index]
    return cuts


def _may_be_title(paragraph: Paragraph) -> bool:
    text = paragraph.text
    if (
        len(text) > _TITLE_WIDEST
        or is_finished(text)
        or is_list_item(text)
        or text.startswith(_MARKED)
        or "\t" in text
    ):
        return False
    return columns(text) <= _TITLE_WIDEST


def _stands_as_title(body: list[Paragraph], index: int, apart: _Apartness) -> bool:
    above, below = body[index].apart, body[index + 1].apart
    if apart.below:
        return below and not is_cut(body[index - 1].text[-400:])
    return apart.above and above and is_heading_like(body[index].text)


def _reads_as_title(
    body: list[Paragraph], index: int, title: Paragraph | None, alike: int, apart: _Apartness
) -> bool:
    """The wording of news: figures and names in the title, a dateline below, another topic."""
    text, following = body[index].text, body[index + 1].text
    if apart.above or apart.below or not is_heading_like(text):
        return False
    if not is_finished(body[index - 1].text):
        return False
    score = 2 if _DATELINE.match(following) else bool(_DATED.match(following))
    score += bool(_NEWS.search(text)) + (len(text) >= 13) + (len(text) >= 20)
    score -= (len(text) <= 9) + (alike > 2)
    return score + _change_of_topic(title, text + following) >= 3


def _change_of_topic(title: Paragraph | None, text: str) -> int:
    """Whether the text still speaks of what the title above announced."""
    if title is None:
        return 0
    words = {title.text[i : i + 2] for i in range(len(title.text) - 1)}
    words = {word for word in words if _HAN_WORD.fullmatch(word)}
    said = sum(word in text for word in words) / (len(words) or 1)
    return 1 if said < 0.12 else -1 if said > 0.4 else 0


def _joined(body: list[Paragraph], layout: Layout) -> list[Paragraph]:
    runs: list[list[Paragraph]] = []
    for paragraph in body:
        if runs and _was_cut(runs[-1][-1], paragraph, layout):
            runs[-1].append(paragraph)
        else:
            runs.append([paragraph])
    return [run[0] if len(run) == 1 else join(run, layout) for run in runs]


def _was_cut(first: Paragraph, second: Paragraph, layout: Layout) -> bool:
    if not is_cut(first.text[-400:]) or (layout.trailing and first.lines[-1].trailing):
        return False
    if first.text.startswith(("|", "![")) or "\t" in first.text + second.text:
        return False
    return not (second.text.startswith(_MARKED) or is_list_item(second.text))
