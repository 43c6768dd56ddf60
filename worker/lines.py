"""The lines of sending of a process: each brings one delivery of a flow after the other to its end.

Owns: the order of things around each message: the fence, the evidence, the last byte, the reply,
the outcome. Promises: an outcome comes for every delivery; no message is begun that its flow
withdraws, nor before the evidence of it is written where it survives this process and this host.
Fails: never by itself: whatever goes wrong with a message is a ``Reply``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import redis

from dongtai_mail.delivery.letters import Letter
from dongtai_mail.delivery.queue import Claimed, Outcome
from dongtai_mail.logs import event
from dongtai_mail.message.reply import Reply, Stage, Verdict, classify, closing, too_big
from worker import journal
from worker.apart import away
from worker.flow import Flow
from worker.journal import Journal
from worker.notes import Notes
from worker.offers import LetterRefused
from worker.relays import Relays
from worker.smtp import Session, SessionRefused

logger = logging.getLogger(__name__)

# A server that takes longer to answer for one message keeps others from using the session.
STUCK_SECONDS = 10.0
# For a relay that takes a mailing's size and is out, waiting costs nobody anything: what is claimed
# in vain meanwhile would cost the other mailings.
TOO_BIG_SECONDS = 30.0


@dataclass
class _Ready:
    """A delivery with its letter; ``offered`` once its envelope left, ``begun`` its content."""

    delivery: Claimed
    letter: Letter
    offered: bool = False
    begun: bool = False


@dataclass(eq=False)
class _Line:
    """What a line of sending has in its hands, and since when it waits for that to be answered."""

    session: Session | None = None
    ready: _Ready | None = None
    following: _Ready | None = None
    since: float = 0.0

    @property
    def stuck_at(self) -> str | None:
        """The provider that leaves it without an answer."""
        ready = self.ready
        if ready is None or self.session is None or time.monotonic() < self.since + STUCK_SECONDS:
            return None
        return ready.delivery.provider


class Lines:
    """The lines of sending of this process; lives in the loop's thread."""

    def __init__(self, relays: Relays, ledger: Journal, notes: Notes) -> None:
        self.relays = relays
        self._journal = ledger
        self._notes = notes
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_work: set[_Line] = set()

    def stuck(self) -> set[str]:
        """The providers that leave sessions without an answer for long."""
        stuck = (line.stuck_at for line in self._at_work.copy())
        return {provider for provider in stuck if provider is not None}

    def relieve(self, patient: int) -> None:
        """Take sessions from providers that leave more than ``patient`` of them unanswered.

        Only before a message is complete, where hanging up leaves nothing in doubt.
        """
        waiting: Counter[str] = Counter()
        for line in self._at_work:
            provider, ready, session = line.stuck_at, line.ready, line.session
            if provider is None or ready is None or session is None:
                continue
            waiting[provider] += 1
            if waiting[provider] > patient and not ready.begun:
                session.abort(f"no answer within {STUCK_SECONDS:.0f} s, and others wait")

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
        """Send one delivery after the other, over a session that is replaced when it must be."""
        line = _Line()
        self._at_work.add(line)
        self._notes.company = len(self._at_work)
        try:
            while await self._step(flow, line):
                pass
        except SessionRefused as refusal:
            # The relay's trouble, not the reader's: nothing counts as tried.
            flow.refuse(self._unusable(refusal))
        except redis.RedisError as error:
            # It says how much a relay that warms up may carry yet.
            logger.warning(away(error, service="redis", lane=flow.lane, sending="waits"))
            flow.refuse(f"Redis 暂时不可用，会自动再试：{error}")
        except OSError as error:
            flow.refuse(f"发送记录写不下来，会自动再试：{error}")
        except Exception:
            # Whatever it was, it must not leave a delivery without an outcome.
            logger.exception(event("line-failed", mailing=flow.letters.mailing_id, lane=flow.lane))
            flow.refuse("发信程序内部出错，详见日志")
        finally:
            # First of all: a flow without lines and outcomes is over.
            self._account(flow, line)
            flow.lines -= 1
            self._at_work.discard(line)
            self._notes.company = len(self._at_work)
            await self._release(line)

    def _unusable(self, why: Exception) -> str:
        return f"发信服务器 {self.relays.name} 暂时不可用，会自动再试：{why}"

    async def _step(self, flow: Flow, line: _Line) -> bool:
        """Bring one delivery to its outcome; False when this line has no more to do."""
        ready = line.ready = line.ready or self._next(flow)
        if ready is None or (ready.offered and flow.withdraws(ready.delivery)):
            return False
        try:
            session = await self._session(flow, line, ready)
        except LetterRefused as refused:
            if refused.everybodys:
                # Nor does this count as tried.
                flow.refuse(self._unusable(refused), TOO_BIG_SECONDS)
                return False
            flow.outcomes.put(Outcome(ready.delivery, refused.reply))
            line.ready = None
            return True
        line.since = time.monotonic()
        reply = await self._envelope(flow, session, ready)
        if reply is None:
            return False
        if reply.code == 354:
            line.following = self._ahead(flow, session)
            reply = await self._content(session, ready, line.following)
        if closing(reply):
            # Like a relay that takes no session: nobody's try, and no provider's complaint.
            self.relays.closed(session, reply)
            self._put_back(flow, line)
            await self._let_go(line)
            return True
        if too_big(reply) and self.relays.take_elsewhere(session, ready.letter):
            self._put_back(flow, line)
            await self._renew(flow, line)
            return True
        if reply.code != 250 and classify(reply) is Verdict.LIMITED:
            flow.resting.add(ready.delivery.provider)
        flow.outcomes.put(Outcome(ready.delivery, reply, session.relay.name))
        line.ready, line.following = line.following, None
        await self._renew(flow, line)
        return True

    def _put_back(self, flow: Flow, line: _Line) -> None:
        """Let what is in hand be begun anew, over another relay."""
        session = line.session
        assert session is not None
        if line.following is not None and line.following.offered:
            session.abort("its next message waits for another")
        # Before another line begins it: of the same delivery the last word counts.
        self._conclude(session)
        for ready in filter(None, (line.following, line.ready)):
            flow.waiting.appendleft(ready.delivery)
        line.ready = line.following = None

    def _next(self, flow: Flow) -> _Ready | None:
        """The next delivery and its letter, unless others may use this line's session now."""
        while flow.lines <= flow.share and (delivery := flow.take()) is not None:
            try:
                return _Ready(delivery, flow.letter(delivery))
            except ValueError as error:
                # An address or a name that can't stand in a message: this reader's alone.
                reply = Reply(Stage.RCPT, 553, f"5.1.3 {error}")
                flow.outcomes.put(Outcome(delivery, reply))
            except BaseException:
                # Nobody has it in hand: it waits, as if it had not been taken.
                flow.waiting.appendleft(delivery)
                raise
        return None

    async def _session(self, flow: Flow, line: _Line, ready: _Ready) -> Session:
        """A session to a relay that takes this letter: the one at hand, if it does."""
        session = line.session
        # What was offered was looked at before.
        if session is not None and (ready.offered or not session.offer.lacks(ready.letter)):
            return session
        if refusal := self.relays.refusal(ready.letter):
            raise LetterRefused(refusal)
        await self._let_go(line)
        limit = flow.messages_per_session
        line.session = await self.relays.acquire(flow.lane, limit, ready.letter)
        return line.session

    def _ahead(self, flow: Flow, session: Session) -> _Ready | None:
        """What to offer behind the content that leaves now."""
        if not session.pipelining or session.spent(flow.messages_per_session, ahead=1):
            return None
        if self.relays.awaited(session):
            return None
        ready = self._next(flow)
        if ready is not None:
            ready.offered = not session.offer.lacks(ready.letter)
        return ready

    async def _envelope(self, flow: Flow, session: Session, ready: _Ready) -> Reply | None:
        """Offer a letter and note its begin; None when it is withdrawn before its content."""
        delivery = ready.delivery
        evidence = self._evidence(session, delivery)
        noted = self._notes.write(delivery.batch_id, evidence)
        reply = await session.envelope(ready.letter, ready.offered)
        if reply.code != 354:
            session.conclusion = delivery.batch_id, journal.concluded(delivery.id, False)
            return reply
        await noted
        if session.broken:
            return session.lost
        if flow.withdraws(delivery):
            return None
        self._journal.write(evidence)
        return reply

    async def _content(self, session: Session, ready: _Ready, following: _Ready | None) -> Reply:
        offered = following.letter if following and following.offered else None
        ready.begun = True
        session.content(ready.letter, offered)
        reply = await session.final()
        if reply.code is not None:
            accepted = 200 <= reply.code < 300
            concluded = journal.concluded(ready.delivery.id, accepted)
            session.conclusion = ready.delivery.batch_id, concluded
        return reply

    async def _renew(self, flow: Flow, line: _Line) -> None:
        """Let a session go that is broken, has carried enough, or is needed by others."""
        session = line.session
        if session is None:
            return
        done = session.broken or session.spent(flow.messages_per_session)
        offered = line.ready is not None and line.ready.offered
        if done or (not offered and self.relays.awaited(session)):
            await self._let_go(line)

    async def _let_go(self, line: _Line) -> None:
        session, line.session = line.session, None
        if session is None:
            return
        if line.ready is not None:
            line.ready.offered = False
        self._conclude(session)
        await self.relays.release(session)

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

    def _account(self, flow: Flow, line: _Line) -> None:
        """Say what became of what is in hand."""
        for ready in filter(None, (line.ready, line.following)):
            reply = Reply(Stage.FINAL, None, "this worker ended first") if ready.begun else None
            flow.outcomes.put(Outcome(ready.delivery, reply))

    async def _release(self, line: _Line) -> None:
        """Give the session back."""
        session = line.session
        if session is not None:
            if line.ready is not None:
                # Between an envelope and its content nothing but hanging up takes it back.
                session.abort("withdrawn")
            self._conclude(session)
            await self.relays.release(session)

    def _conclude(self, session: Session) -> None:
        """Write down what is known of the session's last message, as nothing follows it."""
        if session.conclusion is None:
            return
        batch_id, concluded = session.conclusion
        self._notes.write(batch_id, concluded)
        try:
            self._journal.write(concluded)
        except OSError:
            # The outcome is safe in memory; only a crash now would leave it unconfirmed.
            logger.exception(event("journal-failed"))
        session.conclusion = None

    async def close(self, seconds: float) -> None:
        """Wait for messages on their way, then say goodbye."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.relays.close()
        await self._notes.end()
