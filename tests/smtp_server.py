"""A scriptable SMTP server that knows exactly what it received.

``script(stage, argument)`` is asked at "connect", "ehlo", "auth", "mail", "rcpt", "data" and "dot"
(the message has arrived, its reply has not left). It answers None for the usual reply, a reply
line, ``DROP`` to hang up, ``STALL`` to say nothing any more, or at "dot" ``KEEP_AND_DROP`` to keep
the message and hang up unheard.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

DROP = "drop"
KEEP_AND_DROP = "keep and drop"
STALL = "stall"

Script = Callable[[str, str], str | None]


@dataclass(frozen=True)
class Received:
    sender: str
    recipient: str
    data: bytes


class SmtpServer:
    """Use as a context manager; ``received`` holds what was taken responsibility for."""

    def __init__(
        self,
        script: Script = lambda stage, argument: None,
        extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 50000000"),
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        tls_from_start: bool = False,
    ) -> None:
        self.script = script
        self.extensions = extensions
        self.received: list[Received] = []
        # A hundred thousand messages would not fit into memory.
        self.keep_data = True
        self.sessions = 0
        # What followed the address in each MAIL.
        self.parameters: list[str] = []
        self.port = port
        # For STARTTLS, or for smtps://.
        self._tls, self._wrapped = (None, tls) if tls_from_start else (tls, None)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        # The loop itself refers to tasks weakly: a stalled session would be collected as garbage.
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(10)

    def recipients(self) -> list[str]:
        return [message.recipient for message in self.received]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._serve())
        try:
            self._loop.run_until_complete(self._main)
        except asyncio.CancelledError:
            pass
        # A connection that is just being accepted becomes a session while the others end.
        while tasks := asyncio.all_tasks(self._loop):
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(tasks))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=1 << 26, ssl=self._wrapped
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            server.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task that is cancelled before its first step runs no finally of its own.
        session = self._loop.create_task(self._session(reader, writer))
        self._tasks.add(session)
        session.add_done_callback(self._tasks.discard)
        session.add_done_callback(lambda _: writer.transport.abort())

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        try:
            await _Dialogue(self, reader, writer, self._tls).run()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass  # They hung up, or the test is over.


class _Dialogue:
    def __init__(
        self,
        server: SmtpServer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._server, self._reader, self._writer, self._tls = server, reader, writer, tls
        self._sender = ""
        self._begun = False
        self._recipients: list[str] = []

    async def run(self) -> None:
        if not await self._answer("connect", "", "220 test ESMTP"):
            return
        while line := (await self._reader.readline()).decode().rstrip("\r\n"):
            verb, _, argument = line.partition(" ")
            if not await self._command(verb.upper(), argument):
                return

    async def _command(self, verb: str, argument: str) -> bool:
        if verb in ("EHLO", "HELO"):
            return await self._answer("ehlo", argument, self._greeting())
        if verb == "STARTTLS" and self._tls is not None:
            await self._say("220 go ahead")
            await self._writer.start_tls(self._tls)
            self._tls = None
            return True
        if verb == "AUTH":
            return await self._answer("auth", argument, "235 2.7.0 welcome")
        if verb == "MAIL":
            self._sender, self._recipients = _path(argument), []
            self._server.parameters.append(argument.partition("> ")[2])
            reply = self._server.script("mail", self._sender)
            self._begun = reply is None
            return await self._say(reply or "250 2.1.0 ok")
        if verb == "RCPT":
            return await self._rcpt(_path(argument))
        if verb == "DATA":
            return await self._data()
        await self._say("221 bye" if verb == "QUIT" else "250 2.0.0 ok")
        return verb != "QUIT"

    def _greeting(self) -> str:
        offered = [*self._server.extensions, *(["STARTTLS"] if self._tls is not None else [])]
        lines = ["test", *offered]
        return "\r\n".join([f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"])

    async def _rcpt(self, recipient: str) -> bool:
        if not self._begun:
            return await self._say("503 5.5.1 MAIL comes first")
        reply = self._server.script("rcpt", recipient)
        if reply is None:
            self._recipients.append(recipient)
        return await self._say(reply or "250 2.1.5 ok")

    async def _data(self) -> bool:
        if not self._recipients:
            return await self._say("554 5.5.1 no valid recipients")
        reply = self._server.script("data", self._recipients[0])
        if not await self._say(reply or "354 go on") or (reply and not reply.startswith("354")):
            return reply != DROP
        data = await self._reader.readexactly(3)
        if data != b".\r\n":
            data += await self._reader.readuntil(b"\r\n.\r\n")
        reply = self._server.script("dot", self._recipients[0])
        if reply in (None, KEEP_AND_DROP):
            self._server.received += [
                Received(self._sender, recipient, data[:-3] if self._server.keep_data else b"")
                for recipient in self._recipients
            ]
        self._recipients, self._begun = [], False
        return await self._say(reply or "250 2.0.0 kept")

    async def _answer(self, stage: str, argument: str, usual: str) -> bool:
        return await self._say(self._server.script(stage, argument) or usual)

    async def _say(self, reply: str) -> bool:
        if reply in (DROP, KEEP_AND_DROP):
            return False
        if reply == STALL:
            await asyncio.Event().wait()
        self._writer.write(reply.encode("utf-8", "surrogateescape") + b"\r\n")
        await self._writer.drain()
        return not reply.startswith("421")


def _path(argument: str) -> str:
    return argument.partition("<")[2].partition(">")[0]
