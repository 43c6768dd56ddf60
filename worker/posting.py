"""Sending our own notices, one after the other, as fast as receiving providers allow.

Promises: notices keep to the limits, pauses and warm-up that mailings keep to; what these hold
back, and what a provider finds too fast, waits without losing a try; each reply is recorded before
the next letter is begun, so a killed process doubles one letter at most; a stop is heeded between
two letters. Fails: ``redis.RedisError`` while Redis is away; everything waits then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from dongtai_mail.delivery import pace, providers, queue
from dongtai_mail.delivery.letters import KeyMissing, Letter
from dongtai_mail.delivery.providers import OTHERS, Limit
from dongtai_mail.logs import event
from dongtai_mail.message.address import AddressError, parse, provider
from dongtai_mail.message.header import HeaderError
from dongtai_mail.message.reply import Reply, Verdict, classify, closing
from subscribers import outbox
from subscribers.models import Posted
from worker.offers import LetterRefused
from worker.relays import Relays
from worker.smtp import SessionRefused
from worker.stop import stopping
from worker.throttle import UNLIMITED_PER_MINUTE, Throttle
from worker.warmup import Warmup

logger = logging.getLogger(__name__)

# An outbox, and who writes its letters.
Outgoing = tuple[Callable[[], QuerySet[Posted]], ModuleType]

SHORTEST_WAIT = 1.0
RELAY_SECONDS = 60.0
# When the last that waits for a provider has its turn (Unix), of what an import has posted.
_turns: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class _Task:
    notice: Posted
    by: ModuleType
    provider: str

    @property
    def ahead(self) -> bool:
        """Whether somebody waits for it: what an import has posted comes after the others."""
        return not outbox.of_many(self.notice)


def send(outgoing: Sequence[Outgoing], size: int) -> int:
    """Send up to ``size`` of each outbox; answers how many were due, 0 when no relay is fit."""
    claimed = [(notice, by) for rows, by in outgoing for notice in outbox.claim(rows(), size)]
    if not claimed:
        return 0
    portion = _Portion(_Task(notice, by, _provider(by.recipient(notice))) for notice, by in claimed)
    return len(claimed) if portion.send() else 0


def _provider(address: str) -> str:
    try:
        return provider(parse(address).domain)
    except AddressError:
        return ""  # Writing the letter will say what is wrong.


class _Portion:
    def __init__(self, tasks: Iterable[_Task]) -> None:
        client = pace.client()
        self._throttle = Throttle(client)
        self._limits = providers.limits()
        warmup = Warmup(client)
        warmup.refresh()
        self._relays = Relays(settings.RELAYS, warmup=warmup)
        self._left = deque(sorted(tasks, key=lambda task: not task.ahead))
        # Seconds, by provider, for what goes ahead and for what does not.
        self._waits: dict[tuple[str, bool], float] = {}

    def send(self) -> bool:
        """Whether a relay is fit to go on with."""
        fit = True
        with asyncio.Runner() as runner:
            try:
                while fit and self._left and not stopping.is_set():
                    wait = self._wait(self._left[0])
                    self._attend(self._left.popleft(), wait, runner)
                    fit = self._relays.capacity > 0
            finally:
                runner.run(self._relays.close())
                for task in self._left:
                    outbox.put_back(task.notice, 0.0 if fit else RELAY_SECONDS)
        return fit

    def _attend(self, task: _Task, wait: float, runner: asyncio.Runner) -> None:
        if wait:
            self._put_back(task, wait)
            return
        letter = _written(task)
        if letter is None or not outbox.renew(task.notice):
            return
        try:
            reply = runner.run(self._reply(task.provider, letter))
        except SessionRefused as refusal:
            self._waits[task.provider, task.ahead] = RELAY_SECONDS
            self._put_back(task, RELAY_SECONDS, refusal.reply)
        else:
            self._record(task, reply)

    def _wait(self, task: _Task) -> float:
        """Seconds until something may go to its provider; 0 when it may go now."""
        key = task.provider, task.ahead
        if key not in self._waits:
            limit = self._limit(task.provider)
            granted, wait = self._throttle.permits(task.provider, 1, limit, ahead=task.ahead)
            if granted:
                return 0.0
            self._waits[key] = max(wait, SHORTEST_WAIT)
        return self._waits[key]

    def _limit(self, provider: str) -> Limit:
        return self._limits.get(provider, OTHERS)

    async def _reply(self, provider: str, letter: Letter) -> Reply:
        """Raises: ``SessionRefused`` when no relay can be had."""
        lane = provider if provider in self._limits else ""
        most = self._limit(provider).messages_per_connection
        try:
            session = await self._relays.acquire(lane, most, letter)
        except LetterRefused as refusal:
            return refusal.reply
        try:
            reply = await session.envelope(letter, offered=False)
            if reply.code == 354:
                session.content(letter, None)
                reply = await session.final()
            if closing(reply):
                self._relays.closed(session, reply)
                raise SessionRefused(reply)
            return reply
        finally:
            await self._relays.release(session)

    def _record(self, task: _Task, reply: Reply) -> None:
        verdict = classify(reply)
        if verdict is Verdict.ACCEPTED:
            outbox.sent(task.notice)
            return
        logger.warning(event("notice-refused", notice=task.notice.pk, reply=_told(reply)))
        if verdict is not Verdict.LIMITED:
            outbox.refused(task.notice, _told(reply), for_good=verdict is Verdict.BOUNCE)
            return
        queue.own_lane(task.provider)
        self._throttle.slower(task.provider, reply.said)
        self._put_back(task, self._wait(task) or RELAY_SECONDS, reply)

    def _put_back(self, task: _Task, wait: float, reply: Reply | None = None) -> None:
        if not task.ahead:
            wait = self._turn(task.provider, wait)
        outbox.put_back(task.notice, wait, _told(reply) if reply else "")

    def _turn(self, provider: str, wait: float) -> float:
        """Seconds after which it is due: an import's notices don't come back all at once."""
        now = time.time()
        step = 60 / (self._limit(provider).per_minute or UNLIMITED_PER_MINUTE)
        _turns[provider] = max(now + wait, _turns.get(provider, 0.0) + step)
        return _turns[provider] - now


def _told(reply: Reply) -> str:
    return f"{reply.stage}: {reply.said}"


def _written(task: _Task) -> Letter | None:
    notice = task.notice
    try:
        if task.by.addressed(notice):
            letter: Letter = task.by.letter(notice, timezone.localtime())
            return letter
        outbox.refused(notice, "suppressed", for_good=True)
    except (KeyMissing, ValueError) as error:
        # A key that is missing or broken can be mended; the others' notices go on meanwhile.
        for_good = isinstance(error, AddressError | HeaderError)
        outbox.refused(notice, str(error), for_good=for_good)
        logger.warning(event("notice-failed", notice=notice.pk, error=error))
    return None
