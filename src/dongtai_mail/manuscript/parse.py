"""The parser: from lines to the issue, the account of the lines, and a draft for the checks.

Owns: the order in which a manuscript's parts are read: furniture, front, colophon, sections,
items, blocks. The parts' own modules know how.
Promises: every piece of every line has exactly one role; what belongs nowhere is reported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dongtai_mail.content import (
    BOOK_NOTE_HEADING,
    Block,
    Finding,
    Issue,
    Item,
    ListBlock,
    Section,
    Severity,
    Subheading,
    Table,
)
from dongtai_mail.content import Paragraph as Text
from dongtai_mail.manuscript import (
    blocks,
    colophon,
    front,
    furniture,
    paragraphs,
    sourceline,
    toc,
)
from dongtai_mail.manuscript.inline import as_printed, without_bold
from dongtai_mail.manuscript.items import (
    BOOK_HEADING,
    ItemDraft,
    Levels,
    SectionDraft,
    Segmenter,
    refine,
)
from dongtai_mail.manuscript.joining import Joiner
from dongtai_mail.manuscript.layout import Layout
from dongtai_mail.manuscript.model import Draft, Line, Passage, Role, Use
from dongtai_mail.manuscript.script import columns, is_finished, shortened

_LONGEST_TITLE, _LONGEST_HEADER, _LONGEST_REST = 120, 40, 24


@dataclass(slots=True)
class Parsed:
    """The parser's result; ``uses`` are in the file's order."""

    draft: Draft
    uses: list[Use]
    findings: list[Finding]


def parse(lines: Sequence[Line], *, markdown: bool = False) -> Parsed:
    """Read an issue from a file's lines."""
    newsletter = furniture.newsletter_name(lines)
    taken = furniture.find(lines, newsletter)
    kept = _without(lines, taken)
    cover = front.read(kept, newsletter)
    back = colophon.read(kept[cover.end :], cover.host)
    body = kept[cover.end : cover.end + back.start]
    self_name = newsletter or cover.masthead
    builder = _Builder(self_name, markdown=markdown)
    sections = _segment(body, cover, builder)
    builder.build(sections)
    issue = _issue(cover, back, builder)
    parsed = Parsed(_draft(issue, cover, builder), [], [])
    parsed.uses = _in_order(lines, taken, cover.uses, builder.uses, back.uses)
    parsed.findings = [
        *furniture.findings(lines, taken),
        *_unplaced(cover.uses, back.unplaced),
        *builder.findings,
    ]
    return parsed


def _without(lines: Sequence[Line], taken: dict[int, Role]) -> list[Line]:
    """The lines without furniture; what followed it stands after a page break."""
    if not taken:
        return list(lines)
    kept: list[Line] = []
    turned = False
    for index, line in enumerate(lines):
        if index in taken:
            turned = True
            continue
        kept.append(line._replace(new_page=True) if turned else line)
        turned = False
    return kept


def _segment(body: Sequence[Line], cover: front.Front, builder: _Builder) -> list[SectionDraft]:
    known = front.USUAL_SECTIONS | {entry.section for entry in cover.toc if entry.section}
    known |= front.numbered_sections(body, known)
    titles = [entry.title for entry in cover.toc]
    segmenter = Segmenter(known, Levels.of(body, known), titles)
    alone, glued = _alone(body, segmenter), set[int]()
    for lines in toc.wrapped([line.text for line in body], titles):
        alone |= {body[index].number for index in lines}
        glued |= {body[index].number for index in lines[1:]}
    layout = Layout.of(body)
    joiner = Joiner(body, layout, alone, glued)
    grouped = paragraphs.group(body, layout, joiner)
    sections = segmenter.walk(grouped)
    refine(sections, layout, segmenter.toc)
    builder.headings = frozenset(segmenter.headings)
    builder.findings += _guessed(joiner.guessed)
    return sections


def _guessed(numbers: Sequence[int]) -> Iterator[Finding]:
    if numbers:
        shown = "、".join(map(str, numbers[:40])) + ("等" if len(numbers) > 40 else "")
        message = (
            f"有 {len(numbers)} 处，句子正好排满上一行，稿件里没有别的分段标记："
            f"第 {shown} 行是否另起一段，只是推断。请看一眼。"
        )
        yield Finding("break-guessed", Severity.INFO, message, numbers[0])


