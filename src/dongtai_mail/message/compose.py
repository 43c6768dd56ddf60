"""Messages composed once and spliced per reader.

Owns: the form of a mailing's messages: header fields, multipart/alternative of text and HTML in
base64, and which few bytes of it are personal.
Promises: a message is a complete RFC 5322 message with CRLF line ends, lines ≤ 998 octets, 7-bit
but for a non-ASCII local part in To; it depends on its arguments alone, so a retry at the same
``now`` is the same bytes. A link's length is fixed, hence base64 after it never moves: only the
lines that a link touches are encoded again, everything else is encoded and, up to the first
link, hashed when the `Skeleton` is made.
The body ends in one line end and has no white space at the end of a line nor any doubled, so its
relaxed form (RFC 6376, 3.4.4) is itself.
Fails: `ComposeError` where the pieces do not fit together, `header.HeaderError` where text
must not stand in a header; both before a byte is given out.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from functools import lru_cache
from typing import NamedTuple

from dongtai_mail.message import address, header
from dongtai_mail.message.address import Address
from dongtai_mail.message.dkim import Signable, Signer, relaxed, signed_fields
from dongtai_mail.message.splice import Splice, SpliceError, spliced

_PERSONAL = ("To", "Date", "Message-ID", "List-Unsubscribe")
_OWN = (
    *_PERSONAL,
    "From",
    "Subject",
    "List-Unsubscribe-Post",
    "List-Id",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "DKIM-Signature",
)
_BOUNDARY = re.compile(r"[A-Za-z0-9_.=-]{1,70}", re.ASCII)
_LIST_ID = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII)
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]{1,253}>", re.ASCII)
# What needs no escaping in HTML, in text or between angle brackets.
_LINK = re.compile(r"https?://[A-Za-z0-9!#$%()*+,./:;=?@_~-]+", re.ASCII)
_MAILTO = re.compile(r"mailto:[A-Za-z0-9!#$%&*+./=?@_~-]+", re.ASCII)
_ONE_CLICK = "List-Unsubscribe=One-Click"


class ComposeError(ValueError):
    """Pieces of a message that do not fit together."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What is the same for a whole mailing; ``list_id`` is ``label.domain``.

    ``extra`` are further fields as (name, text), such as Reply-To or Auto-Submitted.
    """

    from_name: str
    from_address: str
    subject: str
    list_name: str
    list_id: str
    extra: tuple[tuple[str, str], ...] = ()


class Reader(NamedTuple):
    """What is one reader's own.

    ``message_id`` stands in its angle brackets. ``links`` are URLs in the order of the slots, each
    exactly as long as its slot says. ``unsubscribe_mailto`` is a whole ``mailto:`` URL.
    """

    address: Address
    name: str | None
    message_id: str
    links: tuple[str, ...]
    unsubscribe_url: str
    unsubscribe_mailto: str


class Draft(NamedTuple):
    """One reader's message but for its signatures.

    ``fields`` are the reader's own as they are sent, ``canonical`` all of them as they are signed;
    ``rest`` follows what is the same for every reader; ``time`` is in seconds since 1970 (UTC).
    """

    fields: bytes
    canonical: bytes
    rest: list[bytes]
    time: int


class Skeleton:
    """One mailing's message, ready but for the reader.

    ``slots`` are placeholders for personal links, each at least once in ``html`` and in ``text``;
    ``slot_lengths`` are the octets of the real links. ``size`` is the octets of the body, the same
    for every reader; header and signatures add two to four thousand. Safe to use from several
    threads.
    """

    def __init__(
        self,
        letterhead: Letterhead,
        html: str,
        text: str,
        slots: Sequence[str],
        slot_lengths: Sequence[int],
        boundary: str,
    ) -> None:
        self._opening = _Fields(_opening(letterhead))
        self._closing = _Fields(_closing(letterhead, boundary))
        self._signed = signed_fields([*self._opening.names, *_PERSONAL, *self._closing.names])
        self._lengths = tuple(slot_lengths)
        try:
            self._prefix, self._rest = _body(html, text, slots, self._lengths, boundary)
        except SpliceError as error:
            raise ComposeError(str(error)) from None
        self._hash = hashlib.sha256(self._prefix)
        self.size = len(self._prefix) + sum(
            len(piece) if isinstance(piece, bytes) else piece.size for piece in self._rest
        )

    def message(self, reader: Reader, signers: Sequence[Signer], now: datetime.datetime) -> bytes:
        """Return the reader's whole message; ``now`` becomes Date and the time of signing."""
        return b"".join(self.pieces([self.draft(reader, now)], signers)[0])

    def draft(self, reader: Reader, now: datetime.datetime) -> Draft:
        """Write a reader's message up to its signatures; raises what the module says."""
        links = self._links(reader)
        fields, canonical = _personal(reader, now)
        rest = [piece if isinstance(piece, bytes) else piece.fill(links) for piece in self._rest]
        canonical = self._opening.canonical + canonical + self._closing.canonical
        return Draft(fields, canonical, rest, int(now.timestamp()))

    def pieces(self, drafts: Sequence[Draft], signers: Sequence[Signer]) -> list[tuple[bytes, ...]]:
        """Return the messages in pieces, the large ones shared by all readers and never copied.

        Several at once cost less than one after the other: a signature pushes everything else out
        of the processor's nearest caches.
        """
        signed = self._signatures(drafts, signers) if signers else [()] * len(drafts)
        before, behind = self._opening.raw, self._closing.raw + b"\r\n"
        return [
            (b"".join((*signatures, before, draft.fields, behind)), self._prefix, *draft.rest)
            for draft, signatures in zip(drafts, signed, strict=True)
        ]

    def _signatures(
        self, drafts: Sequence[Draft], signers: Sequence[Signer]
    ) -> list[tuple[bytes, ...]]:
        digests = [self._digest(draft.rest) for draft in drafts]
        signables = [
            Signable(draft.canonical, digest, draft.time)
            for draft, digest in zip(drafts, digests, strict=True)
        ]
        by_signer = [signer.headers(self._signed, signables) for signer in signers]
        return list(zip(*by_signer, strict=True))

    def _links(self, reader: Reader) -> list[bytes]:
        if tuple(map(len, reader.links)) != self._lengths:
            found = [len(link) for link in reader.links]
            raise ComposeError(f"links have {found} octets, the slots {list(self._lengths)}")
        for link in {*reader.links, reader.unsubscribe_url}:
            if not _LINK.fullmatch(link):
                raise ComposeError(f"link {link!r} is not an http(s) URL free of &, quotes and <>")
        return [link.encode() for link in reader.links]

    def _digest(self, rest: Sequence[bytes]) -> bytes:
        state = self._hash.copy()
        for piece in rest:
            state.update(piece)
        return state.digest()


