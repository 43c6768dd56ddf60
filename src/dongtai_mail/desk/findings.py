"""Findings as the desk shows them: a word, the place in the issue, the line of the file.

Fails: never; a finding whose place is unknown is shown without one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from dongtai_mail.content import Severity
from dongtai_mail.desk.words import SEVERITIES, Word
from dongtai_mail.issues.textual import Found
from dongtai_mail.manuscript import ManuscriptError
from dongtai_mail.manuscript.encoding import decode

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")


def lines_of(data: bytes) -> list[str]:
    """A file's lines as the reader of manuscripts counts them; none of what can't be read."""
    try:
        return _BREAK.split(decode(data).text)
    except ManuscriptError:
        return []


FIELDS = {
    "title": gettext_lazy("标题"),
    "body": gettext_lazy("正文"),
    "source": gettext_lazy("来源"),
    "source_line": gettext_lazy("来源行"),
    "compiler": gettext_lazy("编选"),
    "date": gettext_lazy("日期"),
}
_BESIDE = 14


@dataclass(frozen=True, slots=True)
class Beside:
    """A finding of the current text, with the words around the ones it means."""

    found: Found
    severity: Severity
    word: Word
    field: str
    before: str
    after: str

    @property
    def open(self) -> bool:
        return self.found.ignored is None


def beside(found: Found) -> Beside:
    text = getattr(found.item, found.field, None) or "" if found.span else ""
    start, end = found.span or (0, 0)
    return Beside(
        found,
        found.finding.severity,
        SEVERITIES[found.finding.severity],
        str(FIELDS.get(found.field, "")) if found.item else "",
        text[max(0, start - _BESIDE) : start].replace("**", ""),
        text[end : end + _BESIDE].replace("**", ""),
    )
