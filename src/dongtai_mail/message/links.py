"""A reader's own links and mailboxes: one shape for composing, sizing and serving them.

Every link is made of a sealed token (``message.seal``) of fixed length over the subscription and
the mailing, so all readers' links have the same length and an edition's size is known when it is
frozen. Paths are short: they are repeated in every message.
"""

from __future__ import annotations

from dataclasses import dataclass

from dongtai_mail.message.seal import Keyring

PURPOSE = "reader"


@dataclass(frozen=True, slots=True)
class ReaderLinks:
    unsubscribe: str
    preferences: str
    mailto: str


def reader_links(
    keyring: Keyring, origin: str, mail_domain: str, subscription_id: int, mailing_id: int
) -> ReaderLinks:
    """The links of one reader of one mailing; ``mail_domain`` receives mailto unsubscribes."""
    numbers = (subscription_id, mailing_id)
    token = keyring.seal(PURPOSE, numbers)
    return ReaderLinks(
        unsubscribe=f"{origin}/u/{token}/",
        preferences=f"{origin}/p/{token}/",
        # Servers on the way may fold the case of a local part.
        mailto=f"mailto:leave+{keyring.seal_caseless(PURPOSE, numbers)}@{mail_domain}"
        "?subject=unsubscribe",
    )


def link_lengths(keyring: Keyring, origin: str) -> tuple[int, int]:
    """Length in bytes of the unsubscribe and the preferences link of any reader."""
    links = reader_links(keyring, origin, "example.org", 0, 0)
    return len(links.unsubscribe), len(links.preferences)
