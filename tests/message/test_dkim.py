"""DKIM signatures, checked by dkimpy and OpenDKIM and field by field."""

import datetime
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import dkim as dkimpy
import pytest
from dkim.canonicalization import Relaxed, Simple

from dongtai_mail.message import address, dkim
from dongtai_mail.message.compose import Skeleton
from dongtai_mail.message.dkim import Signer, dns_record, new_key, relaxed

from .test_compose import HTML, LETTERHEAD, NOW, OUT, TEXT, WEB, reader

RSA_KEY, ED25519_KEY = new_key(), new_key("ed25519")
RSA = Signer("news.example.com", "r1", RSA_KEY)
ED25519 = Signer("news.example.com", "e1", ED25519_KEY)
COVERED = {
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "auto-submitted",
    "feedback-id",
    "mime-version",
    "content-type",
}


def signed(*signers: Signer, **changes: object) -> bytes:
    skeleton = Skeleton(LETTERHEAD, HTML, TEXT, (OUT, WEB), (61, 47), "=_dongtai_23")
    return skeleton.message(reader(**changes), signers, NOW)


def verifies(message: bytes, index: int = 0) -> bool:
    records = {f"{s.dns_name}.".encode(): dns_record(s).encode() for s in (RSA, ED25519)}
    try:
        verifier = dkimpy.DKIM(message)
        return bool(verifier.verify(index, dnsfunc=lambda name, timeout=5: records.get(name)))
    except dkimpy.DKIMException:
        return False


def tags(message: bytes) -> dict[str, str]:
    value = re.match(rb"DKIM-Signature: (.*?)\r\n(?! )", message, re.DOTALL)
    assert value
    pairs = re.sub(r"\s", "", value[1].decode()).split(";")
    return dict(pair.split("=", 1) for pair in pairs)


def test_another_implementation_verifies_both_signatures() -> None:
    message = signed(RSA, ED25519)
    assert verifies(message, 0)
    assert verifies(message, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": 'Zoë "Q"  O\'Neil, Jr.'},
        {"name": None},
        {"name": "很长的名字" * 20},
        {"address": address.parse("用户@例子.测试")},
    ],
)
def test_every_readers_message_verifies(changes: dict[str, object]) -> None:
    message = signed(RSA, ED25519, **changes)
    assert verifies(message, 0)
    assert verifies(message, 1)


def test_every_field_is_signed_and_the_visible_ones_cannot_be_doubled() -> None:
    listed = tags(signed(RSA))["h"].split(":")
    assert set(listed) >= COVERED
    for name in ("from", "subject", "to", "date", "content-type", "list-unsubscribe"):
        assert listed.count(name) == 2
    assert {"cc", "reply-to"} <= set(listed)


def test_the_signature_says_how_when_and_of_everything() -> None:
    found = tags(signed(RSA))
    assert found["a"] == "rsa-sha256"
    assert found["c"] == "relaxed/relaxed"
    assert found["t"] == str(int(NOW.timestamp()))
    assert "l" not in found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"List-Unsubscribe: <https://news", b"List-Unsubscribe: <https://evil"),
        (b"One-Click", b"Two-Click"),
        (b"zhang.san@qq.com", b"wang.wu@qq.com"),
        (b"\r\nDate:", b"\r\nSubject: second\r\nDate:"),
        (b"\r\nDate:", b"\r\nFrom: evil@example.net\r\nDate:"),
        (b"\r\nDate:", b'\r\nContent-Type: text/plain; boundary="x"\r\nDate:'),
        (b"\r\nDate:", b"\r\nReply-To: evil@example.net\r\nDate:"),
        (b"--=_dongtai_23--", b"--=_dongtai_23--\r\nmore"),
    ],
)
def test_what_is_changed_on_the_way_no_longer_verifies(old: bytes, new: bytes) -> None:
    for index, signer in enumerate((RSA, ED25519)):
        message = signed(signer)
        assert old in message
        assert verifies(message), index
        assert not verifies(message.replace(old, new, 1)), index


