"""The manuscript's checks over what an issue says now, each finding with its place in the text.

Owns: where in an item's fields a finding lies, and which of its words a suggestion would replace.
Promises: pure, and quick after a small change, because what hangs on an item alone is remembered by
what the item says. A place that can't be told for certain is None, never a guess.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from dongtai_mail import content
from dongtai_mail.content import Finding
from dongtai_mail.manuscript import checks, sourceline
from dongtai_mail.manuscript.checks import (
    characters,
    duplicates,
    punctuation,
    sources,
    spacing,
    structure,
    words,
)
from dongtai_mail.manuscript.model import Draft, Passage, Role

Span = tuple[int, int]

_OF_AN_ITEM = (
    structure.check,
    sources.check,
    punctuation.check,
    characters.check,
    words.check,
    spacing.check,
)
_OF_THE_WHOLE = (structure.check, sources.check, spacing.check, duplicates.check)
_WHOLE_CODES = frozenset(
    {
        "items-missing",
        "section-missing",
        "section-repeated",
        "section-empty",
        "date-outside-period",
        "spacing-mixed",
        "item-repeated",
        "facts-repeated",
    }
)
# What the issue leaves to the publication is told by the rendering, in its own words.
_ELSEWHERE = frozenset(
    f"{name}-missing" for name in ("masthead", "issue-number", "issue-date", "host", "colophon")
)
_FIELDS = {
    "title-missing": "title",
    "title-long": "title",
    "source-missing": "source_line",
    "source-unnamed": "source_line",
    "compiler-missing": "compiler",
    "date-missing": "date",
    "date-impossible": "source_line",
    "source-line-differs": "source_line",
    "date-outside-period": "date",
}
_ROLES = {Role.TITLE: "title", Role.SOURCE_LINE: "source_line"}
_STRIDE = 10_000_000
_SHOWN = 8
_FIGURES = re.compile(r"\d+")
_EARLIER_LINE = re.compile(r"（第 \d+ 行）")


@dataclass(frozen=True, slots=True)
class Spotted:
    """``item`` counts the issue's items from 0; ``span`` are places in the text of ``field``.

    ``wrong`` are the words at the span. ``exact`` says that the suggestion may replace just these.
    """

    finding: Finding
    item: int | None = None
    field: str = ""
    span: Span | None = None
    wrong: str = ""
    exact: bool = False


def spot(issue: content.Issue, bodies: tuple[str, ...]) -> Iterator[Spotted]:
    """What the checks say; ``bodies`` are the items' Markdown, in the issue's order."""
    for number, (item, body) in enumerate(zip(issue.items, bodies, strict=True)):
        yield from (replace(spotted, item=number) for spotted in _of_item(item, body, issue.date))
    yield from _of_whole(issue)


@lru_cache(maxsize=2_048)
def _of_item(item: content.Item, body: str, issued: datetime.date | None) -> tuple[Spotted, ...]:
    alone = content.Issue(date=issued, sections=(content.Section("·", (item,)),))
    draft = checks.draft_of(alone)
    located = [_Located(*_parts(each), at * _STRIDE) for at, each in enumerate(draft.passages)]
    draft = replace(draft, passages=tuple(located))
    found = (finding for check in _OF_AN_ITEM for finding in check(draft))
    return tuple(
        _placed(finding, draft, body, item)
        for finding in found
        if finding.code not in _ELSEWHERE | _WHOLE_CODES
    )


@dataclass(frozen=True, slots=True)
class _Located(Passage):
    """A passage whose "lines" are the places of its characters in the item."""

    base: int = 0

    def line_at(self, offset: int) -> int | None:
        return self.base + offset


def _parts(passage: Passage) -> tuple[Role, str, str | None, tuple[tuple[int, int], ...]]:
    return passage.role, passage.text, passage.item, passage.marks


def _placed(finding: Finding, draft: Draft, body: str, item: content.Item) -> Spotted:
    if finding.line is None:
        field = _FIELDS.get(finding.code, "body")
        printed, line = item.source_line or "", _better_line(finding.code, item)
        if line is None:
            return Spotted(finding, field=field)
        whole = (0, len(printed))
        return Spotted(replace(finding, suggestion=line), None, field, whole, printed, exact=True)
    number, offset = divmod(finding.line, _STRIDE)
    passage = draft.passages[number]
    message = finding.message
    if finding.code == "sentence-repeated":
        message = _EARLIER_LINE.sub("", message, count=1)
    finding = replace(finding, line=None, message=message)
    exactly = _EXTENTS.get(finding.code)
    found = exactly(finding, passage.text, offset) if exactly else None
    extent = found or _about(passage.text, offset)
    field = _ROLES.get(passage.role, "body")
    span = extent if field != "body" else _in_body(draft, number, extent, body)
    exact = bool(found and span and finding.suggestion is not None)
    return Spotted(finding, None, field, span, passage.text[slice(*extent)], exact)


def _better_line(code: str, item: content.Item) -> str | None:
    """The source line that would settle the finding, made of what the fields beside it say."""
    if code == "source-missing":
        return _source_line(item)
    if code not in {"source-line-differs", "date-impossible"} or item.date is None:
        return None
    printed = item.source_line or ""
    if all(name in printed for name in (item.source, item.compiler) if name):
        return _redated(printed, item.date) or _source_line(item)
    return _source_line(item)


def _redated(line: str, date: datetime.date) -> str | None:
    """The line with another date, written as the line writes its own; None without figures."""
    _, span = sourceline.find_date(line)
    written = line[slice(*span)] if span else ""
    if span is None or len(_FIGURES.findall(written)) != 3:
        return None
    figures = iter((date.year, date.month, date.day))
    changed = _FIGURES.sub(lambda old: str(next(figures)).zfill(len(old[0])), written)
    return line[: span[0]] + changed + line[span[1] :]


def _source_line(item: content.Item) -> str | None:
    """The line that readers would see, made of what the item's other fields say."""
    if not item.source:
        return None
    date = f"{item.date.year} 年 {item.date.month} 月 {item.date.day} 日" if item.date else None
    compiler = f"编选：{item.compiler}" if item.compiler else None
    return " ".join(filter(None, (f"来源：{item.source}", compiler, date)))


