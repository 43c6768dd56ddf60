"""Proofreading: everything to be said about an issue as it stands, and what is done about it.

Owns: ``findings``, from the text, the rendering and the links; taking suggestions, letting
findings stand with a reason, one or many, and looking at them again. Promises: what is shown is
about the current content, never about the file it came from; a suggestion is put only where the
words it was made for still stand. Fails: ``FindingGone``, ``NotIgnorable``, for whoever clicked;
``Conflict``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.utils.translation import gettext as _

from dongtai_mail.content import Finding, Severity
from dongtai_mail.issues import editing, editions, links, textual
from dongtai_mail.issues.models import IgnoredFinding, Issue, Item, Section
from dongtai_mail.issues.spotting import Span
from dongtai_mail.issues.textual import Found
from dongtai_mail.rendering import CLIPPING_LIMIT, Rendered, RenderingError

_SECTION_ANCHOR = re.compile(r' id="s(\d+)"')
# Which field, where in it, and the words that go there.
Put = tuple[str, Span, str]
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
    if found.item is None or not found.takable:
        raise FindingGone(_("这一处要自己改：没有可以直接采用的写法。"))
    return _put(found.item, _apart([found]), actor)


def take_all(issue: Issue, fingerprints: Collection[str], actor: str) -> tuple[int, list[Item]]:
    """Those of the suggestions that can still be put: how many, and the items as saved.

    One whose words another one changes waits for the next time, as does an item that somebody
    saved at this moment.
    """
    wanted: dict[int, list[Found]] = defaultdict(list)
    for found in findings(issue):
        if found.item is not None and found.takable and found.fingerprint in fingerprints:
            wanted[found.item.pk].append(found)
    taken, saved = 0, []
    for those in wanted.values():
        puts, item = _apart(those), those[0].item
        assert item is not None
        with suppress(editing.Conflict):
            saved.append(_put(item, puts, actor))
            taken += len(puts)
    return taken, saved


def _apart(those: Iterable[Found]) -> list[Put]:
    """Those that lie beside one another, the last one first."""
    puts: list[Put] = []
    for found in those:
        span, words = found.span, found.finding.suggestion
        if span is not None and words is not None:
            touched = (at for field, at, _words in puts if field == found.field)
            if all(span[1] <= at[0] or at[1] <= span[0] for at in touched):
                puts.append((found.field, span, words))
    return sorted(puts, key=lambda put: put[1], reverse=True)


def _put(item: Item, puts: Iterable[Put], actor: str) -> Item:
    changed: dict[str, str] = {}
    for field, (start, end), words in puts:
        text = changed.get(field, getattr(item, field) or "")
        changed[field] = text[:start] + words + text[end:]
    return editing.save_item(item, item.version, changed, actor)


def ignore(issue: Issue, fingerprint: str, reason: str, actor: str) -> IgnoredFinding:
    """Let it stand; ``reason`` tells the next person why."""
    found = _current(issue, fingerprint)
    if not found.ignorable:
        raise NotIgnorable(_("这是错误，改好才能发送，不能忽略。"))
    (row,) = _let_stand(issue, [found], reason, actor)
    return row


def ignore_all(
    issue: Issue, fingerprints: Collection[str], reason: str, actor: str
) -> list[IgnoredFinding]:
    """The same for those of them that are there yet; what has to be mended stays."""
    those = (each for each in findings(issue) if each.fingerprint in fingerprints)
    return _let_stand(issue, [each for each in those if each.ignorable], reason, actor)


def _let_stand(
    issue: Issue, those: Sequence[Found], reason: str, actor: str
) -> list[IgnoredFinding]:
    """Who let one stand first is remembered."""
    said = {"reason": reason.strip()[:500], "actor": actor}
    rows = [
        IgnoredFinding(
            issue=issue,
            fingerprint=found.fingerprint,
            message=found.finding.message[:500],
            **said,
        )
        for found in those
    ]
    IgnoredFinding.objects.bulk_create(rows, ignore_conflicts=True)
    names = [row.fingerprint for row in rows]
    return list(IgnoredFinding.objects.filter(issue=issue, fingerprint__in=names))


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
