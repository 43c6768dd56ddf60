"""A flow: one lane of one mailing on its way.

Owns: what is claimed and waits, and what became of it, between two threads: the engine fills a
flow, the loop's lines of sending (``worker.lines``) empty it. Promises: nothing is begun after
``stop``, nor for whom the engine has marked, nor when nothing was heard from the database for too
long (the lease may be another's by then). Fails: never.
"""

from __future__ import annotations

import datetime
from collections import deque
from dataclasses import dataclass, field
from queue import SimpleQueue

from dongtai_mail.delivery.letters import Letter, Letters
from dongtai_mail.delivery.queue import Claimed, Outcome
from worker.clock import steady

# Letters that are written at once, since each is cheaper beside others (``Skeleton.pieces``), and
# for how long those that come first leave the others their Date. Each keeps the loop half a
# millisecond.
AHEAD = 8
AHEAD_SECONDS = 60.0
# After what mostly passes soon, such as a relay that hung up.
REST_SECONDS = 1.0


@dataclass
class Flow:
    """Filled by the engine's thread, emptied by the loop's; both ends of a deque are safe."""

    lane: str
    letters: Letters
    messages_per_session: int | None = None
    waiting: deque[Claimed] = field(default_factory=deque)
    outcomes: SimpleQueue[Outcome] = field(default_factory=SimpleQueue)
    # What shall not be begun: these deliveries, batches that were taken from this worker, and
    # whatever is for providers that have asked to be left in peace.
    skip: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    resting: set[str] = field(default_factory=set)
    # How many sessions it may use, how many it does.
    share: int = 0
    lines: int = 0
    stop: bool = False
    # The steady clock's time after which the leases may be somebody else's.
    fence: float = 0.0
    # What holds it up, for staff to read; never the readers' fault.
    refused: str = ""
    # For how many seconds nothing more is claimed for it then.
    rest: float = 0.0
    # By all of a claim: when one delivery is claimed again, its reader may have moved meanwhile.
    # Only the loop's lines ask for them.
    _ahead: dict[Claimed, Letter | ValueError] = field(default_factory=dict)
    _dated: float = 0.0

    def refuse(self, why: str, rest: float = REST_SECONDS) -> None:
        self.refused, self.rest = why, rest
        self.stop = True

    @property
    def over(self) -> bool:
        """Nothing of it is waiting or on its way; outcomes may be left."""
        return not self.lines and not self.waiting

    @property
    def held(self) -> bool:
        return self.stop or steady() >= self.fence

    def withdraws(self, delivery: Claimed) -> bool:
        """Whether this delivery must not be begun any more."""
        return self.held or self._skips(delivery)

    def _skips(self, delivery: Claimed) -> bool:
        return (
            delivery.id in self.skip
            or delivery.batch_id in self.lost
            or delivery.provider in self.resting
        )

    def take(self) -> Claimed | None:
        """The next delivery to begin, or None when there is none to begin now."""
        while not self.held and (delivery := self._pop()) is not None:
            if not self._skips(delivery):
                return delivery
            self.outcomes.put(Outcome(delivery))
        return None

    def letter(self, delivery: Claimed) -> Letter:
        """The letter of a delivery that was taken, written with those of the next that wait.

        Raises ``ValueError``: an address or a name that can't stand in a message.
        """
        if steady() >= self._dated + AHEAD_SECONDS:
            self._ahead = {}
        letter = self._ahead.pop(delivery, None) or self._write(delivery)
        if isinstance(letter, ValueError):
            raise letter
        return letter

    def _write(self, delivery: Claimed) -> Letter | ValueError:
        deliveries = [delivery, *self._next()]
        # Date has no fractions, and one that is the same is not written anew.
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        letter, *ahead = self.letters.letters(deliveries, now)
        self._dated = steady()
        self._ahead = dict(zip(deliveries[1:], ahead, strict=True))
        return letter

    def _next(self) -> list[Claimed]:
        found: list[Claimed] = []
        try:
            while len(found) < AHEAD - 1:
                found.append(self.waiting[len(found)])
        except IndexError:
            pass  # That was the last; or the other thread takes them.
        return found

    def drain(self) -> list[Outcome]:
        """The outcomes since the last look."""
        outcomes = []
        while not self.outcomes.empty():
            outcomes.append(self.outcomes.get())
        return outcomes

    def give_back(self) -> list[Outcome]:
        """What is still waiting, as outcomes of deliveries that were not begun."""
        outcomes = []
        while (delivery := self._pop()) is not None:
            outcomes.append(Outcome(delivery))
        return outcomes

    def _pop(self) -> Claimed | None:
        """The next that waits; the other thread may have taken the last."""
        try:
            return self.waiting.popleft()
        except IndexError:
            return None
