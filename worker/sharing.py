"""Who gets this process's sessions: every lane its part, and no provider all of them.

Promises: every lane that has something to do gets a part; a provider that leaves sessions without
an answer keeps only so many as others don't need, and gets a lane of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from dongtai_mail.delivery import queue
from dongtai_mail.delivery.queue import Claimed, Queued
from worker.flow import Flow, Lines
from worker.grants import Grants

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
        """Give every flow its part of the sessions, none more than its provider allows."""
        left = self._lines.relays.capacity
        ranked = sorted(flows.items(), key=lambda pair: self._useful(*pair))
        for place, (key, flow) in enumerate(ranked):
            part = max(1, left // (len(ranked) - place))
            want = min(part, self._useful(key, flow))
            flow.share = self._grants.slots(key.lane, self._worker, want)
            left = max(0, left - flow.share)
            self._loop.call_soon_threadsafe(self._lines.staff, flow)

    def _useful(self, key: Queued, flow: Flow) -> int:
        limit = self._grants.limit(key.lane).connections
        useful = len(flow.waiting) + flow.lines
        if key.lane in self._stuck:
            useful = min(useful, self._patient)
        return useful if limit is None else min(limit, useful)


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
