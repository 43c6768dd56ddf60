"""Readers: one per format, each yields the file's lines with their layout.

Owns: the way from decoded text to ``Line``s, for plain text and Markdown. Another format (Word,
PDF) gets its own reader which yields the same lines; nothing behind this module knows formats.
Promises: every character that is not a space stands in exactly one line, in order; control
characters are taken out and reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dongtai_mail.content import Finding, Severity
from dongtai_mail.manuscript.encoding import controls_in, without_controls
from dongtai_mail.manuscript.model import Line

_BREAK = re.compile(r"[\r\x85\u2028\u2029](?:(?<=\r)\n)?")
_PAGE = re.compile(r"[\f\x0b\x1c-\x1e]")
_MARKDOWN = (".md", ".markdown", ".mdown")
_WIDE_SPACES = re.compile(r"[\u3000\t]")


def is_markdown(filename: str) -> bool:
    """Whether backslash escapes and *emphasis* are the author's own markup."""
    return filename.lower().endswith(_MARKDOWN)


def read_text(text: str, findings: list[Finding]) -> list[Line]:
    """The lines of plain text and of Markdown, which differ only within a line."""
    return list(_lines(text, findings))


def _lines(text: str, findings: list[Finding]) -> Iterator[Line]:
    gap, new_page = 0, False
    paged = _PAGE.search(text) is not None
    for number, physical in enumerate(_BREAK.sub("\n", text).split("\n"), 1):
        if not physical:
            gap += 1
            continue
        for part, piece in enumerate(_PAGE.split(physical) if paged else (physical,)):
            new_page = new_page or part > 0
            raw = _cleaned(piece, number, findings)
            stripped = raw.strip().strip("\ufeff").strip()
            if not stripped:
                gap += part == 0
                continue
            yield Line(number, stripped, _indent(raw), raw[-1].isspace(), gap, new_page)
            gap, new_page = 0, False


def _cleaned(piece: str, number: int, findings: list[Finding]) -> str:
    count = 0 if piece.isprintable() else controls_in(piece)
    if not count:
        return piece
    message = f"此行有 {count} 个控制字符，邮件无法承载，已去掉。请看看是否丢了字。"
    findings.append(Finding("control-characters", Severity.WARNING, message, number))
    return without_controls(piece)


def _indent(raw: str) -> int:
    if not raw[0].isspace():
        return 0
    lead = raw[: len(raw) - len(raw.lstrip())]
    return len(lead) + len(_WIDE_SPACES.findall(lead))
