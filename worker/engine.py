"""The engine of a worker process: claim, send, record, until there is nothing to do anywhere.

Owns: this process's loop thread, its flows, its journal. ``drive`` is what the task calls; it
looks twice a second: records outcomes, notices pauses, departures and its own stop, tops flows up
and shares the sessions out. Promises: a pause or stop ends a flow within a look, and what was not
begun goes back; every lane with something to do and a pace to do it gets its share, so that none
holds up the others. Fails: while the database or Redis is away nothing new is begun, and what was
sent is recorded once the database is back; if this process ends before that, its journal tells.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable

from django.conf import settings
from django.db import connection

from dongtai_mail import database
from dongtai_mail.delivery import mailings, pace, providers, queue
from dongtai_mail.delivery.letters import Letters
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.delivery.providers import OTHERS, Limit
from dongtai_mail.delivery.queue import Claimed, Outcome, Queued
from dongtai_mail.logs import event
from dongtai_mail.message.reply import Verdict, classify
from worker import duties, journal, notes
from worker.apart import Away
from worker.flow import Flow, Lines
from worker.journal import Journal
from worker.notes import Notes
from worker.relays import Relays
from worker.report import Report
from worker.stop import stopping
from worker.throttle import Throttle
from worker.warmup import Warmup

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
TICK_SECONDS = 5.0
RETRY_SECONDS = 1.0
# When the database was silent for so long, no message is begun: the leases may be lost.
FENCE_SECONDS = 20.0
# A stop lets messages on their way end; the journal tells of those that take longer.
STOP_SECONDS = 6.0


class Engine:
    """One a process, kept between tasks with its open sessions."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._journal = Journal(settings.DATA_DIR / "journal")
        self._redis = pace.client()
        self._throttle = Throttle(self._redis)
        self._warmup = Warmup(self._redis)
        self._report = Report(self._redis, self.name)
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp", daemon=True)
        self._thread.start()
        made = asyncio.run_coroutine_threadsafe(self._make_lines(), self._loop)
        self._lines = made.result()
        self._flows: dict[Queued, Flow] = {}
        # By mailing: loading the key and encoding the edition take tens of milliseconds.
        self._letters: dict[int, Letters] = {}
        # Deliveries of each batch of ours that are not recorded yet.
        self._open: dict[int, set[int]] = {}
        self._unrecorded: list[Outcome] = []
        self._limits: dict[str, Limit] = {}
        self._not_before: dict[str, float] = {}
        self._stuck: set[str] = set()
        self._departures: queue.Departures | None = None
        self._watch = queue.Watch()
        self._extended = self._ticked = 0.0
        self._asked = False

    async def _make_lines(self) -> Lines:
        relays = Relays(settings.RELAYS, warmup=self._warmup)
        return Lines(relays, self._journal, Notes(settings.REDIS_URL))

    def drive(self, call_another: Callable[[], object]) -> None:
        """Do all there is to do for now; ``call_another`` wakes one more process."""
        self._ticked = 0.0
        while not (stopping.is_set() or self._loop.is_closed()):
            try:
                self._look(call_another)
            except Away as error:
                logger.warning(event("unreachable", sending="waits", error=error))
                self._hold()
            except Exception:
                # The flows are this process's own: nobody else would look after them.
                logger.exception(event("failed", sending="waits"))
                self._hold()
            if not self._flows and not self._unrecorded:
                return
            stopping.wait(LOOK_SECONDS, self._ran_out)
        self.close()

    def _look(self, call_another: Callable[[], object]) -> None:
        # First what keeps this process's own leases, whatever fails after it.
        self._record()
        self._notice()
        self._end_flows()
        if time.monotonic() - self._ticked >= TICK_SECONDS:
            duties.tick(self._redis, self._watch)
            self._limits = providers.limits()
            self._report.send(self._lines.relays.standings())
            self._ticked = time.monotonic()
            self._ask_database()
        self._step_around()
        self._top_up(call_another)
        self._share_out()

    def _ask_database(self) -> None:
        """Tell those who watch, once, if what is recorded here may be forgotten."""
        if not self._asked and (off := database.forgetful()):
            logger.error(event("database-forgets", off=off))
        self._asked = True

    def _ran_out(self) -> bool:
        """Whether a lane is through before the next look is due."""
        return any(flow.over for flow in self._flows.values())

    def _hold(self) -> None:
        """Begin nothing until the next look goes well."""
        for flow in self._flows.values():
            flow.fence = 0.0
        connection.close()
        stopping.wait(RETRY_SECONDS)

    def _record(self) -> None:
        """Write down what became of things; keep it until the database has it."""
        for flow in self._flows.values():
            self._unrecorded += flow.drain()
        if not self._unrecorded:
            return
        outcomes = list(self._unrecorded)
        queue.record(outcomes)
        self._unrecorded.clear()
        for outcome in outcomes:
            self._open.get(outcome.delivery.batch_id, set()).discard(outcome.delivery.id)
        self._report.count(outcomes)
        self._close_batches()
        self._slow_down(outcomes)

    def _close_batches(self) -> None:
        done = [pk for pk, left in self._open.items() if not left]
        if not done:
            return
        queue.close(done)
        self._loop.call_soon_threadsafe(self._lines.forget, done)
        self._report.ended(done)
        for pk in done:
            del self._open[pk]

    def _slow_down(self, outcomes: Iterable[Outcome]) -> None:
        """Slow down for providers that complain, each in a lane of its own."""
        complaints = {
            outcome.delivery.provider: outcome.reply
            for outcome in outcomes
            if outcome.reply and classify(outcome.reply) is Verdict.LIMITED
        }
        for provider, reply in complaints.items():
            queue.own_lane(provider)
            self._hold_back(provider)
            seconds = self._throttle.slower(provider, f"{reply.code or ''} {reply.text}".strip())
            if seconds:
                told = {"provider": provider, "seconds": round(seconds), "reply": reply.text}
                logger.warning(event("provider-paused", **told))

    def _step_around(self) -> None:
        """Keep providers that don't answer from holding all sessions while others wait."""
        self._stuck = self._lines.stuck()
        if not self._stuck:
            return
        waiting = {(each.provider, lane) for lane, each in self._waiting()}
        for provider in self._stuck & {provider for provider, lane in waiting if lane != provider}:
            queue.own_lane(provider)
            self._hold_back(provider)
        if {provider for provider, _ in waiting} - self._stuck:
            self._loop.call_soon_threadsafe(self._lines.relieve, self._patient)

    @property
    def _patient(self) -> int:
        """How many sessions may wait for one provider that doesn't answer."""
        return max(1, self._lines.relays.capacity // 4)

    def _hold_back(self, provider: str) -> None:
        """Begin nothing more for a provider; what waits for it goes back into its lane."""
        for key, flow in self._flows.items():
            if key.lane == provider:
                flow.stop = True
            flow.resting.add(provider)

    def _notice(self) -> None:
        """See what has changed outside: mailings, leases, readers who left."""
        asked = time.monotonic()
        sending = mailings.sending()
        for gone in self._letters.keys() - sending:
            del self._letters[gone]
        if self._open:
            self._extend(asked)
            self._skip_departed()
        for key, flow in self._flows.items():
            flow.stop = flow.stop or key.mailing_id not in sending
            flow.fence = asked + min(FENCE_SECONDS, settings.LEASE_SECONDS / 2)

    def _waiting(self) -> list[tuple[str, Claimed]]:
        """What is claimed and not begun, with its lane."""
        flows = self._flows.items()
        return [(key.lane, delivery) for key, flow in flows for delivery in flow.waiting.copy()]

    def _extend(self, asked: float) -> None:
        if asked - self._extended < settings.LEASE_SECONDS / 6:
            return
        lost = self._open.keys() - queue.extend(list(self._open))
        self._extended = asked
        for pk in lost:
            # Another worker has settled it: what was not begun here is not ours to send.
            del self._open[pk]
            logger.warning(event("batch-lost", batch=pk))
        self._report.lost(lost)
        for flow in self._flows.values():
            flow.lost |= lost

    def _skip_departed(self) -> None:
        """Give back what has not been begun for readers who left; the next claim suppresses it."""
        if self._departures is None:
            return
        gone = self._departures.among([delivery for _, delivery in self._waiting()])
        for flow in self._flows.values():
            flow.skip |= gone

    def _end_flows(self) -> None:
        for key, flow in list(self._flows.items()):
            if flow.stop:
                self._unrecorded += flow.give_back()
            if flow.over and flow.outcomes.empty():
                del self._flows[key]
                self._finish(key, flow)

    def _finish(self, key: Queued, flow: Flow) -> None:
        self._record()
        mailings.remark(key.mailing_id, flow.refused)
        if flow.refused:
            self._not_before[key.lane] = time.monotonic() + RETRY_SECONDS
        else:
            mailings.settle(key.mailing_id)

    def _top_up(self, call_another: Callable[[], object]) -> None:
        """Claim for every lane that runs low, as far as its provider's pace allows."""
        if not self._lines.relays.capacity:
            return
        for key in queue.waiting():
            flow = self._flows.get(key)
            if not self._wants(key, flow):
                continue
            claimed = self._fill(key, flow)
            if claimed == settings.BATCH_SIZE:
                call_another()

    def _wants(self, key: Queued, flow: Flow | None) -> bool:
        if time.monotonic() < self._not_before.get(key.lane, 0.0):
            return False
        if flow is None:
            return len(self._flows) < self._lines.relays.capacity
        return not flow.stop and len(flow.waiting) < settings.BATCH_SIZE

    def _fill(self, key: Queued, flow: Flow | None) -> int:
        """Claim for one lane; answers how much."""
        try:
            granted = self._permits(key)
            if not granted:
                return 0
            # Made first: what can't be written is not claimed.
            flow = flow or self._new_flow(key)
            claimed = queue.claim(key.mailing_id, key.lane, self.name, granted, self._begin)
        except Away:
            raise
        except Exception as error:
            # One mailing's trouble is not the others'.
            logger.exception(event("claim-failed", mailing=key.mailing_id, lane=key.lane))
            self._not_before[key.lane] = time.monotonic() + TICK_SECONDS
            mailings.remark(key.mailing_id, f"暂时不能发送，会自动再试：{error}")
            return 0
        if claimed:
            self._adopt(key, flow, claimed)
        return len(claimed)

    def _permits(self, key: Queued) -> int:
        size: int = settings.BATCH_SIZE
        room = self._warmup.room(settings.RELAYS, key.lane)
        if room == 0:
            self._not_before[key.lane] = time.monotonic() + TICK_SECONDS
            return 0
        size = size if room is None else min(size, room)
        if key.per_minute is None:
            return self._lane_permits(key.lane, size)
        allowed, _ = self._throttle.mailing_permits(key.mailing_id, size, key.per_minute)
        granted = self._lane_permits(key.lane, allowed) if allowed else 0
        if granted < allowed:
            self._throttle.give_back(key.mailing_id, allowed - granted)
        return granted

    def _lane_permits(self, lane: str, size: int) -> int:
        granted, wait = self._throttle.permits(lane, size, self._limit(lane))
        if not granted:
            self._not_before[lane] = time.monotonic() + min(wait, TICK_SECONDS)
        return granted

    def _limit(self, lane: str) -> Limit:
        return self._limits.get(lane, OTHERS)

    def _new_flow(self, key: Queued) -> Flow:
        letters = self._letters.get(key.mailing_id)
        if letters is None:
            related = ("edition__issue__publication", "subscriber_list")
            mailing = Mailing.objects.select_related(*related).get(pk=key.mailing_id)
            letters = self._letters[key.mailing_id] = Letters(mailing)
        limit = self._limit(key.lane)
        return Flow(key.lane, letters, limit.messages_per_connection)

    def _begin(self, batch_id: int) -> None:
        """Begin the evidence of a batch before anything is leased to it."""
        if not self._open:
            # What the journal says so far is recorded; who left until now is not claimed.
            self._journal.forget()
            self._departures = queue.Departures()
        self._journal.write(journal.batch(batch_id))
        notes.begin(self._redis, batch_id)

    def _adopt(self, key: Queued, flow: Flow, claimed: list[Claimed]) -> None:
        batch_id = claimed[0].batch_id
        self._open[batch_id] = {delivery.id for delivery in claimed}
        self._report.begun(batch_id, key)
        self._loop.call_soon_threadsafe(self._lines.adopt, batch_id)
        new = key not in self._flows
        if new:
            self._flows[key] = flow
            flow.fence = time.monotonic() + min(FENCE_SECONDS, settings.LEASE_SECONDS / 2)
        flow.skip -= self._open[batch_id]
        flow.waiting.extend(claimed)
        if new:
            # It sends while the other lanes are claimed for.
            self._share_out()

    def _share_out(self) -> None:
        """Give every flow its part of the sessions, none more than its provider allows."""
        left = self._lines.relays.capacity
        ranked = sorted(self._flows.items(), key=lambda pair: self._useful(*pair))
        for place, (key, flow) in enumerate(ranked):
            part = max(1, left // (len(ranked) - place))
            want = min(part, self._useful(key, flow))
            flow.share = self._throttle.slots(key.lane, self.name, want, self._limit(key.lane))
            left = max(0, left - flow.share)
            self._loop.call_soon_threadsafe(self._lines.staff, flow)

    def _useful(self, key: Queued, flow: Flow) -> int:
        limit = self._limit(key.lane).connections
        useful = len(flow.waiting) + flow.lines
        if key.lane in self._stuck:
            useful = min(useful, self._patient)
        return useful if limit is None else min(limit, useful)

    def close(self) -> None:
        """Let messages on their way end, give the rest back, and say goodbye to the relays."""
        if self._loop.is_closed():
            return
        for flow in self._flows.values():
            flow.stop = True
        closed = asyncio.run_coroutine_threadsafe(self._lines.close(STOP_SECONDS), self._loop)
        closed.result(STOP_SECONDS + 3)
        for flow in self._flows.values():
            self._unrecorded += flow.give_back()
        try:
            self._record()
            if not self._open:
                self._journal.end()
        except Away as error:
            logger.warning(event("unreachable", outcomes=len(self._unrecorded), error=error))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        self._loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
