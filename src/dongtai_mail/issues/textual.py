"""Findings about an issue's text, tied to its rows: which item, which field, from where to where.

Owns: ``Found``, its fingerprint, and whether somebody let it stand. Promises: a fingerprint is of
the finding's code, item, field and message, so that it lasts while other things change and ends
with what it was about. What is simply wrong can't be let stand.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dongtai_mail import content
from dongtai_mail.content import Finding, Severity
from dongtai_mail.issues.models import IgnoredFinding, Issue, Item, Publication, Section
from dongtai_mail.issues.spotting import Span, Spotted, spot

# Errors by appearance: a person may know better.
_GUESSES = frozenset({"mojibake"})
_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Found:
    """``span`` are places in the text of the item's ``field``, ``wrong`` the words there."""

    fingerprint: str
    finding: Finding
    item: Item | None = None
    section: str = ""
    field: str = ""
    span: Span | None = None
    wrong: str = ""
    exact: bool = False
    ignored: IgnoredFinding | None = None

    @property
    def blocks(self) -> bool:
        return self.finding.severity is Severity.ERROR and self.ignored is None

    @property
    def takable(self) -> bool:
        """Whether the suggestion can be put in by one click."""
        return self.exact and self.ignored is None

    @property
    def ignorable(self) -> bool:
        return self.finding.severity is not Severity.ERROR or self.finding.code in _GUESSES


def found(issue: Issue, said: content.Issue, sections: Sequence[Section]) -> list[Found]:
    """What the checks say about the text; ``said`` is the content of these very sections."""
    rows = [(section.name, item) for section in sections for item in section.items.all()]
    bodies = tuple(item.body for _, item in rows)
    named = (Spotted(one) for one in misnamed(issue.publication, said.masthead))
    spotted = [*named, *spot(said, bodies), *_outside_period(issue, rows)]
    if issue.period_from or issue.period_to:
        # The checks guess the period from the other items; an issue that names it need not.
        spotted = [each for each in spotted if each.finding.code != "date-outside-period"]
    return marked(issue, _tied(spotted, rows))


def misnamed(publication: Publication, masthead: str | None) -> Iterator[Finding]:
    """Words that name another publication than the one in whose name they would go out."""
    if masthead and _plain(masthead) != _plain(publication.name):
        message = (
            f"刊名写作“{masthead}”，而这份刊物是“{publication.name}”。"
            "请看看是不是放错了刊物，或改正刊名。"
        )
        yield Finding("masthead-differs", Severity.WARNING, message)


def _plain(name: str) -> str:
    return "".join(name.split()).strip("《》").casefold()


def _outside_period(issue: Issue, rows: Sequence[tuple[str, Item]]) -> Iterator[Spotted]:
    first, last = issue.period_from, issue.period_to
    for number, (_, item) in enumerate(rows):
        if item.date is None or item.heading:
            continue
        if (first and item.date < first) or (last and item.date > last):
            period = f"{first or ''} 至 {last or ''}".strip()
            message = f"日期 {item.date} 不在本期的时段（{period}）里。请核对，或移到别的一期。"
            finding = Finding("date-outside-issue", Severity.WARNING, message, None, item.title)
            yield Spotted(finding, number, "date")


def _tied(spotted: Iterable[Spotted], rows: Sequence[tuple[str, Item]]) -> Iterator[Found]:
    for each in spotted:
        section, item = rows[each.item] if each.item is not None else ("", None)
        yield Found("", each.finding, item, section, each.field, each.span, each.wrong, each.exact)


def marked(issue: Issue, findings: Iterable[Found]) -> list[Found]:
    """The findings with their fingerprints and what was let stand, the gravest first."""
    ignored = {row.fingerprint: row for row in IgnoredFinding.objects.filter(issue=issue)}
    seen: Counter[str] = Counter()
    named = []
    for each in findings:
        base = _base(each)
        seen[base] += 1
        name = hashlib.sha256(f"{base}\0{seen[base]}".encode()).hexdigest()[:32]
        known = ignored.get(name) if each.ignorable else None
        named.append(replace(each, fingerprint=name, ignored=known))
    return by_severity(named)


def by_severity(findings: Iterable[Found]) -> list[Found]:
    return sorted(findings, key=lambda each: _RANK[each.finding.severity])


def _base(each: Found) -> str:
    place = str(each.item.pk) if each.item else each.section
    return "\0".join((each.finding.code, place, each.field, each.finding.message))
