"""What servers say when they refuse, as one ordered table of phrases and reasons.

Owns: ``PHRASES``, shared by replies heard while sending (``message.reply``) and replies quoted in
notices that came back. Promises: the first rule that matches decides, so rules run from the
particular to the general: what is said about a sender, a message or a moment comes before what is
said about a mailbox, for "550 recipient rejected: SPF failed" is no word against the recipient.
Every rule carries an example that a test runs, and which no earlier rule may claim.
Fails: a text no rule knows has no reason; it is never guessed.
"""

from __future__ import annotations

import re

from dongtai_mail.message.feedback import about_mail, about_readers, abroad
from dongtai_mail.message.feedback.rule import Phrase

# A refusal is a few lines; what is longer quotes something else.
LONGEST = 2_000
_SPACES = re.compile(r"\s+")
_CONTINUED = re.compile(
    r"\s[2-5]\d\d(?:-| )(?:[245]\.\d{1,3}\.\d{1,3}\s+)?(?=[a-z])", re.IGNORECASE
)
_NOT = re.compile(r"\b(do|does|did|is|was|could|has|would|should)nt\b")
PHRASES: tuple[Phrase, ...] = (
    *about_mail.FORM,
    *about_mail.NETWORK_FIRST,
    *about_mail.IDENTITY,
    *about_mail.NETEASE,
    *about_mail.RATE,
    *about_readers.DECLINED,
    *about_mail.BLOCKS,
    *about_mail.CONTENT,
    *about_mail.SENDER,
    *abroad.SENDER,
    *about_readers.RESOLVED,
    *about_mail.CLIENTS,
    *about_mail.RELAYS,
    *about_readers.FULL,
    *abroad.FULL,
    *about_mail.SIZES,
    *about_readers.SUSPENDED,
    *abroad.SUSPENDED,
    *about_readers.PROGRAMS,
    *about_readers.SURE,
    *about_readers.NAMED,
    *about_mail.POLICY,
    *about_readers.HOSTS,
    *abroad.HOSTS,
    *about_mail.PASSING,
    *about_readers.ROUTES,
    *abroad.MISSING,
    *about_readers.MISSING,
    *about_mail.BARE,
    *about_mail.SERVERS,
)


def find(text: str) -> Phrase | None:
    """The first rule that knows this refusal."""
    flat = flattened(text)
    return next((phrase for phrase in PHRASES if phrase.says.search(flat)), None)


def flattened(text: str) -> str:
    """One lower-case line of a refusal, without the codes of continued reply lines."""
    flat = _CONTINUED.sub(" ", _SPACES.sub(" ", text[:LONGEST])).lower()
    return _NOT.sub(r"\1n't", flat.replace("’", "'"))
