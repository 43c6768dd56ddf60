"""Punctuation: doubled, missing, unbalanced, or half-width in Chinese text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, zip_longest

from dongtai_mail.content import Finding, Severity
from dongtai_mail.manuscript.model import Draft, Passage, Role
from dongtai_mail.manuscript.script import HAN, is_finished, leads_on

_DOUBLED = re.compile(r"[，。、；：,;？！][，。、；：,;？！]+")
_ASIDE = re.compile(r"[（(][^（()）]+[）)]")
_EMPHATIC = frozenset("？！")
_TITLE_END = "。，、；：,.;:"
_SIDE = f"[{HAN}“”《》（）]"
_MARKS = str.maketrans(",;:!?.()", "，；：！？。（）")
# The sign comes first and what stands before it after: so a search can skip all other text.
_HALF = re.compile(
    rf"[,;:!?.(\"](?:(?<={_SIDE}[,;:!?])(?= ?{_SIDE}|$)|(?<=[{HAN}]\.)(?= ?{_SIDE}|$)"
    rf"|(?<={_SIDE}\()[^()（）\n]{{1,40}}\)|(?<=\()[^()（）\n]{{1,40}}\)(?={_SIDE})"
    rf'|(?:(?<={_SIDE}")|(?<={_SIDE} "))[^"\n]{{1,40}}"|(?<=")[^"\n]{{1,40}}"(?= ?{_SIDE})'
    rf'|(?<=")[{HAN}][^"\n]{{0,40}}")'
)
_PAIRS = {
    "”": "“",
    "’": "‘",
    "）": "（",
    "》": "《",
    "】": "【",
    "」": "「",
    "』": "『",
    "〕": "〔",
    "]": "[",
    "〉": "〈",
}
_OPENING = frozenset(_PAIRS.values())
_FOLD = str.maketrans("()", "（）")
_BRACKET = re.compile("[" + re.escape("".join(chain(_PAIRS, _PAIRS.values(), "()"))) + "]")
_NUMBERING = re.compile(r"(?:^|[\s。；：，])(?:\d{1,2}|[a-zA-Z]|[一二三四五六七八九十]{1,2})$")
_MOST = 3


def check(draft: Draft) -> Iterator[Finding]:
    for passage, following in zip_longest(draft.passages, draft.passages[1:]):
        if passage.role is Role.SOURCE_LINE:
            continue
        yield from _doubled(passage)
        yield from _half_width(passage)
        yield from _unbalanced(passage, following)
        if passage.role is Role.BODY:
            yield from _unfinished(passage, following)
        elif passage.role is Role.TITLE:
            yield from _title(passage)


def _finding(code: str, passage: Passage, at: int, message: str, instead: str | None) -> Finding:
    line = passage.line_at(at)
    return Finding(code, Severity.WARNING, message, line, passage.item, instead)


def _around(text: str, start: int, end: int) -> str:
    return text[max(0, start - 8) : end + 6]


def _doubled(passage: Passage) -> Iterator[Finding]:
    for match in _DOUBLED.finditer(passage.text):
        if _EMPHATIC.issuperset(match[0]):
            continue
        stop = next((mark for mark in "。？！；，：、" if mark in match[0]), match[0][0])
        message = f"标点重复：“{_around(passage.text, *match.span())}”中的“{match[0]}”。"
        yield _finding("punctuation-doubled", passage, match.start(), message, stop)


def _unfinished(passage: Passage, following: Passage | None) -> Iterator[Finding]:
    text = passage.text
    goes_on = following is not None and following.item == passage.item
    goes_on = goes_on and following is not None and following.role is not Role.SOURCE_LINE
    if (
        is_finished(text.rstrip("，、；：,"))
        and not is_finished(text)
        and _DOUBLED.search(text[-3:])
    ):
        return
    if is_finished(text) or (leads_on(text) and goes_on) or _ASIDE.fullmatch(text):
        return
    message = f"这一段末尾没有句号：“…{text[-12:]}”。请补上标点，或看看是否缺了字。"
    instead = text[-6:].rstrip("，、；：,;: ") + "。"
    yield _finding("paragraph-unfinished", passage, len(text), message, instead)


def _title(passage: Passage) -> Iterator[Finding]:
    if passage.text.endswith(tuple(_TITLE_END)):
        message = f"标题末尾有标点“{passage.text[-1]}”。"
        instead = passage.text.rstrip(_TITLE_END)
        yield _finding("title-punctuation", passage, 0, message, instead)


def _half_width(passage: Passage) -> Iterator[Finding]:
    found = list(_HALF.finditer(passage.text))
    if not found:
        return
    shown = "、".join(f"“{match[0].strip()}”" for match in found[:_MOST])
    more = f"等 {len(found)} 处" if len(found) > _MOST else ""
    message = f"中文里用了半角标点：{shown}{more}。"
    instead = _full_width(found[0][0].strip())
    yield _finding("halfwidth-punctuation", passage, found[0].start(), message, instead)


def _full_width(text: str) -> str:
    if text[0] == '"':
        return f"“{text[1:-1].strip()}”"
    if text[0] == "(":
        return f"（{text[1:-1]}）"
    return text.translate(_MARKS)


def _unbalanced(passage: Passage, following: Passage | None) -> Iterator[Finding]:
    if not _BRACKET.search(passage.text):
        return
    faults = _faults(passage.text)
    if faults and following and _quotes_on(passage.text, faults, following.text):
        return
    for at in faults[:_MOST]:
        sign = passage.text[at]
        kind = "没有配对的后半" if sign.translate(_FOLD) in _OPENING else "没有配对的前半"
        shown = _around(passage.text, at, at + 1)
        message = f"“{shown}”中的“{sign}”{kind}。请补上或删去。"
        yield _finding("unbalanced", passage, at, message, None)


def _faults(text: str) -> list[int]:
    """Where brackets and quotes stand that have no other half."""
    folded = text.translate(_FOLD)
    opened: list[int] = []
    faults: list[int] = []
    for match in _BRACKET.finditer(folded):
        sign, at = match[0], match.start()
        if sign in _OPENING:
            opened.append(at)
        elif opened and folded[opened[-1]] == _PAIRS[sign]:
            opened.pop()
        elif any(_PAIRS[sign] == folded[other] for other in opened[-8:]):
            while folded[opened[-1]] != _PAIRS[sign]:
                faults.append(opened.pop())
            opened.pop()
        elif not _is_no_bracket(sign, text[max(0, at - 4) : at]):
            faults.append(at)
    return sorted(faults + opened)


def _is_no_bracket(sign: str, before: str) -> bool:
    """An apostrophe, or the bracket of a numbering such as 1）."""
    if sign == "’":
        return before[-1:].isascii() and before[-1:].isalpha()
    return sign == "）" and _NUMBERING.search(before) is not None


def _quotes_on(text: str, faults: list[int], following: str) -> bool:
    """A quotation over several paragraphs opens each and closes the last only."""
    return len(faults) == 1 and text[faults[0]] == "“" and following.startswith("“")
