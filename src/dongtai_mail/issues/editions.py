"""From an issue's rows to content, and from content to a frozen edition.

Promises: the same issue freezes into the same edition, byte for byte, however often it is asked;
what was approved stays that edition for as long as the issue says the same, whatever a newer
version of this package would make of it; an edition with errors is never made.
Fails: ``EditionRefused`` with the findings.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.translation import gettext as _

from dongtai_mail import content, rendering
from dongtai_mail.content import Finding, Severity
from dongtai_mail.issues import clicks, markdown, textual
from dongtai_mail.issues.models import Edition, Issue, Item, Publication, Review, Section
from dongtai_mail.keys import keyring
from dongtai_mail.message.links import link_lengths
from dongtai_mail.paths import templates_dir
from dongtai_mail.sentences import finding_told


class EditionRefused(Exception):
    """The issue has errors that block sending; ``findings`` are all that was found."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        errors = [
            finding_told(found.code, found.message)
            for found in findings
            if found.severity is Severity.ERROR
        ]
        super().__init__(
            _("还有 %(count)s 处错误，改好才能发送：%(first)s")
            % {"count": len(errors), "first": _("；").join(errors[:3])}
        )
        self.findings = findings


def gone_out() -> Exists:
    """Of an issue: whether readers have it, or some of them."""
    return Exists(Edition.objects.filter(issue=OuterRef("pk"), published_at__isnull=False))


def in_hand(publication: Publication) -> Issue | None:
    """The issue that is being made: the newest that no reader has; else the newest."""
    return publication.issues.order_by(gone_out(), "-id").first()


def sections_of(issue: Issue) -> list[Section]:
    """The issue's sections with their items, read once for whoever needs both rows and content."""
    return list(issue.sections.prefetch_related("items"))


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """An issue read once, for whoever looks at it in several ways: its rows and what they say."""

    sections: list[Section]
    said: content.Issue
    supplied: tuple[Finding, ...]

    @property
    def items(self) -> list[Item]:
        return [item for section in self.sections for item in section.items.all()]


def read(issue: Issue) -> Reading:
    sections = sections_of(issue)
    return Reading(sections, *complete(issue, sections))


def draft(issue: Issue, sections: Sequence[Section] | None = None) -> content.Issue:
    """The issue as its rows stand now, with what it leaves unsaid still None."""
    if sections is None:
        sections = sections_of(issue)
    host = content.Host(issue.host_name, issue.host_also) if issue.host_name else None
    colophon = content.Colophon(
        issue.colophon_address,
        issue.colophon_postcode,
        issue.colophon_organisation,
        issue.colophon_phone,
    )
    return content.Issue(
        masthead=issue.masthead,
        number=issue.number,
        date=issue.date,
        host=host,
        sections=tuple(
            content.Section(section.name, tuple(_item(item) for item in section.items.all()))
            for section in sections
        ),
        colophon=colophon if colophon != content.Colophon() else None,
        subject=issue.subject,
        preheader=issue.preheader,
    )


def _item(row: Item) -> content.Item:
    return content.Item(
        title=row.title,
        body=markdown.parse(row.body),
        source=row.source or None,
        compiler=row.compiler or None,
        date=row.date,
        source_line=row.source_line or None,
        heading=row.heading or None,
        cover=content.Image(row.cover_url, row.cover_alt) if row.cover_url else None,
        featured=row.featured,
    )


def complete(
    issue: Issue, sections: Sequence[Section] | None = None
) -> tuple[content.Issue, tuple[Finding, ...]]:
    """The draft with what the publication says where the issue is silent, each a finding."""
    publication = issue.publication
    return rendering.complete(
        draft(issue, sections),
        masthead=publication.name,
        host=publication.host,
        colophon=publication.colophon,
    )


def render(issue: Issue, kind: str | None = None) -> rendering.Rendered:
    """What ``freeze`` would freeze, with every finding and without keeping it."""
    reading = read(issue)
    mail = rendered(issue, reading.said, kind)
    text = textual.found(issue, reading.said, reading.sections)
    errors = tuple(found.finding for found in text if found.blocks)
    found = errors + reading.supplied + mail.findings
    return dataclasses.replace(mail, findings=tuple(dict.fromkeys(found)))


def rendered(issue: Issue, said: content.Issue, kind: str | None = None) -> rendering.Rendered:
    """The completed content as mail, with the rendering's own findings alone."""
    return _rendered(said, frame(issue, said, kind), kind)