def test_the_body_is_its_own_canonical_form() -> None:
    body = signed().partition(b"\r\n\r\n")[2]
    assert Relaxed.canonicalize_body(body) == Simple.canonicalize_body(body) == body
    assert tags(signed(RSA))["bh"] == b64encode(sha256(body).digest()).decode()


def opendkim(message: bytes) -> subprocess.CompletedProcess[bytes]:
    script = str(Path(__file__).with_name("opendkim.py"))
    command = ["unshare", "-rmn", sys.executable, script, RSA.dns_name, dns_record(RSA)]
    return subprocess.run(command, input=message, capture_output=True, check=False, timeout=60)


def namespaces() -> bool:
    """Whether the tools are here and this user may make a mount and a network namespace."""
    needed = ("opendkim-testmsg", "unshare", "ip", "mount")
    return (
        all(map(shutil.which, needed))
        and not subprocess.run(
            ["unshare", "-rmn", "true"], capture_output=True, check=False
        ).returncode
    )


@pytest.mark.skipif(not namespaces(), reason="needs opendkim-tools and namespaces")
def test_opendkim_verifies_and_notices_a_change() -> None:
    message = signed(RSA, ED25519, name='Zoë "Q"  O\'Neil, Jr.')
    assert opendkim(message).returncode == 0
    changed = opendkim(message.replace(b"One-Click", b"Two-Click"))
    assert b"Bad signature" in changed.stderr


@pytest.mark.parametrize(
    ("field", "canonical"),
    [
        (b"Subject: a  b\t c \r\n", b"subject:a b c\r\n"),
        (b"SUBJect:\r\n a\r\n\tb\r\n", b"subject:a b\r\n"),
        (b"X:\r\n", b"x:\r\n"),
    ],
)
def test_a_field_is_canonicalised_as_the_rfc_has_it(field: bytes, canonical: bytes) -> None:
    assert relaxed(field) == canonical
    ((name, value),) = Relaxed.canonicalize_headers([tuple(field.split(b":", 1))])
    assert relaxed(field) == name + b":" + value


def test_the_same_message_is_signed_the_same() -> None:
    assert signed(RSA, ED25519) == signed(RSA, ED25519)
    skeleton = Skeleton(LETTERHEAD, HTML, TEXT, (OUT, WEB), (61, 47), "=_dongtai_23")
    later = NOW + datetime.timedelta(seconds=1)
    assert skeleton.message(reader(), [RSA], later) != signed(RSA)


def test_a_signature_folds_into_short_lines() -> None:
    signature = signed(RSA).partition(b"\r\nFrom:")[0]
    assert max(map(len, signature.split(b"\r\n"))) <= 78


def test_a_record_tells_the_key_and_where_it_stands() -> None:
    assert RSA.dns_name == "r1._domainkey.news.example.com"
    assert dns_record(RSA).startswith("v=DKIM1; k=rsa; p=MII")
    assert re.fullmatch(r"v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=", dns_record(ED25519))


@pytest.mark.parametrize("name", ["News.example.com", "例子.测试", "", "a..b", "a b", "a;b"])
def test_a_domain_is_refused_that_dns_would_not_have(name: str) -> None:
    with pytest.raises(ValueError, match="DNS name"):
        Signer(name, "r1", RSA_KEY)


def test_a_key_that_cannot_sign_is_refused() -> None:
    small = subprocess.run(
        ["openssl", "genrsa", "1024"], capture_output=True, check=True, text=True
    ).stdout
    with pytest.raises(ValueError, match="2048"):
        Signer("news.example.com", "r1", small)
    with pytest.raises(ValueError, match="PEM"):
        Signer("news.example.com", "r1", "no key")


def test_a_signer_does_not_show_its_key() -> None:
    assert repr(RSA) == "Signer('news.example.com', 'r1', rsa)"
    assert dkim.new_key() != RSA_KEY
