"""The relays of this process: sessions that stay open, and which relay is fit to take mail.

Owns: idle sessions, the count of open ones, each relay's health and what it offered last.
Promises: no more sessions to a relay than its limit; a relay that failed is left alone for a
while, longer each time, and mail goes to the others; one that warms up gets no more than its day
allows; a session is replaced after as many messages as it may carry; a letter goes to a relay
that takes it, if any does. Fails: ``SessionRefused`` when no relay can be had, ``LetterRefused``
when none can for this letter.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import ssl
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import redis

from dongtai_mail.delivery.gauges import RelayStanding
from dongtai_mail.delivery.letters import Letter
from dongtai_mail.environment import Relay
from dongtai_mail.logs import event
from dongtai_mail.message.reply import Reply, Stage
from worker import offers
from worker.apart import away
from worker.offers import LetterRefused, Offer
from worker.smtp import Session, SessionRefused, open_session
from worker.warmup import Warmup

logger = logging.getLogger(__name__)

FIRST_REST, LONGEST_REST = 5.0, 300.0
# A letter that a relay's offer leaves out is asked about anew when the offer is older than this:
# an operator may have given it more room.
BELIEVED_SECONDS = 30.0
# So many sessions one after the other that ended without an answer to any message, and it rests.
SILENT_SESSIONS = 5
# What a session of a relay that warms up reserves at once.
WARMING_MESSAGES = 20


@dataclass
class _Standing:
    """One relay as this process sees it."""

    relay: Relay
    open: int = 0
    idle: deque[Session] = field(default_factory=deque)
    # Of a relay that warms up: the lane that each session was reserved for, and how many are
    # reserved, at work or giving back.
    warming: dict[Session, str] = field(default_factory=dict)
    at_work: Counter[str] = field(default_factory=Counter)
    failures: int = 0
    silent: int = 0
    rests_until: float = 0.0
    # What it said when it failed last.
    why: str = ""
    # What its last session was told, and since when that is believed; None before the first.
    offer: Offer | None = None
    told_at: float = 0.0

    @property
    def name(self) -> str:
        return self.relay.name

    @property
    def fit(self) -> bool:
        return time.monotonic() >= self.rests_until

    def lacks(self, letter: Letter) -> str:
        """Why it doesn't take a letter; "" when it does, or has yet to say."""
        why = self.offer.lacks(letter) if self.offer is not None and self.fit else ""
        if why and time.monotonic() >= self.told_at + BELIEVED_SECONDS:
            # Idle sessions were told the same; without an offer, a new one is opened.
            self.offer = None
            return ""
        return why

    def keeps_back_all(self, letter: Letter) -> bool:
        return self.offer is not None and self.offer.keeps_back_all(letter)

    def owns(self, session: Session) -> bool:
        return session.relay is self.relay or session in self.warming

    def opened(self, session: Session) -> None:
        if self.silent < SILENT_SESSIONS:
            self.failures, self.why = 0, ""
        if self.offer is not None and self.offer.refused:
            # Found by trying: a new session says nothing about it.
            session.offer = dataclasses.replace(session.offer, refused=self.offer.refused)
        else:
            self.told_at = time.monotonic()
        self.offer = session.offer

    def refused(self, session: Session, letter: Letter) -> None:
        """It has found this letter too big, whatever it had offered."""
        self.offer = session.offer = session.offer.without(letter)
        self.told_at = time.monotonic()

    def forget_refusal(self) -> None:
        """Nobody takes that letter: people look at it, and may have asked for more room by then."""
        if self.offer is not None:
            self.offer = dataclasses.replace(self.offer, refused=0)

    def failed(self) -> bool:
        """It rests from now on; False when it does already."""
        if not self.fit:
            return False  # Sessions that were tried at the same time fail for the same cause.
        self.failures += 1
        rest = min(LONGEST_REST, FIRST_REST * 2 ** (self.failures - 1))
        self.rests_until = time.monotonic() + rest
        return True


