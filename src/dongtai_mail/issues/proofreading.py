"""Proofreading: everything to be said about an issue as it stands, and what is done about it.

Owns: ``findings``, from the text, the rendering and the links; taking a suggestion, letting a
finding stand with a reason, and looking at it again. Promises: what is shown is about the current
content, never about the file it came from; a suggestion is put only where the words it was made
for still stand. Fails: ``FindingGone``, ``NotIgnorable``, for whoever clicked; ``Conflict``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from dongtai_mail.content import Finding, Severity
from dongtai_mail.issues import editing, editions, links, textual
from dongtai_mail.issues.models import IgnoredFinding, Issue, Item, Section
from dongtai_mail.issues.textual import Found
from dongtai_mail.rendering import CLIPPING_LIMIT, Rendered, RenderingError

_SECTION_ANCHOR = re.compile(r' id="s(\d+)"')
_IMAGE_CODES = frozenset({"image-refused", "image-alt-missing"})


class FindingGone(Exception):
    """The words that the finding was about are not there any more."""


class NotIgnorable(Exception):
    """What is simply wrong has to be mended."""


@dataclass(frozen=True, slots=True)
class Weight:
    """How many bytes of the mail's HTML a section takes."""

    section: str
    size: int
    percent: float


@dataclass(frozen=True, slots=True)
class Proof:
    """The findings, and the mail's ``kind`` and ``size`` unless it can't be rendered at all."""

    findings: list[Found]
    kind: str = ""
    size: int = 0
    limit: int = CLIPPING_LIMIT
    weights: tuple[Weight, ...] = ()

    @property
    def errors(self) -> int:
        return sum(found.blocks for found in self.findings)


def findings(issue: Issue) -> list[Found]:
    """The gravest first, then as they stand in the issue."""
    return proof(issue).findings


def proof(issue: Issue, reading: editions.Reading | None = None) -> Proof:
    """The findings with the size of the mail and what each section has of it."""
    reading = reading or editions.read(issue)
    try:
        rendered = editions.rendered(issue, reading.said)
    except RenderingError as error:
        broken = Finding("rendering-failed", Severity.ERROR, f"这一期无法排版：{error}")
        return Proof(_all(issue, reading, [broken]))
    about = dict.fromkeys((*reading.supplied, *rendered.findings))
    return Proof(
        _all(issue, reading, about),
        rendered.kind.value,
        rendered.size,
        weights=tuple(_weights(rendered, reading.sections)),
    )


def _all(issue: Issue, reading: editions.Reading, about: Iterable[Finding]) -> list[Found]:
    sections = reading.sections
    text = textual.found(issue, reading.said, sections)
    others = [*_of_links(issue, sections), *_of_rendering(about, sections)]
    return textual.by_severity([*text, *textual.marked(issue, others)])


def _of_links(issue: Issue, sections: Sequence[Section]) -> Iterator[Found]:
    items = {item.pk: (section.name, item) for section in sections for item in section.items.all()}
    for told in links.findings(issue, [item for _section, item in items.values()]):
        if told.item_id in items:
            name, row = items[told.item_id]
            finding = Finding(told.code, told.severity, told.message, None, row.title)
            yield Found("", finding, row, name, told.field, told.span, told.url)


def _of_rendering(about: Iterable[Finding], sections: Sequence[Section]) -> Iterator[Found]:
    """The rendering names an item by its title: the first of that title is meant."""
    items: dict[str, tuple[str, Item]] = {}
    for section in sections:
        for item in section.items.all():
            items.setdefault(item.title, (section.name, item))
    for finding in about:
        name, row = items.get(finding.item or "", ("", None))
        field = "body" if row or finding.code in _IMAGE_CODES else ""
        yield Found("", finding, row, name, field)


def _weights(rendered: Rendered, sections: Sequence[Section]) -> Iterator[Weight]:
    """From each section's anchor to the next; the last one ends with the content."""
    marks = [(int(each[1]), each.start()) for each in _SECTION_ANCHOR.finditer(rendered.html)]
    end = rendered.html.find(' class="b f"')
    ends = [start for _name, start in marks[1:]] + [end if end >= 0 else len(rendered.html)]
    for (number, start), stop in zip(marks, ends, strict=False):
        size = len(rendered.html[start:stop].encode())
        yield Weight(sections[number - 1].name, size, 100 * size / CLIPPING_LIMIT)


def blocking(issue: Issue) -> list[Found]:
    """The errors that forbid a review, an approval and a mailing."""
    return [found for found in findings(issue) if found.blocks]


def take(issue: Issue, fingerprint: str, actor: str) -> Item:
    """Put the suggestion in the place of what it was made for."""
    found = _current(issue, fingerprint)
    item, span, suggestion = found.item, found.span, found.finding.suggestion
    if not found.takable or item is None or span is None or suggestion is None:
        raise FindingGone(_("这一处要自己改：没有可以直接采用的写法。"))
    text = getattr(item, found.field) or ""
    changed = text[: span[0]] + suggestion + text[span[1] :]
    return editing.save_item(item, item.version, {found.field: changed}, actor)


def ignore(issue: Issue, fingerprint: str, reason: str, actor: str) -> IgnoredFinding:
    """Let it stand; ``reason`` tells the next person why."""
    found = _current(issue, fingerprint)
    if not found.ignorable:
        raise NotIgnorable(_("这是错误，改好才能发送，不能忽略。"))
    row, _created = IgnoredFinding.objects.get_or_create(
        issue=issue,
        fingerprint=fingerprint,
        defaults={
            "message": found.finding.message[:500],
            "reason": reason.strip()[:500],
            "actor": actor,
        },
    )
    return row


def look_again(issue: Issue, fingerprint: str) -> IgnoredFinding | None:
    """Take back that a finding was let stand; answers what it was."""
    row = IgnoredFinding.objects.filter(issue=issue, fingerprint=fingerprint).first()
    if row is not None:
        row.delete()
    return row


def _current(issue: Issue, fingerprint: str) -> Found:
    for found in findings(issue):
        if found.fingerprint == fingerprint:
            return found
    raise FindingGone(_("这一处已经改过，或已经没有了；下面是现在的情况。"))