def _alone(body: Sequence[Line], segmenter: Segmenter) -> set[int]:
    """Numbers of the lines that never join with others."""
    alone: set[int] = set()
    for index, line in enumerate(body):
        text = line.text
        if len(text) > _LONGEST_TITLE:
            continue
        short = len(text) <= _LONGEST_HEADER
        if front.heading(text) or (short and segmenter.section_of(text) is not None):
            alone.add(line.number)
        elif short and BOOK_HEADING.match(text):
            alone.add(line.number)
            if index and not _is_rest_of_title(body, index - 1):
                alone.add(body[index - 1].number)
        elif segmenter.toc and toc.key(text) in segmenter.toc:
            alone.add(line.number)
    return alone


def _is_rest_of_title(body: Sequence[Line], index: int) -> bool:
    """Whether the line above 内容简介 is but the end of a book's title, or of a source line."""
    text, above = body[index].text, body[index - 1].text if index else ""
    if sourceline.starts(text):
        return True
    if not above or is_finished(above) or sourceline.ends_with_date(above):
        return False
    return columns(text) < _LONGEST_REST < columns(above)


@dataclass(slots=True)
class _Builder:
    """Makes the content of sections and items, and notes which line became what."""

    newsletter: str | None
    markdown: bool
    headings: frozenset[int] = frozenset()
    sections: list[Section] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    item_lines: list[int | None] = field(default_factory=list)
    source_lines: list[int | None] = field(default_factory=list)
    section_lines: list[int | None] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def build(self, drafts: Sequence[SectionDraft]) -> None:
        for draft in drafts:
            if draft.header:
                self._use(draft.header, Role.SECTION)
            self.section_lines.append(draft.header.number if draft.header else None)
            items = tuple(self._item(item) for item in draft.items)
            self.sections.append(Section(draft.name, items))

    def _item(self, draft: ItemDraft) -> Item:
        title = self._title(draft)
        heading = self._heading(draft)
        body = tuple(self._body(draft, title))
        line, said = self._source(draft, title)
        self._report(draft, title)
        source = said.source
        return Item(
            title=title,
            body=body,
            source=None if source and self._is_own(source) else source,
            compiler=said.compiler,
            date=said.date,
            source_line=line,
            heading=heading,
        )

    def _title(self, draft: ItemDraft) -> str:
        parts = [draft.title, *draft.body, draft.heading, *draft.sources]
        first = next((part for part in parts if part), None)
        self.item_lines.append(first.number if first else None)
        if draft.title is None:
            return ""
        found = front.heading(draft.title.text)
        title = without_bold(found[1] if found else draft.title.text)
        self._use(draft.title, Role.TITLE)
        self.passages.append(Passage(Role.TITLE, title, title, draft.title.marks()))
        return title

    def _heading(self, draft: ItemDraft) -> str | None:
        if draft.heading is None:
            return None
        self._use(draft.heading, Role.HEADING)
        match = BOOK_HEADING.match(draft.heading.text)
        return "".join(match[1].split()) if match else BOOK_NOTE_HEADING

    def _body(self, draft: ItemDraft, title: str) -> Iterator[Block]:
        for block, role, parts in blocks.build(draft.body, self.headings, markdown=self.markdown):
            for part in parts:
                self._use(part, role)
            self.passages.extend(_passages(block, role, title, parts))
            yield block

    def _source(self, draft: ItemDraft, title: str) -> tuple[str | None, sourceline.SourceLine]:
        self.source_lines.append(draft.sources[0].number if draft.sources else None)
        if not draft.sources:
            return None, sourceline.SourceLine(None, None, None)
        for paragraph in draft.sources:
            self._use(paragraph, Role.SOURCE_LINE)
        line = " ".join(one.text.strip("*_> ") for one in draft.sources)
        marks = draft.sources[0].marks()
        self.passages.append(Passage(Role.SOURCE_LINE, line, title, marks))
        return line, sourceline.parse(draft.sources[0].text)

    def _is_own(self, source: str) -> bool:
        """Whether a source is the newsletter itself: 《name》编辑部, 本刊, 编辑部."""
        bare = "".join(source.split()).replace("《", "").replace("》", "")
        own = {"本刊", "本刊编辑部", "本刊讯", "编辑部"}
        if self.newsletter:
            own |= {self.newsletter, self.newsletter + "编辑部"}
        return bare in own

    def _report(self, draft: ItemDraft, title: str) -> None:
        for number in (n for one in [draft.title, *draft.body] if one for n in one.page_joins):
            message = f"第 {number} 行前的换页把一段话断成两半，已接成一段。请看一眼接得对不对。"
            self.findings.append(Finding("page-joined", Severity.INFO, message, number, title))
        if draft.guessed and draft.title:
            message = (
                "上一条没有来源行，这里按标题另起了一条。如果它是小标题，请在上一条末尾补来源行。"
            )
            line = draft.title.number
            self.findings.append(Finding("title-guessed", Severity.WARNING, message, line, title))
        if len(draft.sources) > 1:
            line = draft.sources[1].number
            message = "这一条有两个来源行，已并在一起；来源和日期取自第一个。"
            self.findings.append(
                Finding("source-line-repeated", Severity.WARNING, message, line, title)
            )

    def _use(self, paragraph: paragraphs.Paragraph, role: Role) -> None:
        self.uses.extend(Use(line.number, role, line.text) for line in paragraph.lines)


