"""DKIM signatures (RFC 6376, RFC 8463) at the price of the private-key operation.

Owns: keys, the DNS record that publishes them, the DKIM-Signature field, relaxed
canonicalisation of header fields. The body hash is given: who composes a message knows what of
it was hashed before.
Promises: relaxed/relaxed, no ``l=``; every field of the message is signed, and `OVERSIGNED` once
more than it occurs, so that nobody adds a second From, Subject or Content-Type under a valid
signature. The same message at the same time gives the same signature.
Fails: ValueError for a key or domain that cannot sign, when the `Signer` is made.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

# What a reader or a mail client acts on. Fields that mailing lists and relays add by right
# (List-Id, Sender, Received …) are not among them.
OVERSIGNED = (
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Reply-To",
    "Content-Type",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
)
_DNS_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_PADDING, _SHA256 = padding.PKCS1v15(), hashes.SHA256()
_B_LINE = 72


class Signable(NamedTuple):
    """What is to be signed of a message.

    ``canonical`` are the relaxed fields in the order of `signed_fields`, ``body_hash`` the SHA-256
    of the relaxed body, ``time`` in seconds since 1970 (UTC).
    """

    canonical: bytes
    body_hash: bytes
    time: int


class Signer:
    """One key of one domain; ``domain`` and ``selector`` are lower-case ASCII DNS names."""

    def __init__(self, domain: str, selector: str, private_key_pem: str | bytes) -> None:
        for name in (domain, selector):
            if not _DNS_NAME.fullmatch(name):
                raise ValueError(f"DKIM: {name!r} is not a lower-case ASCII DNS name")
        self.domain = domain
        self.selector = selector
        self._key = _load(private_key_pem)
        self.algorithm = "rsa" if isinstance(self._key, rsa.RSAPrivateKey) else "ed25519"
        self._sign = _signing(self._key)
        self._start = (
            f"v=1; a={self.algorithm}-sha256; c=relaxed/relaxed;\r\n d={domain}; s={selector}"
        )

    def __repr__(self) -> str:
        return f"Signer({self.domain!r}, {self.selector!r}, {self.algorithm})"

    @property
    def dns_name(self) -> str:
        """Where the key's TXT record stands."""
        return f"{self.selector}._domainkey.{self.domain}"

    def headers(self, signed: str, messages: Sequence[Signable]) -> list[bytes]:
        """Return the whole DKIM-Signature field of each; ``signed`` is `signed_fields`' value."""
        unsigned = [self._unsigned(signed, message) for message in messages]
        # The field itself is signed last, with an empty b= and without its line end (3.7).
        contents = [
            message.canonical + b"dkim-signature:" + field.replace("\r\n", "").encode()
            for message, field in zip(messages, unsigned, strict=True)
        ]
        signatures = [self._sign(content) for content in contents]
        return [_field(*each) for each in zip(unsigned, signatures, strict=True)]

    def _unsigned(self, signed: str, message: Signable) -> str:
        return (
            f"{self._start}; t={message.time};\r\n"
            f" h={signed};\r\n"
            f" bh={b2a_base64(message.body_hash, newline=False).decode()};\r\n"
            " b="
        )

    def public_key(self) -> bytes:
        """Return the key as the ``p=`` tag holds it, before base64."""
        public = self._key.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            return public.public_bytes_raw()
        return public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def _field(unsigned: str, signature: bytes) -> bytes:
    encoded = b2a_base64(signature, newline=False).decode()
    lines = [encoded[at : at + _B_LINE] for at in range(0, len(encoded), _B_LINE)]
    return ("DKIM-Signature: " + unsigned + "\r\n ".join(lines) + "\r\n").encode()


def signed_fields(names: Sequence[str]) -> str:
    """Return the value of ``h=`` for a message with fields of these names, each once."""
    listed = [*names, *OVERSIGNED]
    lines = [listed[0].lower()]
    for name in listed[1:]:
        if len(lines[-1]) + len(name) < _B_LINE:
            lines[-1] += f":{name.lower()}"
        else:
            lines.append(name.lower())
    return ":\r\n ".join(lines)


def relaxed(field: bytes) -> bytes:
    """Canonicalise one whole header field (RFC 6376, 3.4.2)."""
    name, _, value = field.partition(b":")
    return name.lower() + b":" + b" ".join(value.split()) + b"\r\n"


def dns_record(signer: Signer) -> str:
    """Return the value of the TXT record at `Signer.dns_name`; strings over 255 octets there
    must be split, which most DNS providers' forms do themselves.
    """
    return f"v=DKIM1; k={signer.algorithm}; p={b64encode(signer.public_key()).decode()}"


def new_key(algorithm: Literal["rsa", "ed25519"] = "rsa") -> str:
    """Make a private key, RSA with 2048 bits or Ed25519, as unencrypted PKCS #8 PEM."""
    key = (
        rsa.generate_private_key(65537, 2048)
        if algorithm == "rsa"
        else ed25519.Ed25519PrivateKey.generate()
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _signing(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> Callable[[bytes], bytes]:
    if isinstance(key, rsa.RSAPrivateKey):
        return lambda data: key.sign(data, _PADDING, _SHA256)
    # RFC 8463 signs the hash of the data, not the data.
    return lambda data: key.sign(sha256(data).digest())


def _load(pem: str | bytes) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    key = serialization.load_pem_private_key(
        pem.encode() if isinstance(pem, str) else pem, password=None
    )
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return key
    raise ValueError("DKIM: use an RSA key of at least 2048 bits (RFC 8301) or an Ed25519 key")
