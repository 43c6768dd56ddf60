"""The keyed hash of an address: what remains of a person after erasure.

Promises: one canonical address has one fingerprint, for ever; without the installation's key
nobody can tell from it whose it is, nor try addresses against it. It is made with the oldest key
of ``DONGTAI_SEAL_KEYS``, which is never removed, so that a rotation changes no fingerprint.
"""

from __future__ import annotations

from dongtai_mail.keys import keyring

PURPOSE = "suppression"
LENGTH = 32


def fingerprint(key: str) -> str:
    """The fingerprint of a canonical address (``Address.key``): 128 bits in hex."""
    return keyring().fingerprint(PURPOSE, key.encode())
