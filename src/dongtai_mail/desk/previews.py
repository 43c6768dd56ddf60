"""What readers would get, for looking at: the real bytes, with links that lead nowhere.

Promises: the bytes are those that would be frozen, or those that were approved; only the two
personal links are exchanged, as in sending, for links of the same form and length which belong to
nobody. Nothing is kept: looking at an issue in work leaves no edition behind. To look at one colour
scheme, whatever the browser prefers, the condition of the dark styles is switched, and that alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from dongtai_mail.issues import changes, editions
from dongtai_mail.issues.editions import Reading
from dongtai_mail.issues.models import Edition, Issue, Publication
from dongtai_mail.keys import keyring
from dongtai_mail.message.links import ReaderLinks, reader_links
from dongtai_mail.rendering import CLIPPING_LIMIT, Kind
from subscribers.models import Subscription

AUTO = "auto"
KINDS = (AUTO, *Kind)
LIGHT, DARK = "light", "dark"
_DARK_ONLY = "@media (prefers-color-scheme:dark)"
_SWITCHED = {LIGHT: "@media not all", DARK: "@media all"}


@dataclass(frozen=True, slots=True)
class Preview:
    kind: str
    subject: str
    preheader: str
    html: str
    text: str
    size: int

    def in_scheme(self, scheme: str) -> str:
        """The HTML as it looks in a light or dark mail client; any other word leaves it alone."""
        if scheme not in _SWITCHED:
            return self.html
        head, end, body = self.html.partition("</head>")
        head = head.replace(_DARK_ONLY, _SWITCHED[scheme])
        for before, after in (("color-scheme:", ""), ('content="', '"')):
            head = head.replace(f"{before}light dark{after}", f"{before}{scheme}{after}")
        return head + end + body


@dataclass(frozen=True, slots=True)
class Size:
    kind: str
    chosen: str
    size: int

    @property
    def fits(self) -> bool:
        return self.size <= CLIPPING_LIMIT


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands above the mail in a reader's client."""

    sender: str
    recipient: str
    unsubscribe: str


def preview(issue: Issue, kind: str, reading: Reading | None = None) -> Preview:
    """Raises RenderingError when nothing can be shown at all."""
    reading = reading or editions.read(issue)
    asked = None if kind == AUTO else kind
    approved = editions.approved(issue, reading.said, asked)
    if approved is not None:
        return of_edition(approved)
    mail = editions.rendered(issue, reading.said, asked)
    slots = (mail.slots.unsubscribe, mail.slots.preferences)
    return Preview(
        kind=mail.kind.value,
        subject=mail.subject,
        preheader=mail.preheader,
        html=_inert(mail.html, issue, slots),
        text=_inert(mail.text, issue, slots),
        size=mail.size,
    )


def of_edition(edition: Edition) -> Preview:
    """What was frozen, whatever the issue says by now."""
    return Preview(
        kind=edition.kind,
        subject=edition.subject,
        preheader=edition.preheader,
        html=_inert(edition.html, edition.issue, edition.slots),
        text=_inert(edition.text, edition.issue, edition.slots),
        size=edition.size,
    )


def sizes(issue: Issue, reading: Reading) -> list[Size]:
    """Every kind with its size; auto first, and what it comes to."""
    known = editions.sizes(issue, reading.said)
    auto = editions.rendered(issue, reading.said).kind.value
    return [Size(AUTO, auto, known[auto])] + [
        Size(kind, kind, size) for kind, size in known.items()
    ]


def envelope(publication: Publication, reader: Subscription | None) -> Envelope:
    """As ``reader`` sees it, or somebody who doesn't exist."""
    name, address = _("示例读者"), "reader@example.org"
    if reader is not None:
        name, address = reader.subscriber.name, reader.subscriber.address
    return Envelope(
        changes.sender(publication),
        f"{name} <{address}>" if name else address,
        nobodys_links(publication).unsubscribe,
    )


def nobodys_links(publication: Publication) -> ReaderLinks:
    """Links of the form and length of everybody's, which open nothing."""
    return reader_links(keyring(), settings.ORIGIN, publication.bounce_domain, 0, 0)


def _inert(part: str, issue: Issue, slots: tuple[str, str]) -> str:
    links = nobodys_links(issue.publication)
    return part.replace(slots[0], links.unsubscribe).replace(slots[1], links.preferences)
