"""The dialogue with one server: each stage ends in its own time, and says where it was."""

from __future__ import annotations

import asyncio

import pytest

from dongtai_mail.delivery.letters import Letter
from dongtai_mail.environment import Relay
from dongtai_mail.message.address import parse
from dongtai_mail.message.reply import Reply, Stage, Verdict, classify
from tests.smtp_server import DROP, STALL, SmtpServer
from worker import smtp
from worker.smtp import SessionRefused, open_session

LETTER = Letter("bounce@news.example.org", parse("reader@qq.test"), (b"Subject: news\r\n\r\n",))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMMAND_SECONDS", "DATA_SECONDS", "FINAL_SECONDS", "WATCH_SECONDS"):
        monkeypatch.setattr(smtp, name, 0.05)


async def _send(server: SmtpServer, letter: Letter = LETTER) -> Reply:
    session = await open_session(Relay("127.0.0.1", server.port, "none"), None)
    try:
        reply = await session.envelope(letter, offered=False)
        if reply.code == 354:
            session.content(letter, None)
            reply = await session.final()
        assert session.broken
        return reply
    finally:
        await session.close()


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize(
    ("silent_at", "stage", "verdict"),
    [
        ("mail", Stage.MAIL, Verdict.DEFER),
        ("rcpt", Stage.RCPT, Verdict.DEFER),
        ("data", Stage.DATA, Verdict.DEFER),
        ("dot", Stage.FINAL, Verdict.UNCONFIRMED),
    ],
)
def test_a_server_that_falls_silent_is_left_in_time(
    extensions: tuple[str, ...], silent_at: str, stage: Stage, verdict: Verdict
) -> None:
    with SmtpServer(lambda at, _: STALL if at == silent_at else None, extensions) as server:
        reply = asyncio.run(_send(server))
    assert reply == Reply(stage, None, "no reply in time")
    assert classify(reply) is verdict


@pytest.mark.parametrize("silent_at", ["connect", "ehlo"])
def test_a_server_that_never_greets_costs_nobody_a_try(
    monkeypatch: pytest.MonkeyPatch, silent_at: str
) -> None:
    monkeypatch.setattr(smtp, "CONNECT_SECONDS", 0.1)
    server = SmtpServer(lambda at, _: STALL if at == silent_at else None)
    with server, pytest.raises(SessionRefused) as refused:
        asyncio.run(_send(server))
    assert refused.value.reply.stage is Stage.CONNECT
    assert refused.value.reply.code is None


@pytest.mark.parametrize("stage", ["connect", "ehlo"])
def test_a_refusal_in_another_encoding_can_be_written_down(stage: str) -> None:
    gbk = "服务不可用".encode("gbk").decode("utf-8", "surrogateescape")
    server = SmtpServer(lambda at, _: f"554 {gbk}" if at == stage else None)
    with server, pytest.raises(SessionRefused) as refused:
        asyncio.run(_send(server))
    assert str(refused.value).encode()


@pytest.mark.parametrize(
    ("extensions", "address", "parameters"),
    [
        ((), "reader@qq.test", ""),
        (("SIZE",), "reader@qq.test", ""),
        (("SIZE ²",), "reader@qq.test", ""),
        (("SIZE 9000", "SMTPUTF8", "8BITMIME"), "reader@qq.test", f"SIZE={LETTER.size}"),
        (("SMTPUTF8",), "用户@例子.测试", "SMTPUTF8"),
        (("SMTPUTF8", "8BITMIME"), "用户@例子.测试", "SMTPUTF8 BODY=8BITMIME"),
    ],
)
def test_what_a_server_offers_is_used_where_a_letter_needs_it(
    extensions: tuple[str, ...], address: str, parameters: str
) -> None:
    letter = LETTER._replace(recipient=parse(address))
    with SmtpServer(lambda at, _: DROP if at == "rcpt" else None, extensions) as server:
        asyncio.run(_send(server, letter))
    assert server.parameters == [parameters]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize(
    ("twice", "stage", "verdict"),
    [("rcpt", Stage.DATA, Verdict.DEFER), ("dot", Stage.FINAL, Verdict.ACCEPTED)],
)
def test_a_session_out_of_step_ends_before_a_reply_is_taken_for_another(
    extensions: tuple[str, ...], twice: str, stage: Stage, verdict: Verdict
) -> None:
    two = "250 2.0.0 ok\r\n250 2.0.0 ok"
    with SmtpServer(lambda at, _: two if at == twice else None, extensions) as server:
        reply = asyncio.run(_send(server))
    assert (reply.stage, classify(reply)) == (stage, verdict)


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
@pytest.mark.parametrize(
    ("at", "verdict"),
    [("mail", Verdict.DEFER), ("rcpt", Verdict.DEFER), ("dot", Verdict.UNCONFIRMED)],
)
def test_a_server_that_asks_for_content_out_of_its_time_gets_none(
    extensions: tuple[str, ...], at: str, verdict: Verdict
) -> None:
    with SmtpServer(lambda stage, _: "354 go on" if stage == at else None, extensions) as server:
        reply = asyncio.run(_send(server))
        assert (reply.code, classify(reply)) == (None, verdict)
        assert not server.received


@pytest.mark.parametrize(
    ("at", "verdict"),
    [("mail", Verdict.DEFER), ("data", Verdict.DEFER), ("dot", Verdict.UNCONFIRMED)],
)
def test_what_follows_something_that_is_no_reply_is_no_answer(at: str, verdict: Verdict) -> None:
    said = "what?\r\n" + ("250 2.0.0 ok" if at == "dot" else "554 5.7.1 no")
    with SmtpServer(lambda stage, _: said if stage == at else None) as server:
        reply = asyncio.run(_send(server))
    assert reply.code is None
    assert classify(reply) is verdict
