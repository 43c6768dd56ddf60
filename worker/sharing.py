"""Who gets this process's sessions: every lane its part, and no provider all of them.

Promises: every lane that has something to do gets a part; a provider that leaves sessions without
an answer keeps only so many as others don't need, and gets a lane of its own.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

from dongtai_mail.delivery import queue
from dongtai_mail.delivery.queue import Claimed, Queued
from worker.flow import Flow
from worker.grants import Grants
from worker.lines import Lines

Flows = Mapping[Queued, Flow]


class Sharing:
    def __init__(
        self, worker: str, loop: asyncio.AbstractEventLoop, lines: Lines, grants: Grants
    ) -> None:
        self._worker = worker
        self._loop = loop
        self._lines = lines
        self._grants = grants
        self._stuck: set[str] = set()

    def step_around(self, flows: Flows) -> None:
        """Keep providers that don't answer from holding all sessions while others wait."""
        self._stuck = self._lines.stuck()
        if not self._stuck:
            return
        waiting = {(each.provider, lane) for lane, each in waiting_in(flows)}
        for provider in self._stuck & {provider for provider, lane in waiting if lane != provider}:
            own_lane(flows, provider)
        if {provider for provider, _ in waiting} - self._stuck:
            self._loop.call_soon_threadsafe(self._lines.relieve, self._patient)

    @property
    def _patient(self) -> int:
        """How many sessions may wait for one provider that doesn't answer."""
        return max(1, self._lines.relays.capacity // 4)

    def share_out(self, flows: Flows) -> None:
        """Give every lane its part of the sessions, none more than its provider allows."""
        lanes: dict[str, list[Flow]] = defaultdict(list)
        for key, flow in flows.items():
            lanes[key.lane].append(flow)
        left, unserved = self._lines.relays.capacity, len(flows)
        for lane, its in sorted(lanes.items(), key=lambda pair: self._useful(*pair)):
            part = max(1, left * len(its) // unserved)
            want = min(part, self._useful(lane, its))
            granted = self._grants.slots(lane, self._worker, want)
            left, unserved = max(0, left - granted), unserved - len(its)
            self._deal(its, granted)

    def _deal(self, flows: Sequence[Flow], sessions: int) -> None:
        """Divide a lane's sessions among its mailings, those with little to do first."""
        ranked = sorted(flows, key=_work)
        for place, flow in enumerate(ranked):
            part = -(-sessions // (len(ranked) - place))
            flow.share = min(part, _work(flow))
            sessions -= flow.share
            self._loop.call_soon_threadsafe(self._lines.staff, flow)

    def _useful(self, lane: str, flows: Sequence[Flow]) -> int:
        limit = self._grants.limit(lane).connections
        useful = sum(map(_work, flows))
        if lane in self._stuck:
            useful = min(useful, self._patient)
        return useful if limit is None else min(limit, useful)


def _work(flow: Flow) -> int:
    """How many sessions it could use."""
    return len(flow.waiting) + flow.lines


def waiting_in(flows: Flows) -> list[tuple[str, Claimed]]:
    """What is claimed and not begun, with its lane."""
    return [(key.lane, each) for key, flow in flows.items() for each in flow.waiting.copy()]


def own_lane(flows: Flows, provider: str) -> None:
    """Give a provider a lane of its own, and begin nothing more for it in another or now."""
    queue.own_lane(provider)
    for key, flow in flows.items():
        if key.lane == provider:
            flow.stop = True
        flow.resting.add(provider)
