"""Checks: what an editor wants to be told about an issue, as findings.

Owns: the list of checks; each is a module of pure functions from a draft to findings.
Promises: a check never changes the issue. False alarms cost trust: what may well be right as it
stands is not reported. Cost is linear in the issue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from dongtai_mail.content import Finding, Issue, Item, ListBlock, Paragraph, Subheading, Table
from dongtai_mail.manuscript.checks import (
    characters,
    contents,
    duplicates,
    punctuation,
    sources,
    spacing,
    structure,
    words,
)
from dongtai_mail.manuscript.inline import as_printed
from dongtai_mail.manuscript.model import Draft, Passage, Role

Check = Callable[[Draft], Iterable[Finding]]

ALL: tuple[Check, ...] = (
    structure.check,
    contents.check,
    sources.check,
    punctuation.check,
    characters.check,
    words.check,
    spacing.check,
    duplicates.check,
)


def run(draft: Draft) -> Iterator[Finding]:
    """The findings of all checks."""
    for check in ALL:
        yield from check(draft)


def draft_of(issue: Issue) -> Draft:
    """A draft of an issue that has no file, hence no line numbers."""
    items = issue.items
    return Draft(
        issue,
        tuple(passage for item in items for passage in _passages(item)),
        (None,) * len(items),
        (None,) * len(items),
        (None,) * len(issue.sections),
        (None,) * len(issue.toc),
    )


def _passages(item: Item) -> Iterator[Passage]:
    yield Passage(Role.TITLE, item.title, item.title)
    for block in item.body:
        match block:
            case Paragraph(text):
                yield Passage(Role.BODY, as_printed(text), item.title)
            case Subheading(text):
                yield Passage(Role.SUBHEADING, as_printed(text), item.title)
            case ListBlock(items):
                yield from (Passage(Role.LIST, as_printed(text), item.title) for text in items)
            case Table(rows):
                cells = (cell for row in rows for cell in row)
                yield from (Passage(Role.TABLE, as_printed(cell), item.title) for cell in cells)
    if item.source_line:
        yield Passage(Role.SOURCE_LINE, item.source_line, item.title)
