"""Envelope senders that name their delivery, and forged ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dongtai_mail.message.seal import Keyring
from dongtai_mail.message.verp import delivery_id, envelope_sender

KEYRING = Keyring({3: b"v" * 32})
SENDER = envelope_sender(KEYRING, 4711, "bounce.example.com")
LOCAL, DOMAIN = SENDER.split("@")


@given(st.integers(0, 2**63 - 1), st.from_regex(r"[a-z0-9-]{1,13}", fullmatch=True))
def test_the_envelope_sender_names_its_delivery(number: int, prefix: str) -> None:
    sender = envelope_sender(KEYRING, number, "bounce.example.com", prefix)
    assert len(sender.partition("@")[0]) <= 64
    assert delivery_id(KEYRING, sender) == number


@pytest.mark.parametrize(
    "returned",
    [
        SENDER.upper(),
        f"<{SENDER}>",
        f"prvs=1234abcdef={SENDER}",
        f"prvs={LOCAL}/1234abcdef@{DOMAIN}",
        f"{LOCAL}={DOMAIN}@relay.example.net",
        f"SRS0=HHH=TT={DOMAIN}={LOCAL}@forwarder.example.net",
        f"rfc822; {SENDER}",
    ],
)
def test_the_delivery_is_found_whatever_the_way_back_added(returned: str) -> None:
    assert delivery_id(KEYRING, returned) == 4711


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "reader@example.com",
        envelope_sender(Keyring({3: b"w" * 32}), 4711, "bounce.example.com"),
        f"b+{LOCAL[2:-1]}{'a' if LOCAL[-1] != 'a' else 'b'}@{DOMAIN}",
        f"{LOCAL}a@{DOMAIN}",
        f"{LOCAL[:-1]}@{DOMAIN}",
        f"b+{KEYRING.seal_caseless('reader', (4711,))}@{DOMAIN}",
        SENDER.rjust(10_000, "x"),
    ],
)
def test_a_forged_or_foreign_address_names_nothing(foreign: str) -> None:
    assert delivery_id(KEYRING, foreign) is None


@given(st.text())
def test_no_address_whatever_raises(text: str) -> None:
    assert delivery_id(KEYRING, text) is None


def test_a_prefix_that_would_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="prefix"):
        envelope_sender(KEYRING, 1, "bounce.example.com", "x" * 24)
