"""Whom a message that came back names, so that an erasure finds what it must take along.

Owns: ``Mentions`` rows. Promises: each word with an @ that a message says, in the clear or encoded,
is written down when the message is stored, so that erasing a reader reads a few hundred letters a
message instead of the messages; a message that can't be read to its end may name anybody, and goes
with the next erasure.
"""

from __future__ import annotations

import email
import json
import logging
import re
import unicodedata
from collections.abc import Collection

from django.db.models import Q

from dongtai_mail.delivery.models import Mentions, ReturnedMessage
from dongtai_mail.message.feedback.mime import readable

logger = logging.getLogger(__name__)

# Without any of these a message says nothing but what its octets do.
_ENCODED = (b"=?", b"base64", b"quoted-printable", b"uue")
_APART = re.compile(r"[\s\0<>\"]+")
# Letters; what names more people than that may name anybody.
_MOST = 64 * 1024


def store(message: ReturnedMessage) -> None:
    """Write down what a new message names."""
    Mentions.objects.create(message=message, **of(message))


def judged(message: ReturnedMessage) -> None:
    """Write down what is said of a message by now."""
    Mentions.objects.filter(message=message).update(beside=_beside(message))


def naming(addresses: Collection[str]) -> set[int]:
    """The messages that may name one of these, by their keys."""
    needles = {_plain(address) for address in addresses if address}
    said = Q(inside=None)
    for needle in needles:
        said |= Q(inside__contains=needle) | Q(beside__contains=needle)
    return set(Mentions.objects.filter(said).values_list("pk", flat=True))


def of(message: ReturnedMessage) -> dict[str, str | None]:
    """What a row of ``Mentions`` keeps of a message."""
    told = _read(bytes(message.raw or b""))
    inside = None if told is None else _words(told)
    cut = inside is None or len(inside) > _MOST
    return {"inside": None if cut else inside, "beside": _beside(message)}


def _beside(message: ReturnedMessage) -> str:
    judgement = json.dumps(message.judgement, ensure_ascii=False)
    return _words(f"{message.recipient} {judgement} {message.note}")


def _words(text: str) -> str:
    """Every word with an @ in it."""
    return "\n".join(sorted({word for word in _APART.split(_plain(text)) if "@" in word}))


def _plain(text: str) -> str:
    whole = text.encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFKC", whole).lower()


def _read(octets: bytes) -> str | None:
    """All that a message says, in the clear and in encoded words and parts.

    None where strangers have written what the parser breaks at, as parts within parts without end.
    """
    lower = octets.lower()
    if not any(mark in lower for mark in _ENCODED):
        return octets.decode("utf-8", "replace")
    try:
        parts = list(email.message_from_bytes(octets).walk())
        fields = [readable(str(value)) for part in parts for value in part.values()]
        decoded = [part.get_payload(decode=True) for part in parts if not part.is_multipart()]
    except Exception:
        # Python's parser breaks in many ways, and none may keep a reader from being erased.
        logger.exception("a returned message could not be read to its end")
        return None
    texts = [octets, *(piece for piece in decoded if isinstance(piece, bytes))]
    return " ".join([*fields, *(piece.decode("utf-8", "replace") for piece in texts)])
