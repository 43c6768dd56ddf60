"""What a flow must not begin, whatever waits in it."""

from __future__ import annotations

import email
import time
from email.utils import parsedate_to_datetime

import pytest

from dongtai_mail.delivery.letters import Letters
from dongtai_mail.delivery.queue import Claimed
from dongtai_mail.message.address import AddressError
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


def test_letters_are_written_ahead_and_are_each_reader_s_own(flow: Flow) -> None:
    broken = Claimed(3, 3, "no address", "", "", 9)
    last = Claimed(4, 4, "4@post.test", "", "post.test", 9)
    flow.waiting.extend([broken, last])
    for delivery in (TAKEN, KEPT):
        assert flow.take() == delivery
        assert flow.letter(delivery).recipient.wire == delivery.address
    assert flow.take() == broken
    with pytest.raises(AddressError):
        flow.letter(broken)
    # What was put back is written again.
    assert flow.letter(TAKEN).recipient.wire == TAKEN.address
    assert flow.take() == last
    assert flow.letter(last).recipient.wire == last.address


def test_letters_written_ahead_are_those_of_the_next(flow: Flow) -> None:
    """Without that, each is written by itself, and nobody notices but the processor."""
    assert flow.take() == TAKEN
    first = flow.letter(TAKEN)
    assert flow.take() == KEPT
    ahead = dict(flow._ahead)
    assert set(ahead) == {KEPT}
    second = flow.letter(KEPT)
    assert second is ahead[KEPT]
    assert first.message != second.message
    assert not flow._ahead


def test_letters_bear_the_time_at_which_they_were_written(flow: Flow) -> None:
    before = time.time()
    flow.take()
    message = email.message_from_bytes(flow.letter(TAKEN).message)
    after = time.time()
    dated = parsedate_to_datetime(message["Date"]).timestamp()
    assert int(before) <= dated <= after
    assert f"t={int(dated)};" in message["DKIM-Signature"]


def test_a_letter_that_was_written_long_ago_is_written_anew(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow.take()
    flow.letter(TAKEN)
    early = flow._ahead[KEPT]
    monkeypatch.setattr(module, "steady", lambda: steady() + module.AHEAD_SECONDS)
    assert flow.letter(KEPT) is not early


def test_a_reader_who_moved_before_the_delivery_was_claimed_again_is_written_to_there(
    flow: Flow,
) -> None:
    flow.take()
    flow.letter(TAKEN)
    moved = KEPT._replace(subscription_id=8, address="new@post.test", batch_id=9)
    assert flow.letter(moved).recipient.wire == moved.address


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
