"""Opaque tokens that only this house can make: numbers sealed with an HMAC.

Owns: the token format. A token is ``version (1 octet), each number (8 octets, big-endian),
HMAC-SHA256 truncated to 16 octets``, in unpadded base64url, or in lower-case hexadecimal where the
path folds case (local parts of addresses). The MAC key is derived from the keyring's key and the
purpose, so a token for one purpose is worth nothing for another.
Promises: tokens of one purpose with as many numbers all have the same length and never expire;
old key versions keep opening; one token has exactly one spelling (in hexadecimal: but for case).
Fails: ``open`` and ``open_caseless`` raise `SealError`, always the same and without a reason,
having computed one MAC whatever is wrong with a well-formed token.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

_MAC = 16
_NUMBER = 8
_BLOCK = 64
_LONGEST = 255
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)


class SealError(ValueError):
    """Not a token of ours for this purpose."""

    def __init__(self) -> None:
        super().__init__("not a valid token")


class Keyring:
    """Secret keys by version, 0–255; the newest seals, all open.

    A key is at least 16 secret octets. Raises ValueError where one is not.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        for version, key in keys.items():
            if not 0 <= version <= 255:
                raise ValueError(f"key version {version} is not within 0-255")
            if len(key) < 16:
                raise ValueError(f"key version {version} has fewer than 16 octets")
        if not keys:
            raise ValueError("a keyring needs at least one key")
        self._keys = dict(keys)
        self._derived: dict[tuple[int, str], tuple[_Hash, _Hash]] = {}
        self.newest = max(keys)

    def __repr__(self) -> str:
        return f"Keyring(versions={sorted(self._keys)})"

    def seal(self, purpose: str, numbers: tuple[int, ...]) -> str:
        """Seal unsigned 64-bit numbers into a URL-safe ASCII token."""
        return urlsafe_b64encode(self._sealed(purpose, numbers)).rstrip(b"=").decode()

    def open(self, purpose: str, token: str) -> tuple[int, ...]:
        """Return the numbers, or raise `SealError`."""
        if len(token) > _LONGEST or not _BASE64URL.fullmatch(token):
            raise SealError
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except binascii.Error:
            raise SealError from None
        # The last character has spare bits: without this a token would have several spellings.
        if urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
            raise SealError
        return self._opened(purpose, raw)

    def seal_caseless(self, purpose: str, numbers: tuple[int, ...]) -> str:
        """Seal into lower-case hexadecimal, for the local part of an address."""
        return self._sealed(purpose, numbers).hex()

    def open_caseless(self, purpose: str, token: str) -> tuple[int, ...]:
        """Open a token of `seal_caseless` in any case, or raise `SealError`."""
        if len(token) > _LONGEST or not _HEXADECIMAL.fullmatch(token):
            raise SealError
        return self._opened(purpose, bytes.fromhex(token))

    def fingerprint(self, purpose: str, content: bytes) -> str:
        """Return 32 hex digits that are the same for ever: the oldest key makes them."""
        return self._mac(min(self._keys), f"fingerprint {purpose}", content).hex()

    def _sealed(self, purpose: str, numbers: tuple[int, ...]) -> bytes:
        try:
            content = struct.pack(f">B{len(numbers)}Q", self.newest, *numbers)
        except struct.error:
            raise ValueError(f"{numbers}: only numbers from 0 to 2**64 - 1 are sealed") from None
        return content + self._mac(self.newest, purpose, content)

    def _opened(self, purpose: str, raw: bytes) -> tuple[int, ...]:
        content, mac = raw[:-_MAC], raw[-_MAC:]
        if len(content) % _NUMBER != 1:
            raise SealError
        # An unknown version is checked against the newest key, to take the same time.
        known = content[0] in self._keys
        expected = self._mac(content[0] if known else self.newest, purpose, content)
        if not hmac.compare_digest(mac, expected) or not known:
            raise SealError
        return struct.unpack(f">{len(content) // _NUMBER}Q", content[1:])

    def _mac(self, version: int, purpose: str, content: bytes) -> bytes:
        states = self._derived.get((version, purpose))
        if states is None:
            label = b"dongtai-mail seal\0" + purpose.encode()
            states = _states(hmac.digest(self._keys[version], label, "sha256"))
            self._derived[version, purpose] = states
        inner, outer = states[0].copy(), states[1].copy()
        inner.update(content)
        outer.update(inner.digest())
        return outer.digest()[:_MAC]


def _states(key: bytes) -> tuple[_Hash, _Hash]:
    """SHA-256 as HMAC (RFC 2104) begins it: a third of the time that the module hmac takes."""
    padded = key.ljust(_BLOCK, b"\0")
    inner, outer = (bytes(octet ^ pad for octet in padded) for pad in (0x36, 0x5C))
    return hashlib.sha256(inner), hashlib.sha256(outer)
