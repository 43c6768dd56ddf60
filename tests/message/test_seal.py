"""Sealed tokens: what went in comes out, and nothing else opens."""

import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dongtai_mail.message.seal import Keyring, SealError

OLD, NEW = b"o" * 32, b"n" * 32
KEYRING = Keyring({1: OLD, 2: NEW})
numbers = st.lists(st.integers(0, 2**64 - 1), max_size=4).map(tuple)


@given(numbers)
def test_what_is_sealed_opens(values: tuple[int, ...]) -> None:
    assert KEYRING.open("reader", KEYRING.seal("reader", values)) == values
    caseless = KEYRING.seal_caseless("reader", values)
    assert KEYRING.open_caseless("reader", caseless.upper()) == values


@given(numbers)
def test_a_token_is_url_safe_and_as_long_as_any_other(values: tuple[int, ...]) -> None:
    token = KEYRING.seal("reader", values)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
    assert len(token) == len(KEYRING.seal("reader", (0,) * len(values)))


def test_an_old_key_still_opens_and_the_newest_seals() -> None:
    assert KEYRING.open("reader", Keyring({1: OLD}).seal("reader", (7,))) == (7,)
    with pytest.raises(SealError):
        Keyring({1: OLD}).open("reader", KEYRING.seal("reader", (7,)))


def test_a_token_is_worth_nothing_for_another_purpose() -> None:
    with pytest.raises(SealError):
        KEYRING.open("confirm", KEYRING.seal("reader", (7,)))


def test_another_houses_token_does_not_open() -> None:
    with pytest.raises(SealError):
        KEYRING.open("reader", Keyring({2: b"x" * 32}).seal("reader", (7,)))


@given(st.integers(0, 200), st.sampled_from("ABCDabcd0129-_"))
def test_changing_any_character_spoils_a_token(at: int, character: str) -> None:
    token = KEYRING.seal("reader", (7, 2**40))
    at %= len(token)
    changed = token[:at] + character + token[at + 1 :]
    if changed != token:
        with pytest.raises(SealError):
            KEYRING.open("reader", changed)


@given(st.text() | st.text("ABCabc0=-_\n", max_size=60) | st.binary().map(bytes.hex))
def test_anything_else_is_refused_alike(text: str) -> None:
    for opening in (KEYRING.open, KEYRING.open_caseless):
        with pytest.raises(SealError) as refusal:
            opening("reader", text)
        assert str(refusal.value) == "not a valid token"
        assert refusal.value.__cause__ is None


@pytest.mark.parametrize("spelling", ["{}=", "{}\n", " {}", "{}A", "{}AAA"])
def test_a_token_has_one_spelling(spelling: str) -> None:
    token = KEYRING.seal("reader", (7,))
    with pytest.raises(SealError):
        KEYRING.open("reader", spelling.format(token))


def test_numbers_that_do_not_fit_are_refused() -> None:
    for value in (-1, 2**64):
        with pytest.raises(ValueError, match="numbers"):
            KEYRING.seal("reader", (value,))


@pytest.mark.parametrize("keys", [{}, {1: b"short"}, {256: OLD}, {-1: OLD}])
def test_a_useless_keyring_is_refused(keys: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="key"):
        Keyring(keys)


def test_a_keyring_does_not_show_its_keys() -> None:
    assert "ooo" not in repr(KEYRING)


def test_the_mac_is_hmac_sha256_under_a_key_for_the_purpose() -> None:
    key = hmac.digest(OLD, b"dongtai-mail seal\0fingerprint suppression", "sha256")
    made = Keyring({1: OLD}).fingerprint("suppression", b"zhang@example.com")
    assert made == hmac.digest(key, b"zhang@example.com", "sha256")[:16].hex()
