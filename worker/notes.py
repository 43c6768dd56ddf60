"""The same evidence as the journal's, in Redis, for workers on other hosts.

Owns: a list a batch, ``dongtai:batch:<id>``, that says what of it was begun and concluded, and one
connection to Redis, spoken to in RESP by hand: a note is on the path of every message, where a
general client costs more than the signature. When much is noted, lines that are about to are
waited for a moment, so that Redis is asked once for several messages.
Promises: when ``write`` returns, Redis has the note; a note that was lost with Redis is written
again from memory once it is back; while it is away, nothing goes on. Notes name the run of Redis
that took them: one that was restarted since may have come back without the last of them, and what
it kept is no whole story. Fails: never by itself; a caller who must not wait cancels.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Iterable, Sequence
from urllib.parse import unquote, urlsplit

import redis

from worker.apart import away
from worker.journal import Story, batch

logger = logging.getLogger(__name__)

KEEP_SECONDS = 7 * 24 * 3600
# Of a batch that is recorded nobody asks any more, but a person who looks into a fault.
RECORDED_SECONDS = 3600
RETRY_SECONDS = 0.5
ANSWER_SECONDS = 10.0
WATCH_SECONDS = 2.0
# Redis is asked no more often than this, little beside what a distant server takes for a message,
# unless a third of the lines wait for it.
GATHER_SECONDS, GATHER_PART = 0.01, 3
_RUN = b"R "
# What comes of words that no Redis would say.
_NO_REDIS = (ValueError, asyncio.LimitOverrunError)


class Notes:
    def __init__(self, url: str) -> None:
        self._url = url
        self._batches: dict[int, list[bytes]] = {}
        # The run of Redis at the other end, and the batches whose notes name it.
        self._run_id = b""
        self._named: set[int] = set()
        self._over: list[int] = []
        self._new: list[tuple[int, bytes]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        # How many lines of sending there are, and what ends the wait for some of them.
        self.company = 0
        self._gathered: asyncio.Future[None] | None = None
        # When Redis was asked what it has not answered yet, 0 when it was not; when it answered.
        self._asked_at = self._answered_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._writer = self._loop.create_task(self._run())

    def adopt(self, batch_id: int) -> None:
        """Take over a batch whose notes were begun; they are written again if Redis loses them."""
        self._batches[batch_id] = [batch(batch_id)]

    def write(self, batch_id: int, evidence: bytes) -> asyncio.Future[None]:
        """Note something of a batch; done when Redis has it."""
        done = self._loop.create_future()
        self._new.append((batch_id, evidence))
        self._waiting.append(done)
        self._wake.set()
        if self._gathered is not None and self._enough:
            self._end_gathering()
        return done

    @property
    def _enough(self) -> bool:
        return len(self._waiting) * GATHER_PART >= self.company

    def _end_gathering(self) -> None:
        if self._gathered is not None and not self._gathered.done():
            self._gathered.set_result(None)

    def forget(self, batch_ids: Iterable[int]) -> None:
        """These batches are recorded; Redis drops their notes soon."""
        for batch_id in batch_ids:
            self._batches.pop(batch_id, None)
            self._named.discard(batch_id)
            self._over.append(batch_id)
        self._wake.set()

    async def end(self) -> None:
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._converse()
            except (OSError, EOFError, redis.ResponseError, *_NO_REDIS) as error:
                logger.warning(away(error, service="redis", sending="waits"))
                # Redis may have forgotten all of it: say it again.
                known = [(pk, line) for pk, lines in self._batches.items() for line in lines]
                self._new = known + self._new
                for lines in self._batches.values():
                    lines.clear()
                self._wake.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _converse(self) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await self._connect()
        self._watch(writer)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._log_in(reader, writer)
                self._run_id = await _run(reader, writer)
            self._named.clear()
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._gather()
                await self._flush(reader, writer)
        finally:
            self._watching.cancel()
            self._asked_at = 0.0
            self._wake.set()
            writer.close()

    async def _gather(self) -> None:
        """Let every line that is ready now, or will be in a moment, speak in the same breath."""
        await asyncio.sleep(0)
        until = self._answered_at + GATHER_SECONDS
        if self._enough or self._loop.time() >= until:
            return
        self._gathered = self._loop.create_future()
        timer = self._loop.call_at(until, self._end_gathering)
        try:
            await self._gathered
        finally:
            timer.cancel()
            self._gathered = None

    def _watch(self, writer: asyncio.StreamWriter) -> None:
        """Hang up on a Redis that doesn't answer; one timer for all flushes is the cheapest."""
        if 0 < self._asked_at < self._loop.time() - ANSWER_SECONDS:
            writer.transport.abort()
        self._watching = self._loop.call_later(WATCH_SECONDS, self._watch, writer)

    async def _flush(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fresh, self._new = self._new, []
        waiting, self._waiting = self._waiting, []
        over, self._over = self._over, []
        by_batch: dict[int, list[bytes]] = {}
        for batch_id, evidence in fresh:
            by_batch.setdefault(batch_id, []).append(evidence)
        told = [(pk, self._naming(pk) + b"".join(lines)) for pk, lines in by_batch.items()]
        try:
            self._asked_at = self._loop.time()
            pushed = [_push(pk, lines) for pk, lines in told]
            writer.write(b"".join([*pushed, *(_keep(pk, RECORDED_SECONDS) for pk in over)]))
            lengths = [await _answer(reader) for _ in by_batch]
            for _ in over:
                await _answer(reader)
            if b":1" in lengths:
                await self._say_again(reader, writer, told, lengths)
            self._asked_at, self._answered_at = 0.0, self._loop.time()
        except BaseException:
            self._new, self._waiting = fresh + self._new, waiting + self._waiting
            self._over = over + self._over
            raise
        for batch_id, lines in by_batch.items():
            if batch_id in self._batches:
                self._batches[batch_id] += lines
                self._named.add(batch_id)
        for done in waiting:
            if not done.done():
                done.set_result(None)

    async def _say_again(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        told: Sequence[tuple[int, bytes]],
        lengths: Sequence[bytes],
    ) -> None:
        """A list of one is new: Redis had lost it, and with it what was said, and when it ends."""
        for (pk, lines), length in zip(told, lengths, strict=True):
            if length == b":1":
                known = b"".join(self._batches.get(pk, []))
                writer.write(_push(pk, _by(self._run_id) + known + lines) + _keep(pk))
        for _ in range(2 * lengths.count(b":1")):
            await _answer(reader)

    def _naming(self, batch_id: int) -> bytes:
        return b"" if batch_id in self._named else _by(self._run_id)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self._url)
        if parts.scheme == "redis+socket":
            return await asyncio.open_unix_connection(parts.path)
        tls = ssl.create_default_context() if parts.scheme == "rediss" else None
        return await asyncio.open_connection(
            parts.hostname or "localhost", parts.port or 6379, ssl=tls
        )

    async def _log_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(self._url)
        if parts.scheme == "redis+socket":
            return
        if parts.password:
            user = [unquote(parts.username)] if parts.username else []
            writer.write(_command("AUTH", *user, unquote(parts.password)))
            await _answer(reader)
        if database := parts.path.strip("/"):
            writer.write(_command("SELECT", database))
            await _answer(reader)


