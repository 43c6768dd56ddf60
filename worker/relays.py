"""The relays of this process: sessions that stay open, and which relay is fit to take mail.

Owns: idle sessions, the count of open ones, each relay's health. Promises: no more sessions to a
relay than its limit; a relay that failed is left alone for a while, longer each time, and mail
goes to the others; a session is replaced after as many messages as it may carry.
Fails: ``SessionRefused`` when no relay can be had.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from dongtai_mail.delivery.gauges import RelayStanding
from dongtai_mail.environment import Relay
from dongtai_mail.message.reply import Reply, Stage
from worker.smtp import Session, SessionRefused, open_session

logger = logging.getLogger(__name__)

FIRST_REST, LONGEST_REST = 5.0, 300.0


@dataclass
class _Standing:
    """One relay as this process sees it."""

    relay: Relay
    open: int = 0
    idle: deque[Session] = field(default_factory=deque)
    failures: int = 0
    rests_until: float = 0.0

    @property
    def fit(self) -> bool:
        return time.monotonic() >= self.rests_until

    def failed(self) -> None:
        if not self.fit:
            return  # Sessions that were tried at the same time fail for the same cause.
        self.failures += 1
        rest = min(LONGEST_REST, FIRST_REST * 2 ** (self.failures - 1))
        self.rests_until = time.monotonic() + rest


class Relays:
    def __init__(self, relays: Sequence[Relay], tls: ssl.SSLContext | None = None) -> None:
        # Made once: loading the CA bundle costs 90 ms a connection.
        self._tls = tls or ssl.create_default_context()
        self._standings = [_Standing(relay) for relay in relays]
        self._freed = asyncio.Event()

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

    async def acquire(self) -> Session:
        """An open session to the least busy relay that is fit, as soon as it has room for one."""
        refused = Reply(Stage.CONNECT, None, "no relay is fit to take mail")
        while self.capacity:
            if not self._room():
                self._freed.clear()
                await self._freed.wait()
                continue
            try:
                return await self._try_each()
            except SessionRefused as refusal:
                # Whoever refused rests now; another may be fit, though busy at this moment.
                refused = refusal.reply
        raise SessionRefused(refused)

    def _room(self) -> bool:
        return any(each.fit and each.open < each.relay.connections for each in self._standings)

    async def _try_each(self) -> Session:
        refused = Reply(Stage.CONNECT, None, "no relay is fit to take mail")
        for standing in sorted(self._standings, key=lambda each: each.open):
            if not standing.fit or standing.open >= standing.relay.connections:
                continue
            standing.open += 1
            try:
                return await self._session(standing)
            except BaseException as error:
                standing.open -= 1
                # Somebody may wait for this very place, and must see that none is left.
                self._freed.set()
                if not isinstance(error, SessionRefused):
                    raise
                standing.failed()
                refused = error.reply
                logger.warning("relay=%s refused: %s", standing.relay.name, error)
        raise SessionRefused(refused)

    async def _session(self, standing: _Standing) -> Session:
        while standing.idle:
            session = standing.idle.pop()
            if not session.broken:
                return session
        session = await open_session(standing.relay, self._tls)
        standing.failures = 0
        return session

    async def release(self, session: Session) -> None:
        """Give a session back, to be used again unless it is broken or worn out."""
        standing = next(each for each in self._standings if each.relay is session.relay)
        standing.open -= 1
        self._freed.set()
        if session.broken or session.spent(None):
            await session.close()
        else:
            standing.idle.append(session)

    async def close(self) -> None:
        sessions = [session for each in self._standings for session in each.idle]
        await asyncio.gather(*(session.close() for session in sessions))
