"""A reader's own links and mailboxes: one shape for composing, sizing and serving them.

Every link is made of a sealed token (``message.seal``) of fixed length over the subscription and
the mailing, so all readers' links have the same length and an edition's size is known when it is
frozen. Paths are short: they are repeated in every message.
"""

from __future__ import annotations

from typing import NamedTuple

from dongtai_mail.message.seal import Keyring

PURPOSE, LEAVE = "reader", "leave"


class ReaderLinks(NamedTuple):
    unsubscribe: str
    preferences: str
    mailto: str


def reader_links(
    keyring: Keyring, origin: str, mail_domain: str, subscription_id: int, mailing_id: int
) -> ReaderLinks:
    """The links of one reader of one mailing; ``mail_domain`` receives mailto unsubscribes."""
    token = keyring.seal(PURPOSE, (subscription_id, mailing_id))
    # Servers on the way may fold the case of a local part, which has room for one number.
    leave = keyring.seal_caseless(LEAVE, (subscription_id,))
    return ReaderLinks(
        unsubscribe=f"{origin}/u/{token}/",
        preferences=f"{origin}/p/{token}/",
        mailto=f"mailto:leave+{leave}@{mail_domain}?subject=unsubscribe",
    )


def link_lengths(keyring: Keyring, origin: str) -> tuple[int, int]:
    """Length in bytes of the unsubscribe and the preferences link of any reader."""
    links = reader_links(keyring, origin, "example.org", 0, 0)
    return len(links.unsubscribe), len(links.preferences)