def _key(batch_id: int) -> str:
    return f"dongtai:batch:{batch_id}"


def _push(batch_id: int, lines: bytes) -> bytes:
    return _command("RPUSH", _key(batch_id), lines)


def _by(run_id: bytes) -> bytes:
    """That this run of Redis has all the notes of a batch until here."""
    return _RUN + run_id + b"\n"


def _keep(batch_id: int, seconds: int = KEEP_SECONDS) -> bytes:
    return _command("EXPIRE", _key(batch_id), str(seconds))


def _command(*words: str | bytes) -> bytes:
    encoded = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(
        b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded
    )


async def _answer(reader: asyncio.StreamReader) -> bytes:
    line = (await reader.readuntil(b"\r\n")).rstrip()
    if line.startswith(b"-"):
        raise redis.ResponseError(line.decode("utf-8", "replace"))
    return line


async def _run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(_command("INFO", "server"))
    length = int((await _answer(reader)).removeprefix(b"$"))
    found = re.search(rb"run_id:(\w+)", await reader.readexactly(length + 2))
    return found.group(1) if found else b""


def begin(client: redis.Redis, batch_id: int) -> None:
    """Begin a batch's notes: their absence later on means that Redis has lost them."""
    run_id = client.info("server")["run_id"].encode()
    with client.pipeline(transaction=False) as pipeline:
        pipeline.rpush(_key(batch_id), _by(run_id) + batch(batch_id))
        pipeline.expire(_key(batch_id), KEEP_SECONDS)
        pipeline.execute()


def story(client: redis.Redis, batch_id: int) -> Story | None:
    """What the notes tell of a batch; None when Redis has lost them, or may have lost the last."""
    pieces = client.lrange(_key(batch_id), 0, -1)
    lines = b"".join(piece for piece in pieces if isinstance(piece, bytes)).splitlines()
    runs = [line.removeprefix(_RUN) for line in lines if line.startswith(_RUN)]
    if not runs or runs[-1] != client.info("server")["run_id"].encode():
        return None
    story = Story().read(line for line in lines if not line.startswith(_RUN))
    # Notes without their beginning are what was added after Redis had lost them.
    return story if batch_id in story.batches else None
