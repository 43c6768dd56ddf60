"""What readers would get, for looking at: the real edition, with links that lead nowhere.

Promises: the bytes are the frozen edition's; only the two personal links are exchanged, as in
sending, for links of the same form and length which belong to nobody. An issue with errors is
shown all the same, but has no edition that could be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache

from dongtai_mail.content import Finding, Severity
from dongtai_mail.issues import editions
from dongtai_mail.issues.models import Edition, Issue
from dongtai_mail.keys import keyring
from dongtai_mail.message.links import reader_links
from dongtai_mail.rendering import CLIPPING_LIMIT, Kind

AUTO = "auto"
KINDS = (AUTO, *Kind)


@dataclass(frozen=True, slots=True)
class Preview:
    """``edition`` is None where errors block sending; ``findings`` then has them."""

    kind: str
    subject: str
    preheader: str
    html: str
    text: str
    size: int
    edition: Edition | None
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Size:
    kind: str
    chosen: str
    size: int

    @property
    def fits(self) -> bool:
        return self.size <= CLIPPING_LIMIT


def preview(issue: Issue, kind: str) -> Preview:
    """Raises RenderingError when nothing can be shown at all."""
    try:
        edition = editions.freeze(issue, _asked(kind))
    except editions.EditionRefused as refused:
        return _draft(issue, kind, refused.findings)
    return Preview(
        kind=edition.kind,
        subject=edition.subject,
        preheader=edition.preheader,
        html=_inert(edition.html, issue, edition.slots),
        text=_inert(edition.text, issue, edition.slots),
        size=edition.size,
        edition=edition,
        findings=[_finding(found) for found in edition.findings],
    )


def sizes(issue: Issue) -> list[Size]:
    """Every kind with its size; auto first, and what it comes to."""
    auto = preview(issue, AUTO)
    if auto.edition is None:
        rendered = _sizes(issue)
    else:
        # The edition's key is made of all that goes into it, so this never grows stale.
        rendered = cache.get_or_set(f"sizes-{auto.edition.key}", lambda: _sizes(issue)) or {}
    return [Size(AUTO, auto.kind, auto.size)] + [
        Size(kind, kind, size) for kind, size in rendered.items()
    ]


def _sizes(issue: Issue) -> dict[str, int]:
    return {kind.value: editions.render(issue, kind).size for kind in Kind}


def _draft(issue: Issue, kind: str, findings: Sequence[Finding]) -> Preview:
    rendered = editions.render(issue, _asked(kind))
    slots = (rendered.slots.unsubscribe, rendered.slots.preferences)
    return Preview(
        kind=rendered.kind.value,
        subject=rendered.subject,
        preheader=rendered.preheader,
        html=_inert(rendered.html, issue, slots),
        text=_inert(rendered.text, issue, slots),
        size=rendered.size,
        edition=None,
        findings=findings,
    )


def _asked(kind: str) -> str | None:
    return None if kind == AUTO else kind


def _inert(part: str, issue: Issue, slots: tuple[str, str]) -> str:
    links = reader_links(keyring(), settings.ORIGIN, issue.publication.domain, 0, 0)
    return part.replace(slots[0], links.unsubscribe).replace(slots[1], links.preferences)


def _finding(found: dict[str, str]) -> Finding:
    return Finding(**{**found, "severity": Severity(found["severity"])})  # type: ignore[arg-type]