def _about(text: str, at: int) -> Span:
    return max(0, min(at, len(text) - _SHOWN)), min(len(text), at + _SHOWN)


def _quoted(pattern: str) -> Callable[[Finding, str, int], Span | None]:
    """The words that the message quotes where ``pattern`` has its group."""
    compiled = re.compile(pattern, re.DOTALL)

    def extent(finding: Finding, text: str, at: int) -> Span | None:
        quoted = compiled.search(finding.message)
        start = text.find(quoted[1], at) if quoted else -1
        return (start, start + len(quoted[1])) if quoted and start >= 0 else None

    return extent


def _matching(pattern: str) -> Callable[[Finding, str, int], Span | None]:
    compiled = re.compile(pattern)

    def extent(_finding: Finding, text: str, at: int) -> Span | None:
        found = compiled.match(text, at)
        return found.span() if found else None

    return extent


def _as_long(finding: Finding, text: str, at: int) -> Span | None:
    """A suggestion that only widens signs is as long as what it replaces, which is quoted."""
    end = at + len(finding.suggestion or "")
    return (at, end) if f"“{text[at:end]}”" in finding.message else None


_EXTENTS: Mapping[str, Callable[[Finding, str, int], Span | None]] = {
    "punctuation-doubled": _matching("[，。、；：,;？！]+"),
    "paragraph-unfinished": lambda _finding, text, _at: (max(0, len(text) - 6), len(text)),
    "title-punctuation": lambda _finding, text, _at: (0, len(text)),
    "halfwidth-punctuation": _as_long,
    "lookalike-character": _quoted(r"”中的“(.+)”（U\+"),
    "invisible-characters": lambda _finding, text, at: (max(0, at - 6), min(len(text), at + 7)),
    "word-repeated": _quoted(r"”中的“(.+)”像是重复了。$"),
    "word-stray": _matching(r"(?:etc\.?|and|or|the|of) ?"),
    "space-stray": lambda _finding, text, at: (at - 1, at + len(_spaces(text, at)) + 1),
    "placeholder": _quoted("^“(.+)”像是没有填完的地方。$"),
    "unbalanced": lambda _finding, _text, at: (at, at + 1),
}


def _spaces(text: str, at: int) -> str:
    rest = text[at:]
    return rest[: len(rest) - len(rest.lstrip(" "))]


def _in_body(draft: Draft, number: int, extent: Span, body: str) -> Span | None:
    """The place in the Markdown: the same words, the same time they stand there."""
    texts = [each.text if each.role not in _ROLES else "" for each in draft.passages]
    wrong = texts[number][slice(*extent)]
    if not wrong or body.count(wrong) != sum(text.count(wrong) for text in texts):
        return None
    before = sum(text.count(wrong) for text in texts[:number])
    nth = before + texts[number][: extent[0]].count(wrong)
    at = -len(wrong)
    for _ in range(nth + 1):
        at = body.find(wrong, at + len(wrong))
    return (at, at + len(wrong)) if at >= 0 else None


@lru_cache(maxsize=32)
def _of_whole(issue: content.Issue) -> tuple[Spotted, ...]:
    items = issue.items
    numbers = tuple(range(1, len(items) + 1))
    passages = tuple(
        replace(each, marks=((0, number),))
        for number, item in zip(numbers, items, strict=True)
        for each in checks.draft_of(
            content.Issue(sections=(content.Section("·", (item,)),))
        ).passages
    )
    draft = replace(
        checks.draft_of(issue),
        passages=passages,
        item_lines=numbers,
        source_lines=numbers,
        unit="条",
    )
    found = (finding for check in _OF_THE_WHOLE for finding in check(draft))
    return tuple(_whole(finding) for finding in found if finding.code in _WHOLE_CODES)


def _whole(finding: Finding) -> Spotted:
    number = finding.line - 1 if finding.line and finding.item is not None else None
    field = _FIELDS.get(finding.code, "body" if number is not None else "")
    return Spotted(replace(finding, line=None), number, field)
