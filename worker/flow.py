"""A flow: one lane of one mailing on its way, over one or more sessions at once.

Owns: the order of things around each message: the fence, the evidence, the last byte, the reply,
the outcome. Promises: an outcome comes for every delivery that is not skipped; no message is
begun after ``stop``, nor when nothing was heard from the database for too long (the lease may be
another's by then), nor before the evidence of it is written where it survives this process and
this host. Fails: never by itself: whatever goes wrong with a message is a ``Reply``.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

from dongtai_mail.delivery.letters import Letter, Letters
from dongtai_mail.delivery.queue import Claimed, Outcome
from dongtai_mail.message.reply import Reply, Stage
from worker import journal
from worker.journal import Journal
from worker.notes import Notes
from worker.relays import Relays
from worker.smtp import Session, SessionRefused

logger = logging.getLogger(__name__)


@dataclass
class Flow:
    """Filled by the engine's thread, emptied by the loop's; both ends of a deque are safe."""

    lane: str
    letters: Letters
    messages_per_session: int | None = None
    waiting: deque[Claimed] = field(default_factory=deque)
    outcomes: SimpleQueue[Outcome] = field(default_factory=SimpleQueue)
    skip: set[int] = field(default_factory=set)
    # How many sessions it may use, how many it does.
    share: int = 0
    lines: int = 0
    stop: bool = False
    # Monotonic time after which the leases may be somebody else's.
    fence: float = 0.0
    refused: Reply | None = None
    refused_by: str = ""

    def refuse(self, text: str, by: str = "") -> None:
        """Stop it for a cause that is not the readers'."""
        self.refused, self.refused_by = Reply(Stage.CONNECT, None, text), by
        self.stop = True

    @property
    def held(self) -> bool:
        return self.stop or time.monotonic() >= self.fence

    def take(self) -> Claimed | None:
        """The next delivery to begin, or None when there is none to begin now."""
        while self.waiting and not self.held:
            try:
                delivery = self.waiting.popleft()
            except IndexError:
                return None
            if delivery.id not in self.skip:
                return delivery
        return None

    def drain(self) -> list[Outcome]:
        """The outcomes since the last look."""
        outcomes = []
        while not self.outcomes.empty():
            outcomes.append(self.outcomes.get())
        return outcomes

    def give_back(self) -> list[Outcome]:
        """What is still waiting, as outcomes of deliveries that were not begun."""
        outcomes = []
        while self.waiting:
            delivery = self.waiting.popleft()
            if delivery.id not in self.skip:
                outcomes.append(Outcome(delivery))
        return outcomes


class _Unnoted(Exception):
    """The evidence can't be written, or came too late: the message is not begun."""


class Lines:
    """The lines of sending of this process; lives in the loop's thread."""

    def __init__(self, relays: Relays, ledger: Journal, notes: Notes) -> None:
        self.relays = relays
        self._journal = ledger
        self._notes = notes
        self._tasks: set[asyncio.Task[None]] = set()

    def staff(self, flow: Flow) -> None:
        """Have as many lines at work as the flow may and can use."""
        wanted = min(flow.share, flow.lines + len(flow.waiting))
        while flow.lines < wanted and not flow.held:
            flow.lines += 1
            task = asyncio.get_running_loop().create_task(self._line(flow))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def adopt(self, batch_id: int) -> None:
        """Keep the notes of this batch in mind, until ``forget``."""
        self._notes.adopt(batch_id)

    def forget(self, batch_ids: Sequence[int]) -> None:
        self._notes.forget(batch_ids)

    async def _line(self, flow: Flow) -> None:
        session: Session | None = None
        try:
            while flow.lines <= flow.share and (delivery := flow.take()) is not None:
                session = await self._one(flow, session, delivery)
                if session is not None and session.spent(flow.messages_per_session):
                    await self._leave(session)
                    session = None
        finally:
            flow.lines -= 1
            if session is not None:
                await self._leave(session)

    async def _one(self, flow: Flow, session: Session | None, delivery: Claimed) -> Session | None:
        """Send one message; answers the session if it can be used again."""
        begun = False
        try:
            session = session or await self.relays.acquire()
            letter = _letter(flow.letters, delivery)
            begun = True
            reply = (
                letter
                if isinstance(letter, Reply)
                else await self._transact(flow, session, delivery, letter)
            )
        except (SessionRefused, _Unnoted, OSError) as error:
            # The relay's trouble or ours, not the reader's: nothing counts as tried.
            flow.refuse(str(error), by=session.relay.name if session else self.relays.name)
            flow.outcomes.put(Outcome(delivery))
            if begun and session is not None:
                session.abort(str(error))
        else:
            flow.outcomes.put(Outcome(delivery, reply, session.relay.name))
        if session is not None and session.broken:
            await self.relays.release(session)
            return None
        return session

    async def _transact(
        self, flow: Flow, session: Session, delivery: Claimed, letter: Letter
    ) -> Reply:
        evidence = self._evidence(session, delivery)
        noted = self._notes.write(delivery.batch_id, evidence)
        reply = await session.envelope(letter)
        if reply.code != 354:
            session.conclusion = delivery.batch_id, journal.concluded(delivery.id, False)
            return reply
        await noted
        if time.monotonic() >= flow.fence:
            raise _Unnoted("nothing was heard from the database for too long")
        self._journal.write(evidence)
        reply = await session.content(letter)
        if reply.code is not None:
            accepted = 200 <= reply.code < 300
            session.conclusion = delivery.batch_id, journal.concluded(delivery.id, accepted)
        return reply

    def _evidence(self, session: Session, delivery: Claimed) -> bytes:
        """That this message begins, with what is known of the session's last one."""
        begun = journal.begun(delivery.id)
        if session.conclusion is None:
            return begun
        batch_id, concluded = session.conclusion
        session.conclusion = None
        if batch_id != delivery.batch_id:
            self._notes.write(batch_id, concluded)
        return concluded + begun

    async def _leave(self, session: Session) -> None:
        if session.conclusion is not None:
            try:
                self._journal.write(session.conclusion[1])
            except OSError:
                # The outcome is safe in memory; only a crash now would leave it unconfirmed.
                logger.exception("the send journal can't be written")
            session.conclusion = None
        await self.relays.release(session)

    async def close(self, seconds: float) -> None:
        """Wait for messages on their way, then say goodbye."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.relays.close()
        await self._notes.end()


def _letter(letters: Letters, delivery: Claimed) -> Letter | Reply:
    try:
        return letters.letter(delivery, datetime.datetime.now(datetime.UTC))
    except ValueError as error:
        # An address or a name that can't stand in a message: this reader's alone.
        return Reply(Stage.RCPT, 553, f"5.1.3 {error}")
