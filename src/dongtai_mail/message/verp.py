"""The envelope sender that names its delivery (VERP), so that a bounce says whose it is.

Owns: ``<prefix>+<token>@<domain>``, the token a caseless seal of the delivery's id.
Promises: the local part has at most 64 octets (RFC 5321, 4.5.3.1.1); the id is found again
though the way back folded case, put BATV's ``prvs=…=`` or SRS around it, or added ``=domain``.
Fails: a forged, damaged or foreign address is None, never an error.
"""

from __future__ import annotations

import re

from dongtai_mail.message.seal import Keyring, SealError

_PURPOSE = "verp"
# One octet of version, eight of id and sixteen of MAC, in hexadecimal.
_TOKEN = re.compile(r"\+([0-9a-f]{50})(?![0-9a-f])", re.ASCII | re.IGNORECASE)
_PREFIX = re.compile(r"[a-z0-9-]{1,13}", re.ASCII)
# Longer than any address an MTA lets through; what is longer is not looked at.
_LONGEST = 512


def envelope_sender(keyring: Keyring, delivery_id: int, domain: str, prefix: str = "b") -> str:
    """Return the MAIL FROM address of a delivery; ``domain`` must be ASCII."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"VERP prefix {prefix!r}: use 1-13 of a-z, 0-9 and -")
    return f"{prefix}+{keyring.seal_caseless(_PURPOSE, (delivery_id,))}@{domain}"


def delivery_id(keyring: Keyring, address: str) -> int | None:
    """Return the id of the delivery whose envelope sender this is, or None."""
    if len(address) > _LONGEST:
        return None
    for token in _TOKEN.findall(address):
        try:
            return keyring.open_caseless(_PURPOSE, token)[0]
        except SealError:
            continue
    return None
