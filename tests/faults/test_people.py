"""People pause, resume and cancel in the middle: fault 13."""

from __future__ import annotations

import threading
import time

from tests.faults.fairness import FairClock
from tests.faults.world import READERS, World
from tests.installation import PATIENCE, wait_until

SECONDS = 2


class _Slow:
    """A server that takes its time until told otherwise, and knows when a message last began."""

    def __init__(self, world: World) -> None:
        self.seconds = 0.2
        self.last = 0.0
        self._world = world
        self._clock: FairClock | None = None
        self._acted = threading.Event()
        world.smtp.script = self

    def __call__(self, stage: str, argument: str) -> None:
        if stage != "data":
            return
        if len(self._world.smtp.received) > READERS / 2:
            # Leave something to do for whoever acts, however slow the machine.
            self._acted.wait(PATIENCE)
        if self._clock is not None:
            self.last = self._clock.now()
        time.sleep(self.seconds)

    def acted(self) -> None:
        self._clock = FairClock()
        self._acted.set()


def _in_the_middle(world: World) -> _Slow:
    slow = _Slow(world)
    world.start_worker()
    world.send()
    world.wait(lambda: len(world.smtp.received) >= 20, "the sending is in the middle")
    return slow


def _ask(world: World, slow: _Slow, verb: str) -> None:
    """No message begins from two seconds after the command on."""
    world.installation.run("mailing", verb, 1)
    slow.acted()
    wait_until(lambda: not world.ledger()["leased"], "what was claimed is given back")
    assert slow.last < SECONDS


def test_after_a_pause_no_message_begins_and_resuming_sends_exactly_the_rest(world: World) -> None:
    slow = _in_the_middle(world)
    _ask(world, slow, "pause")
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
    _ask(world, slow, "cancel")
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
    slow.acted()
    world.finish()
    ledger = world.ledger()
    assert ledger == {"accepted": READERS - 20, "suppressed": 20}
    assert len(world.smtp.received) == READERS - 20
    world.assert_adds_up()
    assert world.duplicates() == 0
