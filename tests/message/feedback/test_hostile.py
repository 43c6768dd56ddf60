"""Octets that somebody made to break a reader of returned mail."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dongtai_mail.message.feedback import Kind, Severity, read

SAMPLES = sorted((Path(__file__).parents[2] / "data" / "feedback").glob("*.eml"))
DSN = (
    b"From: MAILER-DAEMON@x\nSubject: Undelivered\n"
    b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
)
MACHINE = b"--b\nContent-Type: message/delivery-status\n\n"
LONG = {
    "nested multiparts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(20_000)
    ),
    "same boundary everywhere": DSN + b"--b\n\n" * 200_000,
    "a million recipients": DSN + MACHINE + b"Final-Recipient: rfc822; a@b.example\n\n" * 30_000,
    "statuses without recipients": DSN
    + MACHINE
    + b"Final-Recipient: rfc822; a@b.example\n"
    + b"\nstatus: 5.1.1\n" * 60_000,
    "addresses in prose": DSN
    + b"--b\n\n"
    + b"".join(b"<u%d@example.org>: 550 no\n" % n for n in range(40_000)),
    "one endless line": DSN + b"--b\n\n" + b"user " * 200_000,
    "one endless field": b"Subject: " + b"=?utf-8?b?" * 100_000 + b"\n\n",
    "folded for ever": b"Subject: a\n" + b" b\n" * 300_000 + b"\n",
    "blank for ever": DSN + b"--b\n\nrecipient" + b" \n" * 400_000,
    "styles left open": b"From: mailer-daemon@x\nContent-Type: text/html\n\n"
    + b"<style><head>" * 70_000,
    "tags left open": b"From: mailer-daemon@x\nContent-Type: text/html\n\n" + b"<a " * 300_000,
    "entities": b"Content-Type: text/html\n\n" + b"&amp" * 240_000,
    "deep JSON": b'Subject: x\n\n{"notificationType":' + b"[" * 500_000,
    "at signs": DSN + b"--b\n\n" + b"a@" * 400_000,
    "quoted-printable": b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * 900_000,
    "base64": b"Content-Transfer-Encoding: base64\n\n" + b"A" * 900_001,
    "spf spf": DSN
    + MACHINE
    + b"Final-Recipient: rfc822; a@b.example\nDiagnostic-Code: "
    + b"spf user mailbox not " * 40_000,
}


@given(st.binary(max_size=2_000))
@settings(max_examples=200, deadline=None)
def test_any_octets_are_something(raw: bytes) -> None:
    assert read(raw).kind in Kind


@given(st.sampled_from(SAMPLES), st.integers(0, 5_000), st.integers(0, 400), st.binary(max_size=20))
@settings(max_examples=300, deadline=None)
def test_damaged_samples_are_something(path: Path, at: int, cut: int, put: bytes) -> None:
    raw = path.read_bytes()
    assert read(raw[:at] + put + raw[at + cut :]).kind in Kind


@given(
    st.sampled_from(
        ["utf-7", "idna", "punycode", "hex", "unicode_escape", "utf-16", "x", "gb2312"]
    ),
    st.sampled_from(["base64", "quoted-printable", "x-uuencode", "8bit"]),
    st.binary(max_size=200),
)
@settings(max_examples=200, deadline=None)
def test_any_charset_and_encoding_can_be_claimed(charset: str, encoding: str, body: bytes) -> None:
    head = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {encoding}\n\n"
    assert read(head.encode() + body).kind in Kind


@pytest.mark.parametrize("name", LONG)
def test_a_megabyte_of_malice_costs_little(name: str) -> None:
    begun = time.process_time()
    assert read(LONG[name]).kind in Kind
    assert time.process_time() - begun < 3


def test_what_follows_the_first_megabyte_is_not_looked_at() -> None:
    late = MACHINE + b"Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n"
    assert read(DSN + b"--b\n\n" + b"x\n" * 600_000 + late).recipients == ()


@pytest.mark.parametrize("sender", ["li@example.org", "postmaster@example.org"])
@pytest.mark.parametrize(
    "field",
    [
        *("Subject: 自动回复", "Subject: Automatic reply: x", "Subject: 您的邮件我已收到"),
        *("Subject: Нет на месте: 3", "Subject: Ausência temporária: 3", "Subject: OOF: 3"),
        *("Auto-Submitted: auto-replied", "X-Autoreply: yes\nReturn-Path: <>"),
    ],
)
def test_a_vacation_full_of_refusals_condemns_nobody(sender: str, field: str) -> None:
    raw = f"From: {sender}\n{field}\n\nli@example.org: 550 5.1.1 user unknown\n".encode()
    feedback = read(raw)
    assert feedback.kind is Kind.AUTO_REPLY
    assert feedback.recipients == ()


def test_a_quoted_header_in_a_reply_forges_no_hard_bounce() -> None:
    raw = (
        b"From: MAILER-DAEMON@relay.example\nSubject: Undelivered Mail\n\n"
        b"<li@example.org>: host said: 552 mailbox full\n\n"
        b"--- Below this line is a copy of the message.\n\n"
        b"Subject: Final-Recipient: rfc822; wang@example.org\n\n"
        b"Final-Recipient: rfc822; wang@example.org\nAction: failed\nStatus: 5.1.1\n"
    )
    feedback = read(raw)
    assert [(r.address, r.severity) for r in feedback.recipients] == [
        ("li@example.org", Severity.SOFT)
    ]
