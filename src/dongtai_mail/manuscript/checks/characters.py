"""Characters that look right and are not, and those that betray a broken encoding."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from dongtai_mail.content import Finding, Severity
from dongtai_mail.manuscript.model import Draft, Passage

_SPECIAL = re.compile(r"[\u2e80-\u2fdf\uf900-\ufaff\ufe50-\ufe6f]+")
_FULL_WIDTH = re.compile(r"[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a]+")
_MISTAKEN = re.compile(
    r"(?P<曰>(?:自然|工作|节假|次|即|今|昨|明|近|生)曰|\d ?曰|曰期|曰前)"
    r"|(?P<一>(?<=\d) ?一 ?(?=\d))|(?P<O>(?<=\d)[OolI](?=\d))"
)
_RIGHT = {"曰": ("曰", "日"), "一": ("一", "—"), "O": ("OolI", "0")}
_FOREIGN = re.compile(r"[A-Za-z]+[\u0370-\u04ff]\w*|[\u0370-\u04ff]+[A-Za-z]\w*")
_PRIVATE = re.compile(r"[\ue000-\uf8ff\U000f0000-\U0010fffd]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_MOJIBAKE = re.compile(
    r"锟斤拷|烫烫烫|屯屯屯|\ufffd|â€|ï¿½|[锛銆鈥][^\n]{0,12}[锛銆鈥]"
    r"|(?:[äåæçèé][\u0080-\u00bf\u0152-\u0192\u02c6-\u02dc\u2013-\u2122]{1,2}){2,}"
)
_ANY = re.compile(
    r"[\u00ad\u00c0-\u04ff\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2e80-\u2fdf\ue000-\ufaff"
    r"\ufe50-\ufe6f\ufeff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\ufffd\U000f0000-\U0010fffd"
    r"曰锟烫屯锛銆鈥一OolI]"
    r"(?:(?<![一OolI])|(?:(?<=\d.)|(?<=\d .)) ?\d)"
)


def check(draft: Draft) -> Iterator[Finding]:
    for passage in draft.passages:
        if _ANY.search(passage.text):
            yield from _mojibake(passage)
            yield from _lookalikes(passage)
            yield from _invisible(passage)


def _mojibake(passage: Passage) -> Iterator[Finding]:
    match = _MOJIBAKE.search(passage.text)
    if match:
        shown = passage.text[max(0, match.start() - 6) : match.end() + 6]
        message = f"这里像是乱码：“{shown}”。请对照原稿改正。"
        line = passage.line_at(match.start())
        yield Finding("mojibake", Severity.ERROR, message, line, passage.item)


def _lookalikes(passage: Passage) -> Iterator[Finding]:
    for match in _SPECIAL.finditer(passage.text):
        yield _lookalike(passage, match, unicodedata.normalize("NFKC", match[0]))
    full_width = _FULL_WIDTH.search(passage.text)
    if full_width:
        right = unicodedata.normalize("NFKC", full_width[0])
        yield _lookalike(passage, full_width, right)
    for match in _MISTAKEN.finditer(passage.text):
        wrong, correct = _RIGHT[str(match.lastgroup)]
        yield _lookalike(passage, match, re.sub(f"[{wrong}]", correct, match[0]))
    for pattern in (_FOREIGN, _PRIVATE):
        for match in pattern.finditer(passage.text):
            yield _lookalike(passage, match, None)


def _lookalike(passage: Passage, match: re.Match[str], right: str | None) -> Finding:
    start, end = match.span()
    shown = passage.text[max(0, start - 6) : end + 6]
    codes = " ".join(f"U+{ord(char):04X}" for char in match[0].strip()[:4])
    message = f"“{shown}”中的“{match[0].strip()}”（{codes}）看着像，但不是正确的字符。"
    line = passage.line_at(start)
    return Finding("lookalike-character", Severity.WARNING, message, line, passage.item, right)


def _invisible(passage: Passage) -> Iterator[Finding]:
    found = _INVISIBLE.findall(passage.text)
    if found:
        at = passage.text.index(found[0])
        shown = passage.text[max(0, at - 6) : at + 7]
        visible = _INVISIBLE.sub("", shown)
        message = (
            f"“{visible}”附近有 {len(found)} 个看不见的字符（U+{ord(found[0]):04X}）。请删去。"
        )
        line = passage.line_at(at)
        yield Finding(
            "invisible-characters", Severity.WARNING, message, line, passage.item, visible
        )
