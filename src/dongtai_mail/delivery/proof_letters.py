"""A test send as a letter: the very parts that readers get, marked as a test in its head.

Promises: HTML and text are the edition's, with links of everybody's form and length in the
personal places, which open nothing; subject and header say that it is a test.
"""

from __future__ import annotations

import datetime

from django.conf import settings

from dongtai_mail.delivery import letters
from dongtai_mail.delivery.letters import Letter
from dongtai_mail.delivery.models import ProofLetter
from dongtai_mail.delivery.staff_notices import language_of
from dongtai_mail.keys import keyring
from dongtai_mail.message.address import parse
from dongtai_mail.message.compose import Letterhead, Reader, Skeleton
from dongtai_mail.message.links import link_lengths, reader_links
from subscribers import suppression

MARKS = {"zh-hans": "【测试】", "en": "[Test] "}
HEADER = "X-Dongtai-Test"


def addressed(test: ProofLetter) -> bool:
    """Whoever complained or can't be reached is not written to for a test, either."""
    publication = test.edition.issue.publication_id
    return not suppression.forbids_notices(parse(test.address).key, publication)


def recipient(test: ProofLetter) -> str:
    return test.address


def letter(test: ProofLetter, now: datetime.datetime) -> Letter:
    """The edition as a signed message; ``now`` is its Date."""
    edition = test.edition
    publication = edition.issue.publication
    to = parse(recipient(test))
    keys = keyring()
    links = reader_links(keys, settings.ORIGIN, publication.bounce_domain, 0, 0)
    letterhead = Letterhead(
        from_name=publication.from_name,
        from_address=publication.from_address,
        subject=MARKS[language_of(publication)] + edition.subject,
        list_name=publication.name,
        list_id=f"test.{publication.domain}",
        extra=((HEADER, edition.sha256), ("Auto-Submitted", "auto-generated")),
    )
    skeleton = Skeleton(
        letterhead,
        edition.html,
        edition.text,
        edition.slots,
        link_lengths(keys, settings.ORIGIN),
        boundary=f"=_{edition.key}",
    )
    reader = Reader(
        address=to,
        name=None,
        message_id=f"<test.{test.pk}@{publication.domain}>",
        links=(links.unsubscribe, links.preferences),
        unsubscribe_url=links.unsubscribe,
        unsubscribe_mailto=links.mailto,
    )
    (pieces,) = skeleton.pieces([skeleton.draft(reader, now)], letters.signers(publication))
    return Letter(f"notices@{publication.bounce_domain}", to, pieces)
