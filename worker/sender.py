"""Sending a batch: one event loop per worker process, sessions that stay open between batches.

Owns: the thread with the loop, the sessions of this process, and the order of things around each
message: journal, last byte, reply, journal, outcome.
Promises: an outcome comes for every delivery of a batch that is not skipped, as soon as it is
known; after ``stop`` is set no message is begun; a delivery in ``skip`` is not begun.
Fails: never by itself: whatever goes wrong with a message or a session is a ``Reply``.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue

from dongtai_mail.delivery.letters import Letters
from dongtai_mail.delivery.queue import Claimed, Outcome
from dongtai_mail.environment import Relay
from dongtai_mail.message.reply import Reply, Stage
from worker.journal import Journal
from worker.smtp import Session, SessionRefused, open_session

logger = logging.getLogger(__name__)


@dataclass
class Work:
    """A batch on its way. The sender takes from ``waiting`` and puts into ``outcomes``."""

    letters: Letters
    waiting: deque[Claimed]
    outcomes: SimpleQueue[Outcome] = field(default_factory=SimpleQueue)
    stop: threading.Event = field(default_factory=threading.Event)
    skip: set[int] = field(default_factory=set)
    refused: Reply | None = None

    def take(self) -> Claimed | None:
        """The next delivery to begin; the rest of a stopped batch is answered as not begun."""
        while self.waiting:
            delivery = self.waiting.popleft()
            if delivery.id in self.skip:
                continue
            if not self.stop.is_set():
                return delivery
            self.outcomes.put(Outcome(delivery.id))
        return None

    def unbegun(self) -> set[int]:
        return {delivery.id for delivery in self.waiting.copy()}

    def drain(self) -> list[Outcome]:
        """The outcomes since the last look."""
        outcomes = []
        while not self.outcomes.empty():
            outcomes.append(self.outcomes.get())
        return outcomes


class Sender:
    def __init__(
        self, relay: Relay, connections: int, journal: Journal, tls: ssl.SSLContext | None = None
    ) -> None:
        self._relay = relay
        self._connections = connections
        self._journal = journal
        # Made once: loading the CA bundle costs 90 ms a connection.
        self._tls = tls or ssl.create_default_context()
        self._idle: deque[Session] = deque()
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp", daemon=True)
        self._thread.start()

    def send(self, letters: Letters, batch: Sequence[Claimed]) -> tuple[Work, Future[None]]:
        """Begin a batch; the future is done when every delivery has its outcome."""
        work = Work(letters, deque(batch))
        return work, asyncio.run_coroutine_threadsafe(self._batch(work), self._loop)

    async def _batch(self, work: Work) -> None:
        lines = min(self._connections, len(work.waiting))
        await asyncio.gather(*(self._line(work) for _ in range(lines)))

    async def _line(self, work: Work) -> None:
        """Take deliveries one by one over one session, replacing it when it breaks."""
        session: Session | None = None
        while (delivery := work.take()) is not None:
            try:
                session = session or await self._session()
                reply = await self._deliver(session, work.letters, delivery)
            except (SessionRefused, OSError) as error:
                # The relay's trouble or the journal's, not the reader's: nothing counts as tried.
                session = await self._hold(work, delivery, session, error)
                continue
            work.outcomes.put(Outcome(delivery.id, reply, self._relay.name))
            if session.broken:
                await session.close()
                session = None
        if session is not None:
            self._idle.append(session)

    async def _deliver(self, session: Session, letters: Letters, delivery: Claimed) -> Reply:
        try:
            letter = letters.letter(delivery, datetime.datetime.now(datetime.UTC))
        except ValueError as error:
            # An address or a name that can't stand in a message: this reader's alone.
            return Reply(Stage.RCPT, 553, f"5.1.3 {error}")
        reply = await session.transact(letter, self._before(delivery.id))
        try:
            self._after(delivery.id, reply)
        except OSError as error:
            # The outcome itself is safe in memory; only a crash would make it unconfirmed.
            logger.error("delivery=%s journal: %s", delivery.id, error)
        return reply

    async def _hold(
        self, work: Work, delivery: Claimed, session: Session | None, error: Exception
    ) -> None:
        logger.error("delivery=%s not begun: %s", delivery.id, error)
        if session is not None:
            session.abort(f"not begun: {error}")
        work.refused = error.reply if isinstance(error, SessionRefused) else _unnoted(error)
        work.stop.set()
        work.outcomes.put(Outcome(delivery.id))

    def _before(self, delivery_id: int) -> Callable[[], None]:
        return lambda: self._journal.begin_final(delivery_id)

    def _after(self, delivery_id: int, reply: Reply) -> None:
        if reply.stage is not Stage.FINAL or reply.code is None:
            return
        if 200 <= reply.code < 300:
            self._journal.accepted(delivery_id)
        else:
            self._journal.refused(delivery_id)

    async def _session(self) -> Session:
        while self._idle:
            session = self._idle.pop()
            if not session.broken:
                return session
        return await open_session(self._relay, self._tls)

    def close(self) -> None:
        """Say goodbye on every session and end the loop."""
        asyncio.run_coroutine_threadsafe(self._close_sessions(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close_sessions(self) -> None:
        await asyncio.gather(*(session.close() for session in self._idle))
        self._idle.clear()


def _unnoted(error: Exception) -> Reply:
    """What can't be noted is not sent."""
    return Reply(Stage.DATA, None, f"the send journal can't be written: {error}")


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
