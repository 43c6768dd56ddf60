"""SMTP sessions: one connection to a relay, kept open for many messages.

Owns: the dialogue after aiosmtplib has connected, secured and logged in. An envelope is MAIL, RCPT
and DATA in one go where the relay offers PIPELINING (RFC 2920: DATA ends the group), and the next
letter's envelope rides behind the content of the one before, so that a message costs one round
trip. The bytes of a message are taken as they are: CRLF line ends and no line that begins with a
dot, which base64 and our own headers guarantee.
Promises: every outcome is a ``Reply`` that names its stage; nothing is in doubt unless its stage
is FINAL and its code None, which only ``final`` answers.
Timeouts are RFC 5321's (4.5.3.2): shorter ones make duplicates.
Fails: ``SessionRefused`` from ``open_session``, with the ``Reply`` that says why.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from itertools import islice
from typing import cast

import aiosmtplib

from dongtai_mail.delivery.letters import Letter
from dongtai_mail.environment import Relay
from dongtai_mail.message.reply import Reply, Stage, readable
from worker.offers import offered

CONNECT_SECONDS = 60.0
COMMAND_SECONDS = 300.0
DATA_SECONDS = 120.0
FINAL_SECONDS = 600.0
QUIT_SECONDS = 2.0
WATCH_SECONDS = 5.0
LONGEST_REPLY = 64 * 1024

ENVELOPE = (Stage.MAIL, Stage.RCPT, Stage.DATA)

# DATA was answered as hoped; the words beside 354 say nothing.
GO_ON = Reply(Stage.DATA, 354)


class SessionRefused(Exception):
    """No session came about; ``reply`` says at which stage and why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.stage}: {reply.said}")
        self.reply = reply


class _Dialogue(asyncio.Protocol):
    """Replies in the order of the commands, as (code, text); None once the connection is gone.

    One timer a session looks at the deadline every few seconds: a timer a reply would cost more
    than the reply.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._lines: list[str] = []
        self._replies: deque[tuple[int, str]] = deque()
        self._expected = 0
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._watch()
        self.lost = ""

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._line(readable(line.decode("utf-8", "replace")))
        if self._replies:
            # Once for all that came together.
            self._wake()
        if len(self._buffer) + sum(len(line) + 1 for line in self._lines) > LONGEST_REPLY:
            self.end("the reply was longer than 64 kB")

    def _line(self, line: str) -> None:
        if self.lost:
            return  # Whose answer it is, nobody knows any more.
        code = line[:3]
        if not (code.isascii() and code.isdigit()):
            self.end(f"not an SMTP reply: {line.rstrip()[:100]!r}")
            return
        text = line[4:].strip()
        if line[3:4] != "-" and not self._lines:
            self._answer(int(code), text)
            return
        # A multi-line reply repeats the enhanced status on each line (RFC 2034); once is enough.
        status = self._lines[0].split(" ", 1)[0] if self._lines else ""
        if status.count(".") == 2 and text.startswith(status + " "):
            text = text[len(status) + 1 :]
        self._lines.append(text)
        if line[3:4] != "-":
            self._answer(int(code), " ".join(self._lines))
            self._lines = []

    def expect(self, replies: int) -> None:
        """So many commands are on their way."""
        self._expected += replies

    def _answer(self, code: int, text: str) -> None:
        """Take a reply; one that nothing asked for would be read as the next command's."""
        if self._expected:
            self._expected -= 1
            self._replies.append((code, text))
        else:
            self.end(f"a reply to no command: {code} {text}")

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(f"connection lost: {exc}" if exc else "connection closed by the server")
        self._timer.cancel()

    def end(self, why: str) -> None:
        self.lost = self.lost or why
        self._wake()

    def _watch(self) -> None:
        if self._waiter is not None and self._loop.time() > self._deadline:
            self.end("no reply in time")
        self._timer = self._loop.call_later(WATCH_SECONDS, self._watch)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def reply(self, seconds: float) -> tuple[int | None, str]:
        """The next reply, or (None, why) when there will be none."""
        while not self._replies:
            if self.lost:
                return None, self.lost
            self._deadline = self._loop.time() + seconds
            self._waiter = self._loop.create_future()
            await self._waiter
            self._waiter = None
        return self._replies.popleft()

    def goes_on(self) -> bool:
        """Take the replies to an envelope, if all have come and all agree: nothing to wait for."""
        codes = [code for code, _ in islice(self._replies, len(ENVELOPE))]
        if codes[2:] != [354] or not all(200 <= code < 300 for code in codes[:2]):
            return False
        for _ in ENVELOPE:
            self._replies.popleft()
        return True


