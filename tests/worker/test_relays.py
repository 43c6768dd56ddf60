"""Relays: which one takes the mail, and that nothing goes to it in clear by accident."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import ssl
from collections.abc import Awaitable, Callable, Iterator

import pytest

from dongtai_mail.delivery.letters import Letter
from dongtai_mail.environment import Relay
from dongtai_mail.message.address import parse
from dongtai_mail.message.reply import Stage
from tests.certificates import Authority
from tests.smtp_server import DROP, SmtpServer
from worker import relays as module
from worker.relays import Relays
from worker.smtp import Session, SessionRefused

LETTER = Letter("bounce@news.example.org", parse("reader@qq.test"), (b"Subject: news\r\n\r\n",))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as smtp:
        yield smtp


def _relay(server: SmtpServer, security: str = "none", **changes: object) -> Relay:
    return dataclasses.replace(Relay("localhost", server.port, security), **changes)


def _with(
    relays: list[Relay],
    act: Callable[[Relays], Awaitable[object]],
    tls: ssl.SSLContext | None = None,
) -> object:
    async def run() -> object:
        made = Relays(relays, tls)
        try:
            return await act(made)
        finally:
            await made.close()

    return asyncio.run(run())


async def _once(relays: Relays) -> Session:
    session = await relays.acquire()
    await relays.release(session)
    return session


def test_a_session_that_carried_what_a_lane_allows_is_not_used_in_it_again(
    server: SmtpServer,
) -> None:
    async def act(relays: Relays) -> None:
        first = await relays.acquire("qq.test", messages=2)
        first.sent = 2
        await relays.release(first)
        # Another lane may have it for more.
        assert await _once(relays) is first
        second = await relays.acquire("qq.test", messages=2)
        await relays.release(second)
        assert second is not first
        assert first.broken

    _with([_relay(server)], act)
    assert server.sessions == 2


async def _refusal(relays: Relays) -> SessionRefused:
    with pytest.raises(SessionRefused) as refused:
        await relays.acquire()
    return refused.value


def test_a_session_is_used_again(server: SmtpServer) -> None:
    async def twice(relays: Relays) -> bool:
        return await _once(relays) is await _once(relays)

    assert _with([_relay(server)], twice)
    assert server.sessions == 1


def test_sessions_go_to_the_less_busy_relay(server: SmtpServer) -> None:
    with SmtpServer() as second:

        async def four(relays: Relays) -> None:
            for session in [await relays.acquire() for _ in range(4)]:
                await relays.release(session)

        _with([_relay(server), _relay(second)], four)
        assert server.sessions == second.sessions == 2


def test_no_more_sessions_than_the_relay_allows(server: SmtpServer) -> None:
    async def third(relays: Relays) -> None:
        held = [await relays.acquire() for _ in range(2)]
        waiting = asyncio.create_task(relays.acquire())
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done()
        await relays.release(held.pop())
        held.append(await asyncio.wait_for(waiting, 5))
        for session in held:
            await relays.release(session)

    _with([_relay(server, connections=2)], third)
    assert server.sessions == 2


def test_a_failing_relay_is_taken_out_and_others_take_its_mail(server: SmtpServer) -> None:
    with SmtpServer(lambda stage, _: "421 no" if stage == "connect" else None) as broken:
        relays = [_relay(broken, connections=3), _relay(server, connections=3)]

        async def all_go_to_the_good_one(made: Relays) -> None:
            assert made.capacity == 6
            sessions = await asyncio.gather(*(made.acquire() for _ in range(3)))
            assert {session.relay for session in sessions} == {relays[1]}
            assert made.capacity == 3
            tried = broken.sessions
            for session in sessions:
                await made.release(session)
            await _once(made)
            assert broken.sessions == tried

        _with(relays, all_go_to_the_good_one)


def test_while_another_relay_fails_a_busy_one_is_waited_for(server: SmtpServer) -> None:
    with SmtpServer(lambda stage, _: "421 no" if stage == "connect" else None) as broken:

        async def wait(relays: Relays) -> None:
            held = await relays.acquire()
            waiting = asyncio.create_task(relays.acquire())
            await asyncio.wait([waiting], timeout=0.2)
            assert not waiting.done()
            await relays.release(held)
            await relays.release(await asyncio.wait_for(waiting, 5))

        _with([_relay(server, connections=1), _relay(broken, connections=1)], wait)


def test_a_relay_that_recovered_is_tried_again_after_its_rest(server: SmtpServer) -> None:
    server.script = lambda stage, _: "421 closed for now" if stage == "connect" else None

    async def later(relays: Relays) -> None:
        refusal = await _refusal(relays)
        assert "closed for now" in refusal.reply.text
        assert relays.capacity == 0
        server.script = lambda stage, argument: None
        relays._standings[0].rests_until = 0
        await _once(relays)

    _with([_relay(server)], later)


def test_sessions_that_fail_together_count_as_one_failure(server: SmtpServer) -> None:
    server.script = lambda stage, _: "421 no" if stage == "connect" else None

    async def together(relays: Relays) -> None:
        await asyncio.gather(*(_refusal(relays) for _ in range(8)))
        assert relays._standings[0].failures == 1

    _with([_relay(server, connections=8)], together)


def test_a_relay_that_takes_messages_and_answers_for_none_rests_ever_longer(
    server: SmtpServer,
) -> None:
    server.script = lambda stage, _: DROP if stage == "dot" else None

    async def several(relays: Relays) -> None:
        for _ in range(module.SILENT_SESSIONS):
            assert relays.capacity
            await _message(relays)
        assert not relays.capacity
        for failures in (2, 3):
            relays._standings[0].rests_until = 0
            await _message(relays)
            assert relays._standings[0].failures == failures
        assert "answered for none" in (await _refusal(relays)).reply.text
        server.script = lambda stage, _: None
        relays._standings[0].rests_until = 0
        await _message(relays)
        await _once(relays)
        assert relays.capacity
        assert relays._standings[0].silent == 0

    _with([_relay(server)], several)


async def _message(relays: Relays) -> None:
    session = await relays.acquire()
    assert (await session.envelope(LETTER, offered=False)).code == 354
    session.content(LETTER, None)
    await session.final()
    await relays.release(session)


def test_starttls_with_a_good_certificate_and_login(authority: Authority) -> None:
    heard = []

    def script(stage: str, argument: str) -> None:
        heard.append((stage, argument))

    extensions = ("PIPELINING", "AUTH PLAIN")
    with SmtpServer(script, extensions, tls=authority.server("localhost")) as smtp:
        relay = _relay(smtp, "starttls", username="letters", password="秘密 word")
        session = _with([relay], _once, authority.trust())
    assert session.pipelining
    (plain,) = (argument for stage, argument in heard if stage == "auth")
    assert base64.b64decode(plain.split()[1]).decode() == "\0letters\0秘密 word"


@pytest.mark.parametrize(("host", "expired"), [("elsewhere.example", False), ("localhost", True)])
def test_a_certificate_that_is_not_good_ends_the_session(
    authority: Authority, host: str, expired: bool
) -> None:
    heard = []
    tls = authority.server(host, expired)
    with SmtpServer(lambda *asked: heard.append(asked), tls=tls) as smtp:
        relay = _relay(smtp, "starttls", username="letters", password="secret")
        refusal = _with([relay], _refusal, authority.trust())
    assert refusal.reply.stage is Stage.TLS
    assert "certificate" in refusal.reply.text.lower()
    assert {stage for stage, _ in heard} == {"connect", "ehlo"}


def test_an_authority_nobody_knows_is_not_trusted(authority: Authority) -> None:
    with SmtpServer(tls=authority.server("localhost")) as smtp:
        refusal = _with([_relay(smtp, "starttls")], _refusal)
    assert refusal.reply.stage is Stage.TLS


def test_without_starttls_nothing_is_sent_in_clear(server: SmtpServer) -> None:
    heard = []
    server.script = lambda *asked: heard.append(asked)
    relay = _relay(server, "starttls", username="letters", password="secret")
    refusal = _with([relay], _refusal)
    assert "STARTTLS" in refusal.reply.text
    assert {stage for stage, _ in heard} == {"connect", "ehlo"}


def test_a_wrong_password_is_the_relays_trouble_and_says_so(authority: Authority) -> None:
    def script(stage: str, _: str) -> str | None:
        return "535 5.7.8 wrong password" if stage == "auth" else None

    with SmtpServer(script, ("AUTH PLAIN",), tls=authority.server("localhost")) as smtp:
        relay = _relay(smtp, "starttls", username="letters", password="secret")
        refusal = _with([relay], _refusal, authority.trust())
    assert refusal.reply.stage is Stage.LOGIN
    assert refusal.reply.code is None
    assert "wrong password" in refusal.reply.text
    assert "secret" not in str(refusal)
