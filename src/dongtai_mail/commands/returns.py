"""``dongtai returns``: the listener to which an MTA hands what comes back, by LMTP or SMTP.

Owns: one listening socket. Promises: 250 means that the message is committed to the database; a
database that is away is 451, so that the MTA keeps the message; recipients are only those addresses
of publications' bounce domains that we gave somebody, by our seal, and the few that are open, for
which so many messages a day are taken; no more than ``SESSIONS`` at once; one recipient a
transaction, since LMTP wants an answer for each and an MTA sends the others in the next. SIGTERM
and SIGINT stop it after the running commits.
Fails: exit code 2 with one line when the port can't be had.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from dongtai_mail.arguments import Parser, port_number
from dongtai_mail.commands import shell

logger = logging.getLogger(__name__)
T = TypeVar("T")

HOST = "127.0.0.1"
PORT = 2424
SIZE_LIMIT = 10 * 1024 * 1024
SESSIONS = 50
THREADS = 4
IDLE_SECONDS = 120
DOOR = "lmtp"
AWAY = "451 4.3.0 Not stored, try again later"
BUSY = "421 4.3.2 Too many sessions, try again later"
ENOUGH = "452 4.3.1 Enough of these for today, try again later"
UNKNOWN = "550 5.1.1 No such address here"


def main(argv: Sequence[str]) -> int:
    arguments = _arguments(argv)
    return shell.run(lambda: asyncio.run(_serve(arguments.host, arguments.port)))


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        prog="dongtai returns",
        description="从 MTA 接收退信（LMTP 或 SMTP）；回复 250 时已存进数据库。"
        " · Take returned mail from an MTA; 250 means that it is in the database.",
    )
    parser.add_argument("--host", default=HOST, help=f"监听地址 · listen on (default {HOST})")
    parser.add_argument(
        "--port",
        type=port_number,
        default=PORT,
        help=f"端口；0 取空闲的 · default {PORT}; 0 for a free one",
    )
    return parser.parse_args(argv)


async def _serve(host: str, port: int) -> int:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await listen(host, port)
    taken = server.sockets[0].getsockname()[1]
    print(f"正在接收退回的邮件 · taking returned mail on {host}:{taken}", flush=True)
    await stopped.wait()
    server.close()
    return 0


async def listen(host: str, port: int) -> asyncio.Server:
    """Listen in the running loop; OSError when the port can't be had."""
    loop = asyncio.get_running_loop()
    # aiosmtpd logs every command, and with it our tokens.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    door = _Door()
    return await loop.create_server(lambda: _Session(door, loop), host, port)


class _Session(SMTP):
    """LMTP and SMTP at once: they differ in the greeting, and in replies to several recipients."""

    # Returned messages keep lines that no MTA would send of its own.
    line_length_limit = 1024 * 1024

    def __init__(self, door: _Door, loop: asyncio.AbstractEventLoop) -> None:
        self._door = door
        super().__init__(
            door,
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            hostname=socket.gethostname(),
            ident="Dongtai Mail returns",
            timeout=IDLE_SECONDS,
            loop=loop,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._door.sessions) >= SESSIONS:
            assert isinstance(transport, asyncio.WriteTransport)
            transport.write(f"{BUSY}\r\n".encode())
            transport.close()
            return
        self._door.sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._door.sessions:
            self._door.sessions.remove(self)
            super().connection_lost(error)

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, hostname: str) -> None:
        await self.smtp_EHLO(hostname)


class _Door:
    """The handler behind every session; the database is asked in threads."""

    def __init__(self) -> None:
        self.sessions: set[SMTP] = set()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="returns")

    async def handle_RCPT(
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        if refusal := await self._in_thread(lambda: _refusal(address)):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:
        recipient, content = envelope.rcpt_tos[0], envelope.original_content or b""
        await self._in_thread(lambda: _take(content, recipient))
        return "250 2.0.0 Kept"

    async def handle_exception(self, error: Exception) -> str:
        logger.warning("returned mail was not stored: %s", error)
        return AWAY

    async def _in_thread(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _alone, act)


def _alone(act: Callable[[], T]) -> T:
    """With a connection of its own, so that none is broken by the time it is used again."""
    from django.db import connection

    try:
        return act()
    finally:
        connection.close()


def _refusal(address: str) -> str:
    """Why nothing is taken for an address; "" when it is."""
    from dongtai_mail.delivery import returns

    if not _is_ours(address.rpartition("@")[2].lower()):
        return UNKNOWN
    if returns.expected(address):
        return ""
    if not returns.is_open(address):
        return UNKNOWN
    return ENOUGH if returns.crowded() else ""


def _is_ours(domain: str) -> bool:
    from dongtai_mail.issues.models import Publication

    return domain.isascii() and Publication.objects.filter(bounce_domain=domain).exists()


def _take(content: bytes, recipient: str) -> None:
    """Store, and do at once what the message asks for; what fails then is for the next tick."""
    from django.db import DatabaseError

    from dongtai_mail.delivery import returns

    message = returns.store(content, recipient, DOOR)
    try:
        returns.process(message.pk)
    except DatabaseError as error:
        logger.warning("returned=%s waits: %s", message.pk, error)
