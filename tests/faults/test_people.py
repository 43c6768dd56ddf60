"""People pause, resume and cancel in the middle: fault 13."""

from __future__ import annotations

import time

from tests.faults.world import READERS, World
from tests.installation import wait_until


class _Slow:
    """A server that takes its time until told otherwise, and knows when each message began."""

    def __init__(self, world: World) -> None:
        self.last = 0.0
        self.seconds = 0.2
        world.smtp.script = self

    def __call__(self, stage: str, argument: str) -> None:
        if stage == "data":
            self.last = time.monotonic()
            time.sleep(self.seconds)


def _in_the_middle(world: World) -> _Slow:
    slow = _Slow(world)
    world.start_worker()
    world.send()
    world.wait(lambda: len(world.smtp.received) >= 20, "the sending is in the middle")
    return slow


def _given_back(world: World) -> None:
    wait_until(lambda: not world.ledger()["leased"], "what was claimed is given back")


def test_after_a_pause_no_message_begins_and_resuming_sends_exactly_the_rest(world: World) -> None:
    slow = _in_the_middle(world)
    world.installation.run("mailing", "pause", 1)
    paused = time.monotonic()
    _given_back(world)
    assert slow.last < paused + 2
    ledger = world.ledger()
    assert ledger["accepted"] == len(world.smtp.received) < READERS
    assert ledger["queued"] == READERS - ledger["accepted"]
    world.call()
    slow.seconds = 0.0
    world.installation.run("mailing", "resume", 1)
    world.finish()
    world.assert_everybody_has_one()


def test_after_a_cancellation_the_rest_is_cancelled_for_good(world: World) -> None:
    slow = _in_the_middle(world)
    world.installation.run("mailing", "cancel", 1)
    cancelled = time.monotonic()
    _given_back(world)
    assert slow.last < cancelled + 2
    world.wait(lambda: not world.ledger()["queued"], "the rest is cancelled")
    ledger = world.ledger()
    assert ledger["accepted"] == len(world.smtp.received) < READERS
    assert ledger["accepted"] + ledger["cancelled"] == READERS
    world.assert_adds_up()
    assert world.duplicates() == 0


def test_a_reader_who_leaves_in_the_middle_gets_nothing_and_is_counted(world: World) -> None:
    slow = _in_the_middle(world)
    world.query(
        "UPDATE subscribers_subscription SET state = 'unsubscribed' WHERE id IN "
        "(SELECT subscription_id FROM delivery_delivery WHERE state IN (0, 1) "
        "ORDER BY id DESC LIMIT 20)"
    )
    world.query(
        "INSERT INTO subscribers_subscriptionevent (subscription_id, state, source, detail, at) "
        "SELECT id, state, 'test', '', now() FROM subscribers_subscription "
        "WHERE state = 'unsubscribed'"
    )
    slow.seconds = 0.0
    world.finish()
    assert slow.last
    ledger = world.ledger()
    assert ledger == {"accepted": READERS - 20, "suppressed": 20}
    assert len(world.smtp.received) == READERS - 20
    world.assert_adds_up()
    assert world.duplicates() == 0
