"""What a flow must not begin, whatever waits in it."""

from __future__ import annotations

import pytest

from dongtai_mail.delivery.letters import Letters
from dongtai_mail.delivery.queue import Claimed
from tests import factories
from worker import flow as module
from worker.clock import steady
from worker.flow import Flow

TAKEN, KEPT = (Claimed(pk, pk, f"{pk}@post.test", "", "post.test", 6 + pk) for pk in (1, 2))


@pytest.fixture
def flow(db) -> Flow:
    flow = Flow("", Letters(factories.mailing()), fence=steady() + 60)
    flow.waiting.extend([TAKEN, KEPT])
    return flow


def test_what_another_worker_has_settled_is_not_begun(flow: Flow) -> None:
    flow.lost.add(TAKEN.batch_id)
    assert flow.take() == KEPT
    assert [(each.delivery, each.reply) for each in flow.drain()] == [(TAKEN, None)]
    assert flow.withdraws(TAKEN)
    assert not flow.withdraws(KEPT)


def test_nothing_is_begun_when_the_database_was_not_heard_from_for_long(flow: Flow) -> None:
    flow.fence = steady()
    assert flow.take() is None
    assert flow.withdraws(TAKEN)
    assert list(flow.waiting) == [TAKEN, KEPT]


def test_nothing_is_begun_by_a_machine_that_slept_longer_than_its_lease(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "steady", lambda: steady() + 3600)
    assert flow.take() is None
    assert list(flow.waiting) == [TAKEN, KEPT]
