"""Findings as the desk shows them: a word, the place in the issue, the line of the file.

Fails: never; a finding whose place is unknown is shown without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from dongtai_mail.content import Finding, Severity
from dongtai_mail.desk.words import SEVERITIES, Word
from dongtai_mail.issues.models import Item, Manuscript
from dongtai_mail.issues.textual import Found
from dongtai_mail.manuscript import ManuscriptError
from dongtai_mail.manuscript.encoding import decode

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_EXCERPT = 120


@dataclass(frozen=True, slots=True)
class Shown:
    severity: Severity
    word: Word
    message: str
    suggestion: str | None
    line: int | None
    excerpt: str
    item: str | None
    item_id: int | None


def of_manuscript(manuscript: Manuscript | None, items: Iterable[Item]) -> list[Shown]:
    if manuscript is None:
        return []
    return _shown(manuscript.findings, items, lines_of(bytes(manuscript.data)))


def of_rendering(findings: Iterable[Finding], items: Iterable[Item]) -> list[Shown]:
    return _shown((asdict(finding) for finding in findings), items, [])


def _shown(
    findings: Iterable[Mapping[str, Any]], items: Iterable[Item], lines: list[str]
) -> list[Shown]:
    places: dict[str, int] = {}
    for item in items:
        places.setdefault(item.title, item.pk)
    ranked = sorted(findings, key=lambda found: list(Severity).index(found["severity"]))
    return [_one(found, places, lines) for found in ranked]


def _one(found: Mapping[str, Any], places: Mapping[str, int], lines: list[str]) -> Shown:
    line, item = found.get("line"), found.get("item")
    excerpt = lines[line - 1].strip() if line and line <= len(lines) else ""
    return Shown(
        severity=Severity(found["severity"]),
        word=SEVERITIES[Severity(found["severity"])],
        message=found["message"],
        suggestion=found.get("suggestion"),
        line=line,
        excerpt=excerpt[:_EXCERPT],
        item=item,
        item_id=places.get(item) if item else None,
    )


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
        text[max(0, start - _BESIDE) : start],
        text[end : end + _BESIDE],
    )
