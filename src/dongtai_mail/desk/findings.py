"""Findings as the desk shows them: a word, the place in the issue, the line of the file.

Promises: more than a few of one kind are shown as one, so that they bury no others; every page
counts them alike, by severity, those let stand apart. Fails: never; a finding whose place is
unknown is shown without one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.utils.translation import gettext_lazy

from dongtai_mail.content import Finding, Severity
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
# Where among an issue's own facts a finding about none of its items is mended, by its code's start.
_FACTS = {
    "masthead": "masthead",
    "number": "number",
    "date": "date",
    "host": "host_name",
    "colophon": "colophon_address",
    "subject": "subject",
    "preheader": "preheader",
}
_BESIDE = 14
_FEW = 3

Shown = TypeVar("Shown")


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

    @property
    def fact(self) -> str:
        """The field of the issue's own facts where this is mended, if it is there."""
        return "" if self.found.item else _FACTS.get(self.found.finding.code.split("-")[0], "")


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


@dataclass(frozen=True, slots=True)
class Kind(Generic[Shown]):
    """Findings of one code, in their order; ``many`` when they are shown as one."""

    name: str
    each: Sequence[Shown]

    @property
    def many(self) -> bool:
        return len(self.each) > _FEW


@dataclass(frozen=True, slots=True)
class KindBeside(Kind[Beside]):
    @property
    def takable(self) -> list[str]:
        """What one click takes, by fingerprint."""
        return [each.found.fingerprint for each in self.each if each.found.takable]

    @property
    def ignorable(self) -> list[str]:
        return [each.found.fingerprint for each in self.each if each.found.ignorable]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many there are to look at of each severity, and how many somebody let stand."""

    errors: int
    warnings: int
    notes: int
    ignored: int


def tally(findings: Iterable[Finding], ignored: int = 0) -> Tally:
    """``findings`` are those that nobody let stand."""
    count = Counter(each.severity for each in findings)
    return Tally(count[Severity.ERROR], count[Severity.WARNING], count[Severity.INFO], ignored)


def tally_of(findings: Sequence[Found]) -> Tally:
    standing = [each.finding for each in findings if each.ignored is None]
    return tally(standing, len(findings) - len(standing))


@dataclass(frozen=True, slots=True)
class Kinds:
    kinds: Sequence[KindBeside]
    count: int


def alike(shown: Iterable[Shown], name: Callable[[Shown], str]) -> dict[str, list[Shown]]:
    """Those of one name together, where the first of them stood."""
    found: dict[str, list[Shown]] = defaultdict(list)
    for each in shown:
        found[name(each)].append(each)
    return found


def kinds(shown: Iterable[Beside], part: str) -> Kinds:
    """``part`` tells the names apart from those of other parts of the page."""
    found = alike(shown, lambda each: f"{part}-{each.severity}-{each.found.finding.code}")
    rows = [KindBeside(*pair) for pair in found.items()]
    return Kinds(rows, sum(len(row.each) for row in rows))
