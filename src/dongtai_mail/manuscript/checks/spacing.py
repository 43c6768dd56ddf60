"""Spaces: where none belongs, and two styles in one issue."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from dongtai_mail.content import Finding, Severity
from dongtai_mail.manuscript.model import Draft, Passage, Role
from dongtai_mail.manuscript.script import spacing

_SPACES = re.compile(" +")
_ODD = re.compile(" (?:(?<=[，。、；：！？（《“‘] )|(?=[ ，。、；：！？（《“‘）》”’]))")
_NOT_AFTER = frozenset("，。、；：！？（《“‘")
_NOT_BEFORE = frozenset("，。、；：！？）》”’")
_OPENING = frozenset("“《（")
_FEW = 3
_SHARE = 0.2


def check(draft: Draft) -> Iterator[Finding]:
    for passage in draft.passages:
        if passage.role is not Role.SOURCE_LINE and _ODD.search(passage.text):
            yield from _stray(passage)
    yield from _mixed(draft)


def _stray(passage: Passage) -> Iterator[Finding]:
    text = passage.text
    for match in _SPACES.finditer(text):
        start, end = match.span()
        if start > 0 and end < len(text) and _is_stray(passage.role, text, start, end):
            shown = text[max(0, start - 6) : end + 6]
            message = f"“{shown}”中多了空格。"
            line, instead = passage.line_at(start), text[start - 1] + text[end]
            yield Finding("space-stray", Severity.INFO, message, line, passage.item, instead)


def _is_stray(role: Role, text: str, start: int, end: int) -> bool:
    """In a title a space divides its halves, also before a quote."""
    before, after = text[start - 1], text[end]
    if before in _NOT_AFTER or after in _NOT_BEFORE:
        return True
    if role is Role.TITLE:
        return False
    return end - start > 1 or (after in _OPENING and before > "\u2e7f")


def _mixed(draft: Draft) -> Iterator[Finding]:
    """Items that set Chinese and figures otherwise than most of the issue does."""
    texts: dict[str | None, list[str]] = defaultdict(list)
    first: dict[str | None, int | None] = {}
    for passage in draft.passages:
        if passage.role is not Role.SOURCE_LINE:
            texts[passage.item].append(passage.text)
            first.setdefault(passage.item, passage.line_at(0))
    counts = {item: spacing(group) for item, group in texts.items()}
    spaced = sum(some for some, _ in counts.values())
    tight = sum(none for _, none in counts.values())
    for item, (some, none) in counts.items():
        few = none if spaced >= tight else some
        if few >= _FEW and few >= _SHARE * (some + none):
            message = (
                f"汉字与数字、字母之间，这一条有 {some} 处空格、{none} 处不空，"
                f"而全期以{'空格' if spaced >= tight else '不空'}为主。请统一。"
            )
            yield Finding("spacing-mixed", Severity.INFO, message, first[item], item)