@lru_cache(maxsize=16)
def _rendered(said: content.Issue, frame: rendering.Frame, kind: str | None) -> rendering.Rendered:
    """A page asks for the same rendering several times over: its frame, its sizes, its findings."""
    return _renderings(said, frame).rendered(rendering.Kind(kind) if kind else None)


def sizes(issue: Issue, said: content.Issue) -> dict[str, int]:
    """How big the mail would be, by kind."""
    sizes = _renderings(said, frame(issue, said)).sizes()
    return {kind.value: size for kind, size in sizes.items()}


@lru_cache(maxsize=8)
def _renderings(said: content.Issue, frame: rendering.Frame) -> rendering.Renderings:
    return rendering.Renderings(said, frame)


def freeze(issue: Issue, kind: str | None = None) -> Edition:
    """Render and keep; ``kind`` None takes the fullest edition that mail clients show whole."""
    said, _ = complete(issue)
    key = _key(issue, said, kind)
    known = approved(issue, said, kind) or Edition.objects.filter(key=key).first()
    if known is not None:
        return known
    mail = render(issue, kind)
    if any(found.severity is Severity.ERROR for found in mail.findings):
        raise EditionRefused(mail.findings)
    with transaction.atomic():
        edition, new = Edition.objects.get_or_create(
            key=key, defaults=_values(issue, said, kind, mail)
        )
        if new:
            clicks.keep(edition, mail.links, said)
    return edition


def approved(issue: Issue, said: content.Issue, kind: str | None) -> Edition | None:
    """What was approved of exactly this: sent as it was seen, though templates may change."""
    editions = issue.editions.filter(saying=_saying(issue, said), asked_kind=kind or "")
    return editions.filter(reviews__state=Review.State.APPROVED).order_by("-pk").first()


def is_current(edition: Edition) -> bool:
    """Whether the issue and its publication still say what was frozen."""
    issue = Issue.objects.select_related("publication").get(pk=edition.issue_id)
    return edition.saying == _saying(issue, complete(issue)[0])


def _values(
    issue: Issue, said: content.Issue, kind: str | None, mail: rendering.Rendered
) -> dict[str, Any]:
    frozen = [mail.subject, mail.html, mail.text, mail.web_html]
    return {
        "issue": issue,
        "saying": _saying(issue, said),
        "asked_kind": kind or "",
        "kind": mail.kind.value,
        "sha256": hashlib.sha256("\0".join(frozen).encode()).hexdigest(),
        "subject": mail.subject,
        "preheader": mail.preheader,
        "html": mail.html,
        "text": mail.text,
        "web_html": mail.web_html,
        "unsubscribe_slot": mail.slots.unsubscribe,
        "preferences_slot": mail.slots.preferences,
        "size": mail.size,
        "findings": [dataclasses.asdict(found) for found in mail.findings],
    }


def _key(issue: Issue, said: content.Issue, kind: str | None) -> str:
    """Names an edition by all that goes into it, before it is rendered: its address is in it."""
    return _hash([_templates_digest(), kind, _saying(issue, said)])[:24]


def _saying(issue: Issue, said: content.Issue) -> str:
    """Names what goes into an edition but for the look of it: what an approval is about."""
    publication = issue.publication
    parts = [
        issue.pk,
        settings.ORIGIN,
        publication.slug,
        publication.name,
        publication.reason,
        publication.accent,
        publication.language,
        publication.counts_clicks,
        _digest(said),
    ]
    return _hash(parts)


def _hash(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@lru_cache(maxsize=32)
def _digest(said: content.Issue) -> str:
    return hashlib.sha256(repr(said).encode()).hexdigest()


@cache
def _templates_digest() -> str:
    digest = hashlib.sha256(version("dongtai-mail").encode())
    for path in sorted((templates_dir() / "issue").rglob("*.*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def frame(
    issue: Issue, said: content.Issue | None = None, kind: str | None = None
) -> rendering.Frame:
    """What the publication and the installation add to what the issue says."""
    publication = issue.publication
    key = _key(issue, said or complete(issue)[0], kind)
    path = reverse("issues:read", args=[publication.slug, key])
    followed = reverse("links:follow", args=[key, 0]).removesuffix("0")
    unsubscribe, preferences = link_lengths(keyring(), settings.ORIGIN)
    return rendering.Frame(
        web_url=settings.ORIGIN + path,
        reason=publication.reason or f"您收到这封邮件，是因为您订阅了《{publication}》。",
        accent=publication.accent,
        language=publication.language,
        unsubscribe_url_length=unsubscribe,
        preferences_url_length=preferences,
        click_base=settings.ORIGIN + followed if publication.counts_clicks else "",
    )