class _Fields:
    """Header fields, as they are sent and as they are signed."""

    def __init__(self, fields: Sequence[str]) -> None:
        octets = [field.encode() for field in fields]
        self.raw = b"".join(octets)
        self.canonical = b"".join([relaxed(field) for field in octets])
        self.names = [field.partition(":")[0] for field in fields]


def _opening(letterhead: Letterhead) -> list[str]:
    sender = address.parse(letterhead.from_address)
    if not sender.ascii:
        raise ComposeError(f"From {sender.display!r} would need SMTPUTF8 for every reader")
    return [
        header.mailbox("From", letterhead.from_name, sender.wire),
        header.unstructured("Subject", letterhead.subject),
    ]


def _personal(reader: Reader, now: datetime.datetime) -> tuple[bytes, bytes]:
    """Return the fields named in `_PERSONAL`, as they are sent and as they are signed."""
    if not _MESSAGE_ID.fullmatch(reader.message_id):
        raise ComposeError(f"{reader.message_id!r} is not a Message-ID in angle brackets")
    if not _MAILTO.fullmatch(reader.unsubscribe_mailto):
        raise ComposeError(f"{reader.unsubscribe_mailto!r} is not a mailto: URL")
    to = header.mailbox("To", reader.name, reader.address.wire).encode()
    date = _date(now, now.utcoffset())
    sent = (
        f"Date: {date}\r\n"
        f"Message-ID: {reader.message_id}\r\n"
        f"List-Unsubscribe: <{reader.unsubscribe_url}>,\r\n <{reader.unsubscribe_mailto}>\r\n"
    )
    # The values checked above have one canonical form; writing it is cheaper than finding it.
    signed = (
        f"date:{date}\r\n"
        f"message-id:{reader.message_id}\r\n"
        f"list-unsubscribe:<{reader.unsubscribe_url}>, <{reader.unsubscribe_mailto}>\r\n"
    )
    return to + sent.encode(), relaxed(to) + signed.encode()


@lru_cache(maxsize=16)
def _date(now: datetime.datetime, offset: datetime.timedelta | None) -> str:
    """Format Date; the offset is for the cache, to which 09:00+08:00 and 01:00+00:00 are equal."""
    if offset is None:
        raise ComposeError("now needs a time zone")
    return format_datetime(now)


def _closing(letterhead: Letterhead, boundary: str) -> list[str]:
    if not _LIST_ID.fullmatch(letterhead.list_id):
        raise ComposeError(
            f"list_id {letterhead.list_id!r}: write it as label.domain, in a-z 0-9 -"
        )
    if not _BOUNDARY.fullmatch(boundary):
        raise ComposeError(f"boundary {boundary!r}: use 1-70 of A-Z a-z 0-9 _ . = and -")
    taken = {name.lower() for name in _OWN}
    for name, _ in letterhead.extra:
        if name.lower() in taken:
            raise ComposeError(f"the extra field {name} is already in the message")
        taken.add(name.lower())
    return [
        f"List-Unsubscribe-Post: {_ONE_CLICK}\r\n",
        header.list_id(letterhead.list_name, letterhead.list_id),
        *(header.unstructured(name, text) for name, text in letterhead.extra),
        "MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n',
    ]


def _body(
    html: str, text: str, slots: Sequence[str], lengths: Sequence[int], boundary: str
) -> tuple[bytes, list[bytes | Splice]]:
    """Return the octets before the first personal link, and the pieces from there on."""
    pieces = [
        _part_head(boundary, "plain"),
        *spliced(text, slots, lengths),
        _part_head(boundary, "html"),
        *spliced(html, slots, lengths),
        f"--{boundary}--\r\n".encode(),
    ]
    prefix = b""
    rest: list[bytes | Splice] = []
    for piece in pieces:
        last = rest[-1] if rest else prefix
        if isinstance(piece, Splice) or isinstance(last, Splice):
            rest.append(piece)
        elif rest:
            rest[-1] = last + piece
        else:
            prefix += piece
    return prefix, rest


def _part_head(boundary: str, subtype: str) -> bytes:
    return (
        f"--{boundary}\r\n"
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: base64\r\n"
        "\r\n"
    ).encode()
