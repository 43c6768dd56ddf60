"""A mail of our own to one person: a confirmation, a link that only the mailbox may open.

Owns: its form, multipart/alternative in base64 with ``Auto-Submitted`` (RFC 3834), so that no
vacation program answers. Promises: as in ``compose``, lines ≤ 998 octets with CRLF, 7-bit but for
a non-ASCII local part in To; the same arguments give the same bytes.
Fails: ``header.HeaderError`` where text must not stand in a header.
"""

from __future__ import annotations

import datetime
import hashlib
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import format_datetime

from dongtai_mail.message import header
from dongtai_mail.message.address import Address
from dongtai_mail.message.dkim import Signable, Signer, relaxed, signed_fields


@dataclass(frozen=True, slots=True)
class Notice:
    """``message_id`` stands in its angle brackets; ``boundary`` occurs in neither part."""

    from_name: str
    from_address: str
    to: Address
    subject: str
    message_id: str
    html: str
    text: str
    boundary: str


def message(notice: Notice, signers: Sequence[Signer], now: datetime.datetime) -> bytes:
    """Return the whole message; ``now`` becomes Date and the time of signing."""
    fields = [field.encode() for field in _fields(notice, now)]
    body = b"".join(
        [
            *(_part(notice.boundary, "plain", notice.text)),
            *(_part(notice.boundary, "html", notice.html)),
            f"--{notice.boundary}--\r\n".encode(),
        ]
    )
    names = signed_fields([field.partition(b":")[0].decode() for field in fields])
    canonical = b"".join(map(relaxed, fields))
    signable = Signable(canonical, hashlib.sha256(body).digest(), int(now.timestamp()))
    signatures = [field for signer in signers for field in signer.headers(names, [signable])]
    return b"".join([*signatures, *fields, b"\r\n", body])


def _fields(notice: Notice, now: datetime.datetime) -> list[str]:
    return [
        header.mailbox("From", notice.from_name, notice.from_address),
        header.mailbox("To", None, notice.to.wire),
        header.unstructured("Subject", notice.subject),
        f"Date: {format_datetime(now)}\r\n",
        f"Message-ID: {notice.message_id}\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative;\r\n boundary="{notice.boundary}"\r\n',
    ]


def _part(boundary: str, subtype: str, text: str) -> tuple[bytes, bytes]:
    head = (
        f"--{boundary}\r\n"
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode(), encodebytes(text.encode()).replace(b"\n", b"\r\n")
