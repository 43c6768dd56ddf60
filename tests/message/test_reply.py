"""What a mailing does about a reply."""

from __future__ import annotations

import pytest

from dongtai_mail.message.reply import Reply, Stage, Verdict, classify, closing


@pytest.mark.parametrize(
    ("code", "text", "verdict"),
    [
        (450, "4.2.0 <a@b.test>: Recipient address rejected: Greylisted", Verdict.DEFER),
        (451, "4.7.1 Greylisting in action, please come back later", Verdict.DEFER),
        (450, "4.7.1 sending too fast: rate limit exceeded", Verdict.LIMITED),
        (421, "4.7.0 greylisted, too many connections", Verdict.LIMITED),
    ],
)
def test_greylisting_is_no_reason_to_slow_a_provider_down(code, text, verdict) -> None:
    assert classify(Reply(Stage.RCPT, code, text)) is verdict


@pytest.mark.parametrize(
    ("code", "text", "verdict"),
    [
        (450, "4.2.1 The user you write to is receiving mail at a rate that is too high", "defer"),
        (550, "5.2.1 The user you write to is receiving mail at a rate that is too high", "defer"),
        (550, "5.1.8 bad system address", "stop"),
        (553, "5.1.7 syntax", "stop"),
        (550, "5.1.6 gone elsewhere", "bounce"),
    ],
)
def test_the_enhanced_status_tells_a_mailbox_from_its_provider_and_from_us(
    code: int, text: str, verdict: str
) -> None:
    assert classify(Reply(Stage.RCPT, code, text)) == verdict


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.FINAL])
def test_an_address_that_needs_smtputf8_is_its_readers_alone(stage) -> None:
    text = "5.6.7 the relay does not offer SMTPUTF8, which this address needs"
    assert classify(Reply(stage, 553, text)) is Verdict.BOUNCE


@pytest.mark.parametrize("stage", [Stage.RCPT, Stage.DATA, Stage.FINAL])
@pytest.mark.parametrize(
    ("code", "text"),
    [(503, "5.5.1 MAIL comes first"), (502, "not implemented"), (999, "what?"), (354, "go on")],
)
def test_a_muddled_dialogue_is_nobodys_fault(stage: Stage, code: int, text: str) -> None:
    assert classify(Reply(stage, code, text)) is Verdict.DEFER


@pytest.mark.parametrize(
    ("code", "text", "closes"),
    [
        (421, "4.3.2 Service shutting down", True),
        (421, "4.4.2 relay.example.org Error: timeout exceeded", True),
        (421, "relay.example.org Service not available, closing transmission channel", True),
        (421, "4.7.0 HL:ICC slow down", False),
        (421, "4.3.2 too many connections from your IP", False),
        (451, "4.3.2 shutting down", False),
    ],
)
def test_a_relay_that_stops_is_told_from_one_that_finds_us_too_fast(code, text, closes) -> None:
    assert closing(Reply(Stage.MAIL, code, text)) is closes
