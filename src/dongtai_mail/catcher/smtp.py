"""The mail catcher's SMTP side: ``dongtai catcher``.

Owns: one listening socket and the store's only writer.
Promises: 250 after DATA means that the message is committed. Messages that arrive while a commit
runs share the next one, so that hundreds of sessions cost a few commits a second. It offers SIZE,
8BITMIME, SMTPUTF8 and PIPELINING, takes any recipient, and delivers to nobody. SIGTERM and SIGINT
stop it after the running commit; a message without its 250 by then is the client's to send again.
Fails: ``main`` answers 2 with one line when the port or the store can't be had; a message that
can't be stored gets 451.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import signal
import socket
import sqlite3
import sys
import time

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from dongtai_mail.arguments import Parser, port_number
from dongtai_mail.catcher.mail import summary
from dongtai_mail.catcher.store import Caught, Store

HOST = "127.0.0.1"
PORT = 2526
SIZE_LIMIT = 25 * 1024 * 1024


def main(argv: list[str]) -> int:
    arguments = _arguments(argv)
    database = arguments.database or _configured_database()
    if not database:
        return _refuse(
            "没有指定保存邮件的文件：请设置 DONGTAI_CATCHER_DATABASE，或加 --database。",
            "Nowhere to keep mail: set DONGTAI_CATCHER_DATABASE or give --database.",
        )
    try:
        serve(arguments.host, arguments.port, database)
    except sqlite3.Error as error:
        return _refuse(f"打不开 {database}。", f"Can't open {database}: {error}.")
    except OSError as error:
        return _refuse(*_why_not_listening(arguments.host, arguments.port, error))
    return 0


def serve(host: str, port: int, database: str) -> None:
    """Take mail until SIGTERM or SIGINT. OSError: the port; sqlite3.Error: the store."""
    store = Store(database)
    try:
        asyncio.run(_serve(host, port, store))
    finally:
        store.close()


async def _serve(host: str, port: int, store: Store) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    keeper = _Keeper(store)
    server = await loop.create_server(lambda: _Session(keeper, loop), host, port, backlog=1024)
    taken = server.sockets[0].getsockname()[1]
    print(f"邮件捕获器正在收信 · catching mail on {host}:{taken}", flush=True)
    await stopped.wait()
    server.close()
    await keeper.finish()


class _Keeper:
    """The handler behind every session; it gathers messages into commits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Caught, asyncio.Future[str]]] = []
        self._commits: asyncio.Task[None] | None = None

    async def handle_EHLO(
        self, _: SMTP, session: Session, __: Envelope, hostname: str, replies: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*replies[:-1], "250-PIPELINING", replies[-1]]

    async def keep(self, message: Caught) -> str:
        """Commit the message, with whatever else is waiting; the answer is the SMTP reply."""
        reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, reply))
        if self._commits is None or self._commits.done():
            self._commits = asyncio.create_task(self._commit_all())
        return await reply

    async def finish(self) -> None:
        if self._commits:
            await self._commits

    async def _commit_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            answer = await asyncio.to_thread(self._commit, [message for message, _ in batch])
            for _, reply in batch:
                # A session that went away meanwhile has cancelled its wait.
                if not reply.done():
                    reply.set_result(answer)

    def _commit(self, messages: list[Caught]) -> str:
        try:
            self._store.add(messages)
        except (sqlite3.Error, UnicodeError) as error:
            print(f"邮件捕获器存不下邮件 · can't store mail: {error}", file=sys.stderr, flush=True)
            return "451 4.3.0 The message could not be stored, try again later"
        return "250 2.0.0 Kept"


class _Session(SMTP):
    """aiosmtpd's session, reading a message in one piece instead of line by line."""

    # The stream's buffer: a whole message usually fits, and flow control stays out of the way.
    line_length_limit = 1024 * 1024

    def __init__(self, keeper: _Keeper, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            keeper,
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname=socket.gethostname(),
            ident="Dongtai Mail catcher",
            loop=loop,
        )
        self._keeper = keeper
        # An internationalised address with its parameters may need more than the 512 octets of
        # RFC 5321 4.5.3.1.4 (RFC 6531 3.4). aiosmtpd shares this table between its sessions.
        self.command_size_limits.update(MAIL=2048, RCPT=2048)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:
        envelope = self.envelope
        if await self.check_helo_needed():
            return
        if arg or envelope is None or not envelope.rcpt_tos:
            await self.push("501 5.5.4 Syntax: DATA" if arg else "503 5.5.1 Need RCPT first")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await _read_message(self._reader, SIZE_LIMIT)
        self.envelope = self._create_envelope()
        if content is None:
            await self.push("552 5.3.4 The message is too big")
        else:
            await self.push(await self._keeper.keep(_caught(envelope, content)))


async def _read_message(reader: asyncio.StreamReader, limit: int) -> bytes | None:
    """Read up to the final dot and undo dot-stuffing (RFC 5321 4.5.2); None if over ``limit``."""
    head, ended = await _opening(reader)
    content = bytearray(head)
    while not ended:
        piece, ended = await _piece(reader)
        if len(content) <= limit:
            content += piece
    if len(content) > limit:
        return None
    return (b"\r\n" + content[:-3]).replace(b"\r\n..", b"\r\n.")[2:]


async def _opening(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """Read to where the final dot can only come after a line's end that is still unread."""
    head = b""
    while (octet := await reader.readexactly(1)) in b".\r":
        line = octet + await reader.readuntil(b"\n")
        head += line
        if line == b".\r\n":
            return head, True
    return head + octet, False


async def _piece(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    try:
        return await reader.readuntil(b"\r\n.\r\n"), True
    except asyncio.LimitOverrunError as full:
        return await reader.readexactly(full.consumed), False


def _caught(envelope: Envelope, content: bytes) -> Caught:
    sender = "" if envelope.mail_from in (None, "<>") else str(envelope.mail_from)
    author, subject = summary(content)
    return Caught(
        time.time(),
        _plain(sender),
        tuple(_plain(address) for address in envelope.rcpt_tos),
        author,
        subject,
        content,
    )


def _plain(address: str) -> str:
    """The address without octets that are no UTF-8, which SQLite could not keep as text."""
    return address.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="dongtai catcher",
        description="收下每一封邮件，一封也不投递；只供试用。 · Take every mail and deliver none.",
    )
    parser.add_argument("--host", default=HOST, help=f"监听地址 · listen on (default {HOST})")
    parser.add_argument(
        "--port",
        type=port_number,
        default=PORT,
        help=f"端口；0 取空闲的 · default {PORT}; 0 takes a free one",
    )
    parser.add_argument(
        "--database",
        help="邮件存在这个文件里"
        " · file to keep mail in (default: the setting DONGTAI_CATCHER_DATABASE)",
    )
    return parser.parse_args(argv)


def _configured_database() -> str:
    from django.conf import settings

    return str(settings.DONGTAI_CATCHER_DATABASE)


def _why_not_listening(host: str, port: int, error: OSError) -> tuple[str, str]:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{host}:{port} 已被别的程序占用；关掉它，或用 --port 换一个端口。",
            f"{host}:{port} is in use; stop the other program or choose another --port.",
        )
    return (
        f"无法在 {host}:{port} 收信。",
        f"Can't listen on {host}:{port}: {error.strerror or error}.",
    )


def _refuse(chinese: str, english: str) -> int:
    print(f"邮件捕获器：{chinese} · {english}", file=sys.stderr)
    return 2