class Session:
    """One open connection. After ``broken`` it must be released and never used again."""

    def __init__(self, client: aiosmtplib.SMTP, relay: Relay) -> None:
        self.relay = relay
        self.sent = self.answered = 0
        # What is known of the last message and not yet written as evidence, by batch.
        self.conclusion: tuple[int, bytes] | None = None
        self._transport = cast(asyncio.Transport, client.transport)
        self._dialogue = _Dialogue()
        self._transport.set_protocol(self._dialogue)
        self.offer = offered(client)
        self.pipelining = self.offer.pipelining

    @property
    def broken(self) -> bool:
        return bool(self._dialogue.lost) or self._transport.is_closing()

    @property
    def lost(self) -> Reply:
        """Why a broken session has nothing to say to DATA."""
        return Reply(Stage.DATA, None, self._dialogue.lost or "connection closed")

    def spent(self, messages: int | None, ahead: int = 0) -> bool:
        """Whether the session has carried as many messages as it may, or will have ``ahead``."""
        return self.sent + ahead >= min(messages or self.relay.messages, self.relay.messages)

    async def envelope(self, letter: Letter, offered: bool) -> Reply:
        """Up to the reply to DATA: 354, or the first refusal with the session made usable.

        ``offered``: the commands have left with the letter before.
        """
        if not self.pipelining:
            return await self._one_by_one(self._commands(letter))
        if not offered:
            self._say(self._commands(letter), replies=len(ENVELOPE))
        elif self._dialogue.goes_on():
            return GO_ON
        replies = [await self._await(stage) for stage in ENVELOPE]
        refused = next((reply for reply in replies if not _accepts(reply)), None)
        if refused is None:
            return replies[-1]
        if replies[-1].code == 354:
            # RFC 2920, 3.1: no recipient is left, yet the server waits for a message; it gets
            # none. It answers 554, or takes an empty message for nobody.
            self._say(b".\r\n")
            await self._await(Stage.FINAL)
        return await self._reset(refused)

    def content(self, letter: Letter, following: Letter | None) -> None:
        """Send the message, and the next letter's envelope behind it (RFC 2920)."""
        behind = self._commands(following) if following is not None else b""
        self._dialogue.expect(1 + len(ENVELOPE) if behind else 1)
        self._transport.writelines([*letter.pieces, b".\r\n" + behind])

    async def final(self) -> Reply:
        """The reply to the message itself."""
        code, text = await self._dialogue.reply(FINAL_SECONDS)
        self.sent += 1
        self.answered += code is not None
        reply = Reply(Stage.FINAL, code, text)
        if not _out_of_step(reply):
            return reply
        self.abort(f"out of step: {reply.said} in answer to the message")
        return Reply(Stage.FINAL, None, self._dialogue.lost)

    def _commands(self, letter: Letter) -> bytes:
        parameters = f" SIZE={letter.size}" if self.offer.size else ""
        if not letter.recipient.ascii:
            parameters += " SMTPUTF8 BODY=8BITMIME" if self.offer.eightbit else " SMTPUTF8"
        return (
            f"MAIL FROM:<{letter.envelope_sender}>{parameters}\r\n"
            f"RCPT TO:<{letter.recipient.wire}>\r\n"
            "DATA\r\n"
        ).encode()

    def _say(self, commands: bytes, replies: int = 1) -> None:
        self._dialogue.expect(replies)
        self._transport.write(commands)

    async def _one_by_one(self, commands: bytes) -> Reply:
        reply = Reply(Stage.MAIL, None)
        for stage, command in zip(ENVELOPE, commands.split(b"\r\n"), strict=False):
            self._say(command + b"\r\n")
            reply = await self._await(stage)
            if not _accepts(reply):
                return await self._reset(reply)
        return reply

    async def _await(self, stage: Stage) -> Reply:
        seconds = DATA_SECONDS if stage is Stage.DATA else COMMAND_SECONDS
        code, text = await self._dialogue.reply(seconds)
        reply = Reply(stage, code, text)
        if _out_of_step(reply):
            self.abort(f"out of step: {reply.said} in answer to {stage.upper()}")
            return self.lost
        return reply

    async def _reset(self, refused: Reply) -> Reply:
        if not self.broken:
            self._say(b"RSET\r\n")
            await self._dialogue.reply(COMMAND_SECONDS)
        return refused

    def abort(self, why: str) -> None:
        """Hang up at once, before a message is complete."""
        self._dialogue.end(why)
        self._transport.abort()

    async def close(self) -> None:
        """Say QUIT and leave; never fails, never waits long."""
        if not self.broken:
            self._say(b"QUIT\r\n")
            try:
                await asyncio.wait_for(self._dialogue.reply(QUIT_SECONDS), QUIT_SECONDS)
            except TimeoutError:
                pass  # It was asked politely.
        # To close would wait until a server that reads no more has taken what is buffered.
        self._transport.abort()


def _out_of_step(reply: Reply) -> bool:
    """Whether it answers another command: what the server waits for now, nobody knows."""
    if reply.code is None:
        return False
    if reply.stage is Stage.DATA:
        return 200 <= reply.code < 300
    return reply.code == GO_ON.code


def _accepts(reply: Reply) -> bool:
    if reply.code is None:
        return False
    return reply.code == 354 if reply.stage is Stage.DATA else 200 <= reply.code < 300


async def open_session(relay: Relay, tls: ssl.SSLContext) -> Session:
    """Connect, secure and log in as the relay's settings say; never in clear unless they say so."""
    client = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        use_tls=relay.security == "tls",
        start_tls=relay.security == "starttls",
        tls_context=None if relay.security == "none" else tls,
        timeout=CONNECT_SECONDS,
    )
    try:
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        if relay.username is not None:
            await client.login(relay.username, relay.password or "")
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
        client.close()
        raise SessionRefused(_why(error)) from error
    except asyncio.CancelledError:
        client.close()
        raise
    return Session(client, relay)


def _why(error: Exception) -> Reply:
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        # A wrong password passes: staff mend it while the mailing waits.
        return Reply(Stage.LOGIN, None, readable(f"login failed: {error.code} {error.message}"))
    if isinstance(error, aiosmtplib.SMTPResponseException):
        code = error.code if error.code < 500 else None
        return Reply(Stage.CONNECT, code, readable(error.message))
    stage = Stage.TLS if isinstance(error.__cause__ or error, ssl.SSLError) else Stage.CONNECT
    return Reply(stage, None, readable(str(error)) or type(error).__name__)
