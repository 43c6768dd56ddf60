"""Replies heard while sending are read by the phrases that notices are read by."""

from __future__ import annotations

import pytest

from dongtai_mail.message.reply import Reply, Stage, Verdict, classify


@pytest.mark.parametrize(
    ("code", "text", "verdict"),
    [
        (250, "2.0.0 queued", Verdict.ACCEPTED),
        (550, "Domain frequency limited", Verdict.LIMITED),
        (421, "HL:IFC 163 mx1", Verdict.LIMITED),
        (451, "4.3.0 try again later", Verdict.DEFER),
        (552, "5.2.2 mailbox full", Verdict.DEFER),
        (550, "收件人邮箱已满", Verdict.DEFER),
        (550, "5.1.1 no such user", Verdict.BOUNCE),
        (550, "用户不存在", Verdict.BOUNCE),
        (550, "5.2.1 account disabled", Verdict.BOUNCE),
        (550, "Mailbox not found", Verdict.BOUNCE),
        (552, "5.3.4 message size exceeds fixed limit", Verdict.STOP),
        (554, "5.7.1 message rejected as spam", Verdict.STOP),
        (550, "DMARC check failed", Verdict.STOP),
        (553, "5.1.8 sender address rejected", Verdict.STOP),
        (550, "blocked using zen.spamhaus.org", Verdict.STOP),
    ],
)
def test_a_reply_is_about_the_reader_or_about_us(code: int, text: str, verdict: Verdict) -> None:
    assert classify(Reply(Stage.FINAL, code, text)) is verdict


@pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.TLS, Stage.LOGIN, Stage.MAIL])
def test_nobody_bounces_before_he_was_named(stage: Stage) -> None:
    assert classify(Reply(stage, 550, "User unknown")) is Verdict.STOP


def test_silence_is_not_guessed_away() -> None:
    assert classify(Reply(Stage.FINAL, None)) is Verdict.UNCONFIRMED
    assert classify(Reply(Stage.RCPT, None)) is Verdict.DEFER
