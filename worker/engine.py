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
from dongtai_mail.delivery import mailings, pace, queue
from dongtai_mail.delivery.letters import Letters
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.delivery.queue import Claimed, Outcome, Queued
from dongtai_mail.logs import event
from dongtai_mail.message.reply import Verdict, classify
from worker import duties, journal, notes, sharing
from worker.apart import Away, away
from worker.clock import steady
from worker.flow import Flow
from worker.grants import Grants, share
from worker.journal import Journal
from worker.lines import Lines
from worker.notes import Notes
from worker.relays import Relays
from worker.report import Report
from worker.sharing import Sharing
from worker.stop import stopping

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
        self._grants = Grants(self._redis)
        self._report = Report(self._redis, self.name)
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp", daemon=True)
        self._thread.start()
        made = asyncio.run_coroutine_threadsafe(self._make_lines(), self._loop)
        self._lines = made.result()
        self._sharing = Sharing(self.name, self._loop, self._lines, self._grants)
        self._flows: dict[Queued, Flow] = {}
        # By mailing: loading the key and encoding the edition take tens of milliseconds.
        self._letters: dict[int, Letters] = {}
        # Deliveries of each batch of ours that are not recorded yet.
        self._open: dict[int, set[int]] = {}
        self._unrecorded: list[Outcome] = []
        self._departures: queue.Departures | None = None
        self._watch = queue.Watch()
        self._extended = self._ticked = 0.0
        self._asked = self._starting = False

    async def _make_lines(self) -> Lines:
        relays = Relays(settings.RELAYS, warmup=self._grants.warmup)
        return Lines(relays, self._journal, Notes(settings.REDIS_URL))

    def drive(self, call_another: Callable[[], object], due: bool = True) -> None:
        """Do all there is to do for now; ``call_another`` wakes one more process.

        What the clock asks for is seen to first where something may be ``due``.
        """
        if due:
            self._ticked = 0.0
        while not (stopping.is_set() or self._loop.is_closed()):
            try:
                self._look(call_another)
            except Away as error:
                logger.warning(away(error, sending="waits"))
                self._hold()
            except Exception:
                # The flows are this process's own: nobody else would look after them.
                logger.exception(event("failed", sending="waits"))
                self._hold()
            if not (self._flows or self._unrecorded or duties.STARTING.busy):
                return
            self._starting = duties.STARTING.busy
            stopping.wait(LOOK_SECONDS, self._ran_out)
        self.close()

    def _look(self, call_another: Callable[[], object]) -> None:
        # First what keeps this process's own leases, whatever fails after it.
        self._record()
        self._notice()
        self._end_flows()
        if time.monotonic() - self._ticked >= TICK_SECONDS:
            duties.tick(self._redis, self._watch)
            self._grants.refresh()
            self._report.send(self._lines.relays.standings())
            self._ticked = time.monotonic()
            self._ask_database()
        self._sharing.step_around(self._flows)
        self._top_up(call_another)
        self._sharing.share_out(self._flows)

    def _ask_database(self) -> None:
        """Tell those who watch, once, if what is recorded here may be forgotten."""
        if not self._asked and (off := database.forgetful()):
            logger.error(event("database-forgets", off=off))
        self._asked = True

    def _ran_out(self) -> bool:
        """Whether a lane is through, or a mailing begun, before the next look is due."""
        begun = self._starting and not duties.STARTING.busy
        return begun or any(flow.over for flow in self._flows.values())

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
            sharing.own_lane(self._flows, provider)
            seconds = self._grants.slower(provider, reply.said)
            if seconds:
                told = {"provider": provider, "seconds": round(seconds), "reply": reply.text}
                logger.warning(event("provider-paused", **told))

    def _notice(self) -> None:
        """See what has changed outside: mailings, leases, readers who left."""
        asked = steady()
        sending = mailings.sending()
        for gone in self._letters.keys() - sending:
            del self._letters[gone]
        if self._open:
            self._extend(asked)
            self._skip_departed()
        for key, flow in self._flows.items():
            flow.stop = flow.stop or key.mailing_id not in sending
            flow.fence = asked + min(FENCE_SECONDS, settings.LEASE_SECONDS / 2)

    def _extend(self, asked: float) -> None:
        if asked - self._extended < settings.LEASE_SECONDS / 6:
            return
        lost = self._open.keys() - queue.extend(list(self._open))
        self._extended = asked
        for pk in lost:
            # Another worker has settled it: what was not begun here is not ours to send.
            del self._open[pk]
            logger.warning(event("batch-lost", batch=pk))
        self._loop.call_soon_threadsafe(self._lines.forget, list(lost))
        self._report.lost(lost)
        for flow in self._flows.values():
            flow.lost |= lost

    def _skip_departed(self) -> None:
        """Give back what has not been begun for readers who left; the next claim suppresses it."""
        if self._departures is None:
            return
        gone = self._departures.among([each for _, each in sharing.waiting_in(self._flows)])
        for flow in self._flows.values():
            flow.skip |= gone

    def _end_flows(self) -> None:
        for key, flow in list(self._flows.items()):
            if flow.stop:
                returned = flow.give_back()
                self._unrecorded += returned
                if flow.refused and returned:
                    self._grants.give_back(key, len(returned))
            if flow.over and flow.outcomes.empty():
                del self._flows[key]
                self._finish(key, flow)

    def _finish(self, key: Queued, flow: Flow) -> None:
        self._record()
        mailings.remark(key.mailing_id, flow.refused)
        if flow.refused:
            self._grants.hold(key, flow.rest)
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
            if self._fill(key, flow) == share(key) < key.left:
                call_another()

    def _wants(self, key: Queued, flow: Flow | None) -> bool:
        if self._grants.rests(key):
            return False
        if flow is None:
            return len(self._flows) < self._lines.relays.capacity
        return not flow.stop and len(flow.waiting) < share(key)

    def _fill(self, key: Queued, flow: Flow | None) -> int:
        """Claim for one lane; answers how much."""
        try:
            granted = self._grants.permits(key)
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
            self._grants.rest(key.lane, TICK_SECONDS)
            mailings.remark(key.mailing_id, f"暂时不能发送，会自动再试：{error}")
            return 0
        if claimed:
            self._adopt(key, flow, claimed)
        return len(claimed)

    def _new_flow(self, key: Queued) -> Flow:
        letters = self._letters.get(key.mailing_id)
        if letters is None:
            related = ("edition__issue__publication", "subscriber_list")
            mailing = Mailing.objects.select_related(*related).get(pk=key.mailing_id)
            letters = self._letters[key.mailing_id] = Letters(mailing)
        limit = self._grants.limit(key.lane)
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
            flow.fence = steady() + min(FENCE_SECONDS, settings.LEASE_SECONDS / 2)
        flow.skip -= self._open[batch_id]
        flow.waiting.extend(claimed)
        if new:
            # It sends while the other lanes are claimed for.
            self._sharing.share_out(self._flows)

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
            logger.warning(away(error, outcomes=len(self._unrecorded)))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        self._loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