class Relays:
    def __init__(
        self,
        relays: Sequence[Relay],
        tls: ssl.SSLContext | None = None,
        warmup: Warmup | None = None,
    ) -> None:
        self._warmup = warmup
        # Made once: loading the CA bundle costs 90 ms a connection.
        self._tls = tls or ssl.create_default_context()
        self._standings = [_Standing(relay) for relay in relays]
        self._freed = asyncio.Event()
        # How many wait for a session to this relay and can't use another's.
        self._awaited: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return " ".join(each.relay.name for each in self._standings)

    @property
    def capacity(self) -> int:
        """Sessions that may be open at once, over the relays that are fit."""
        return sum(each.relay.connections for each in self._standings if each.fit)

    def standings(self) -> dict[str, RelayStanding]:
        """How each relay stands now, for those who watch."""
        return {
            each.relay.name: RelayStanding(each.open + len(each.idle), each.fit)
            for each in self._standings
        }

    def awaited(self, session: Session) -> bool:
        """Whether others need this relay, whose letters no other takes."""
        return self._awaited[session.relay.name] > 0

    def refusal(self, letter: Letter) -> Reply | None:
        """What every relay together answers to a letter that none of them takes."""
        lacking = self._lacking(letter)
        return self._refused(lacking) if len(lacking) == len(self._standings) else None

    def _refused(self, lacking: Mapping[str, str]) -> Reply:
        for each in self._standings:
            each.forget_refusal()
        return offers.refused(lacking)

    def take_elsewhere(self, session: Session, letter: Letter) -> bool:
        """Whether a letter that this session's relay found too big may go by another."""
        self._of(session).refused(session, letter)
        return self.refusal(letter) is None

    def closed(self, session: Session, reply: Reply) -> None:
        """It has ended a session by itself: it rests, and others take its mail."""
        session.abort(f"the relay closes: {reply.said}")
        self._rest(self._of(session), f"{reply.stage}: {reply.said}")

    def _rest(self, standing: _Standing, why: str) -> None:
        if standing.failed():
            standing.why = why
            logger.warning(event("relay-refused", relay=standing.name, reply=why))

    def _of(self, session: Session) -> _Standing:
        return next(each for each in self._standings if each.owns(session))

    def _lacking(self, letter: Letter) -> dict[str, str]:
        return {each.name: why for each in self._standings if (why := each.lacks(letter))}

    async def acquire(
        self, lane: str = "", messages: int | None = None, letter: Letter | None = None
    ) -> Session:
        """An open session to the least busy relay that is fit, as soon as it has room for one.

        ``messages`` is how many a session may carry in this lane: one that has is not used again.
        With a ``letter``, only to a relay that takes it.
        """
        refused = Reply(Stage.CONNECT, None, self._unfit())
        closed: set[str] = set()
        while able := self._able(letter, closed):
            free = [each for each in able if each.open < each.relay.connections]
            if not free:
                await self._wait(able, letter)
                continue
            standing = min(free, key=lambda each: each.open)
            try:
                session = await self._open(standing, lane, messages)
            except SessionRefused as refusal:
                self._rest(standing, str(refusal))
                refused = refusal.reply
                continue
            if session is not None:
                if letter is None or not session.offer.lacks(letter):
                    return session
                # What it offers is known only now.
                await self.release(session)
                continue
            if standing.at_work[lane]:
                # What a session at work has reserved and doesn't use comes back.
                await self._wait([standing], letter)
                continue
            closed.add(standing.name)
            refused = Reply(Stage.CONNECT, None, f"{standing.name} warms up: enough for today")
        raise self._exhausted(letter, refused)

    def _unfit(self) -> str:
        known = (each.why for each in self._standings if each.why)
        return "; ".join(["no relay is fit to take mail", *known])

    def _able(self, letter: Letter | None, closed: set[str]) -> list[_Standing]:
        fit = [each for each in self._standings if each.fit and each.name not in closed]
        return [each for each in fit if letter is None or not each.lacks(letter)]

    def _exhausted(self, letter: Letter | None, refused: Reply) -> Exception:
        """Whose trouble it is that there is no session: the letter's, where others may go."""
        lacking = self._lacking(letter) if letter is not None else {}
        if letter is None or not lacking:
            return SessionRefused(refused)
        others = [each.name for each in self._standings if each.name not in lacking]
        if not others:
            return LetterRefused(self._refused(lacking))
        everybodys = all(
            each.keeps_back_all(letter) for each in self._standings if each.name in lacking
        )
        return LetterRefused(offers.put_off(lacking, others), everybodys)

    async def _wait(self, able: Sequence[_Standing], letter: Letter | None) -> None:
        """Until a session is given back; those at work know which are needed for this letter."""
        choosy = letter is not None and bool(self._lacking(letter))
        names = [each.name for each in able] if choosy else []
        self._awaited.update(names)
        self._freed.clear()
        try:
            await self._freed.wait()
        finally:
            self._awaited.subtract(names)

    async def _open(self, standing: _Standing, lane: str, messages: int | None) -> Session | None:
        standing.open += 1
        session = None
        try:
            session = await self._session(standing, lane, messages)
        finally:
            if session is None:
                standing.open -= 1
                self._freed.set()
        return session

    async def _session(
        self, standing: _Standing, lane: str, messages: int | None
    ) -> Session | None:
        """A session; None when the relay warms up and has had enough for this lane today."""
        granted = await self._reserved(standing, lane)
        if granted is not None:
            return await self._warming(standing, lane, granted) if granted else None
        while standing.idle:
            session = standing.idle.pop()
            if not (session.broken or session.spent(messages) or session.offer != standing.offer):
                return session
            await session.close()
        session = await open_session(standing.relay, self._tls)
        standing.opened(session)
        return session

    async def _reserved(self, standing: _Standing, lane: str) -> int | None:
        """How many messages a session of a relay that warms up may carry; None for an old one."""
        relay = standing.relay
        if relay.warmup is None or self._warmup is None:
            return None
        want = min(WARMING_MESSAGES, relay.messages)
        standing.at_work[lane] += 1
        granted = None
        try:
            granted = await asyncio.to_thread(self._warmup.reserve, relay, lane, want)
        finally:
            if not granted:
                standing.at_work[lane] -= 1
        return granted

    async def _warming(self, standing: _Standing, lane: str, granted: int) -> Session:
        """A session that carries what was reserved for this lane and no more."""
        relay = dataclasses.replace(standing.relay, messages=granted)
        try:
            session = await open_session(relay, self._tls)
        except BaseException:
            await self._give_back(standing, lane, granted)
            raise
        standing.opened(session)
        standing.warming[session] = lane
        return session

    async def _give_back(self, standing: _Standing, lane: str, unused: int) -> None:
        assert self._warmup is not None
        try:
            await asyncio.to_thread(self._warmup.give_back, standing.relay, lane, unused)
        except redis.RedisError as error:
            told = {"relay": standing.name, "lane": lane, "reserved": unused}
            logger.warning(away(error, service="redis", **told))
        finally:
            standing.at_work[lane] -= 1

    def _judge(self, standing: _Standing, session: Session) -> None:
        """A relay that takes messages and answers for none would leave all of them in doubt."""
        if session.answered:
            standing.silent = 0
        elif session.sent:
            standing.silent += 1
            if standing.silent >= SILENT_SESSIONS:
                self._rest(standing, "it took messages and answered for none")

    async def release(self, session: Session) -> None:
        """Give a session back, to be used again unless it is broken or worn out."""
        standing = self._of(session)
        self._judge(standing, session)
        lane = standing.warming.pop(session, None)
        if lane is not None:
            await self._give_back(standing, lane, max(0, session.relay.messages - session.sent))
        standing.open -= 1
        self._freed.set()
        if lane is not None or session.broken or session.spent(None):
            await session.close()
        else:
            standing.idle.append(session)
        if self.awaited(session):
            # Those who wait go before whoever gave it back for them.
            await asyncio.sleep(0)

    async def close(self) -> None:
        sessions = [session for each in self._standings for session in each.idle]
        await asyncio.gather(*(session.close() for session in sessions))
