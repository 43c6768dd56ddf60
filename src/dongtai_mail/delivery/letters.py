"""What a mailing's messages are made of: the skeleton, the signers, each reader's own parts.

Owns: turning an edition and a publication into ``message.compose`` values, and the DKIM keys in
``DATA_DIR/dkim``. Promises: a message is a function of (mailing, delivery, date), so a second
try is the same letter. Fails: ``KeyMissing`` and ``LettersRefused`` before a mailing is made, not
in the middle of it.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from dongtai_mail.delivery.models import Mailing
from dongtai_mail.delivery.queue import Claimed
from dongtai_mail.issues.models import Edition, Publication
from dongtai_mail.keys import keyring
from dongtai_mail.message import verp
from dongtai_mail.message.address import Address, parse
from dongtai_mail.message.compose import Draft, Letterhead, Reader, Skeleton
from dongtai_mail.message.dkim import Signer, new_key
from dongtai_mail.message.links import link_lengths, reader_links
from dongtai_mail.message.seal import Keyring
from dongtai_mail.sentences import told
from subscribers.models import SubscriberList


class KeyMissing(Exception):
    """The publication has no DKIM key; the text says how to make one."""


class LettersRefused(Exception):
    """No letter can be written of these names and addresses; the text says why."""


class Letter(NamedTuple):
    """One message on its way: envelope, and the bytes in pieces."""

    envelope_sender: str
    recipient: Address
    pieces: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    @property
    def message(self) -> bytes:
        return b"".join(self.pieces)


class _Written(NamedTuple):
    """A letter before it is signed."""

    envelope_sender: str
    recipient: Address
    draft: Draft


class Letters:
    """The letters of one mailing. Building it costs milliseconds, each letter microseconds."""

    def __init__(self, mailing: Mailing) -> None:
        edition = mailing.edition
        publication = edition.issue.publication
        self.mailing_id = mailing.pk
        self._keyring: Keyring = keyring()
        # Django's settings take as long to answer as a regular expression.
        self._origin: str = settings.ORIGIN
        self._domain = publication.domain
        self._bounce_domain = publication.bounce_domain
        self._signers = signers(publication)
        self._skeleton = _skeleton(mailing, edition, publication, self._keyring)

    @property
    def size(self) -> int:
        return self._skeleton.size

    def letter(self, delivery: Claimed, now: datetime.datetime) -> Letter:
        """One reader's letter; raises ``ValueError`` where there can't be one."""
        (written,) = self.letters([delivery], now)
        if isinstance(written, ValueError):
            raise written
        return written

    def letters(
        self, deliveries: Sequence[Claimed], now: datetime.datetime
    ) -> list[Letter | ValueError]:
        """Each reader's letter, signed, or why there can't be one; ``now`` is their Date.

        Several at once cost less: see ``Skeleton.pieces``.
        """
        written = [self._written(delivery, now) for delivery in deliveries]
        drafts = [each.draft for each in written if isinstance(each, _Written)]
        pieces = iter(self._skeleton.pieces(drafts, self._signers))
        return [
            Letter(each.envelope_sender, each.recipient, next(pieces))
            if isinstance(each, _Written)
            else each
            for each in written
        ]

    def _written(self, delivery: Claimed, now: datetime.datetime) -> _Written | ValueError:
        try:
            reader = self._reader(delivery)
            sender = verp.envelope_sender(self._keyring, delivery.id, self._bounce_domain)
            return _Written(sender, reader.address, self._skeleton.draft(reader, now))
        except ValueError as error:
            return error

    def _reader(self, delivery: Claimed) -> Reader:
        links = reader_links(
            self._keyring,
            self._origin,
            self._bounce_domain,
            delivery.subscription_id,
            self.mailing_id,
        )
        return Reader(
            address=parse(delivery.address),
            name=delivery.name or None,
            message_id=f"<{self.mailing_id}.{delivery.id}@{self._domain}>",
            links=(links.unsubscribe, links.preferences),
            unsubscribe_url=links.unsubscribe,
            unsubscribe_mailto=links.mailto,
        )


def try_out(edition: Edition, subscriber_list: SubscriberList) -> None:
    """Write a letter to nobody: what would fail for every reader fails here, and once."""
    mailing = Mailing(pk=0, edition=edition, subscriber_list=subscriber_list)
    nobody = Claimed(0, 0, "nobody@example.org", "", "", 0)
    try:
        Letters(mailing).letter(nobody, timezone.now())
    except ValueError as error:
        raise LettersRefused(
            _("写不出这封邮件，请检查刊物和名单的名称、发件人和 DKIM 密钥：%(error)s")
            % {"error": told(str(error))}
        ) from error


def _skeleton(
    mailing: Mailing, edition: Edition, publication: Publication, keys: Keyring
) -> Skeleton:
    label = mailing.subscriber_list.slug.lower().replace("_", "-")
    letterhead = Letterhead(
        from_name=publication.from_name,
        from_address=publication.from_address,
        subject=edition.subject,
        list_name=mailing.subscriber_list.name,
        list_id=f"{label}.{publication.domain}",
    )
    return Skeleton(
        letterhead,
        edition.html,
        edition.text,
        edition.slots,
        link_lengths(keys, settings.ORIGIN),
        boundary=f"=_{edition.key}",
    )


def signers(publication: Publication) -> tuple[Signer, ...]:
    """The publication's DKIM signers: RSA, which everybody verifies."""
    path = key_path(publication)
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        raise KeyMissing(
            _(
                "《%(publication)s》还没有 DKIM 密钥（%(path)s）。"
                "请运行 dongtai publication dkim %(slug)s，并按提示添加 DNS 记录。"
            )
            % {"publication": publication, "path": path, "slug": publication.slug}
        ) from None
    return (_signer(publication.domain, publication.dkim_selector, pem),)


@lru_cache(maxsize=64)
def _signer(domain: str, selector: str, pem: bytes) -> Signer:
    """Reading a key proves its primes, which takes as long as a hundred signatures."""
    return Signer(domain, selector, pem)


def create_key(publication: Publication) -> Signer:
    """Make the publication's DKIM key unless it has one; answers its signer."""
    path = key_path(publication)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        temporary = path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(new_key().encode())
        os.link(temporary, path)
        temporary.unlink()
    return signers(publication)[0]


def key_path(publication: Publication) -> Path:
    name = f"{publication.domain}.{publication.dkim_selector}.pem"
    return Path(settings.DATA_DIR) / "dkim" / name