def _passages(
    block: Block, role: Role, title: str, parts: Sequence[paragraphs.Paragraph]
) -> Iterator[Passage]:
    if isinstance(block, ListBlock):
        for text, part in zip(block.items, parts, strict=True):
            yield Passage(role, as_printed(text), title, part.marks())
    elif isinstance(block, Table):
        start = ((0, parts[0].number),)
        for row in block.rows:
            yield from (Passage(role, as_printed(c), title, start) for c in row)
    elif isinstance(block, Text | Subheading):
        # A heading that the author marked is no guess of ours.
        marked = role is Role.SUBHEADING and parts[0].text.startswith("#")
        kind = Role.HEADING if marked else role
        yield Passage(kind, as_printed(block.text), title, parts[0].marks())


def _issue(cover: front.Front, back: colophon.Back, builder: _Builder) -> Issue:
    issue = Issue(
        masthead=cover.masthead,
        number=cover.number,
        date=cover.date,
        host=cover.host,
        toc=tuple(cover.toc),
        sections=tuple(builder.sections),
        colophon=back.colophon,
    )
    featured = {index for index in toc.match(issue) if index is not None}
    return replace(issue, sections=_featured(issue.sections, featured)) if featured else issue


def _featured(sections: tuple[Section, ...], featured: set[int]) -> tuple[Section, ...]:
    made, index = [], 0
    for section in sections:
        items = []
        for item in section.items:
            items.append(replace(item, featured=True) if index in featured else item)
            index += 1
        made.append(Section(section.name, tuple(items)))
    return tuple(made)


def _draft(issue: Issue, cover: front.Front, builder: _Builder) -> Draft:
    return Draft(
        issue,
        tuple(builder.passages),
        tuple(builder.item_lines),
        tuple(builder.source_lines),
        tuple(builder.section_lines),
        tuple(cover.toc_lines),
    )


def _in_order(lines: Sequence[Line], taken: dict[int, Role], *groups: list[Use]) -> list[Use]:
    used = [Use(lines[i].number, role, lines[i].text) for i, role in taken.items()]
    for group in groups:
        used.extend(group)
    # A page break within a line leaves several pieces with one number.
    pieces: dict[int, dict[str, deque[int]]] = {}
    for at, line in enumerate(lines):
        pieces.setdefault(line.number, {}).setdefault(line.text, deque()).append(at)

    def place(use: Use) -> tuple[int, int]:
        texts = pieces[use.line]
        if use.text not in texts:
            return use.line, min(
                (on[0] for text, on in texts.items() if use.text in text), default=0
            )
        at = texts[use.text].popleft()
        if not texts[use.text]:
            del texts[use.text]
        return use.line, at

    return sorted(used, key=place)


def _unplaced(uses: Sequence[Use], pieces: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    rest = [(use.line, use.text) for use in uses if use.role is Role.UNPLACED]
    for number, text in [*rest, *pieces]:
        message = f"“{shortened(text)}”不属于刊名、目录、栏目或版权信息，没有放进本期内容。"
        yield Finding("text-unplaced", Severity.WARNING, message, number)
