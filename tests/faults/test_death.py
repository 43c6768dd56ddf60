"""Workers die at the worst moments: faults 1 and 2 of the list, and stopping on request."""

from __future__ import annotations

import os
import signal
import threading
import time

from tests.faults.fairness import FairClock, children
from tests.faults.world import READERS, World
from tests.smtp_server import DROP, KEEP_AND_DROP

SESSIONS = 5
STOP_SECONDS = 10
LONG = 3600


def test_killed_before_the_final_dot_each_message_is_sent_once(world: World) -> None:
    """The worker dies while the server holds back its answer to RCPT, and then one to DATA."""
    world.send()
    spared = []
    for stage, after in (("rcpt", 60), ("data", 150)):
        killed = _kill_at(world, stage, after)
        world.start_worker()
        killed.wait()
        spared.append(killed.recipient)
    world.start_worker()
    world.finish()
    # Other sessions may have been behind their dot; these two were not.
    world.assert_everybody_has_one(doubled=2 * SESSIONS)
    assert [world.smtp.recipients().count(each) for each in spared] == [1, 1]


def _kill_at(world: World, stage: str, after: int) -> _Killing:
    killing = _Killing(world, stage, after)
    world.smtp.script = killing
    return killing


class _Killing:
    """A script that kills the worker from inside the dialogue, once."""

    def __init__(self, world: World, stage: str, after: int) -> None:
        self._world, self._stage, self._after = world, stage, after
        self.done = threading.Event()
        self.recipient = ""

    def __call__(self, stage: str, argument: str) -> str | None:
        due = stage == self._stage and len(self._world.smtp.received) >= self._after
        if not due or self.done.is_set():
            return None
        self._world.installation.kill("worker")
        self.recipient = argument
        self.done.set()
        # At "dot" the message is the server's, though nobody hears so.
        return KEEP_AND_DROP if stage == "dot" else DROP

    def wait(self) -> None:
        self._world.wait(self.done.is_set, "the worker is killed")


def test_killed_behind_the_dot_is_unconfirmed_and_resent_with_the_same_id(world: World) -> None:
    killed = _kill_at(world, "dot", after=60)
    world.installation.environment["DONGTAI_UNCONFIRMED_SECONDS"] = str(LONG)
    world.start_worker()
    world.send()
    killed.wait()
    world.start_worker()
    world.wait(lambda: world.ledger()["unconfirmed"], "the doubt is counted")
    world.wait(lambda: world.ledger()["accepted"] > READERS - 2 * SESSIONS, "the rest is sent")
    unconfirmed = world.ledger()["unconfirmed"]
    assert 1 <= unconfirmed <= SESSIONS
    assert world.duplicates() == 0
    assert world.state() == "sending"
    world.assert_adds_up()
    world.finish()
    world.assert_everybody_has_one(doubled=unconfirmed)
    assert world.duplicates() >= 1
    ids: dict[str, set[bytes]] = {}
    for message in world.smtp.received:
        (line,) = [each for each in message.data.split(b"\r\n") if each.startswith(b"Message-ID:")]
        ids.setdefault(message.recipient, set()).add(line)
    assert {len(of_one) for of_one in ids.values()} == {1}


def test_unconfirmed_messages_are_left_alone_where_the_mailing_says_so(world: World) -> None:
    killed = _kill_at(world, "dot", after=60)
    world.query("UPDATE delivery_mailing SET unconfirmed_policy = 'leave'")
    world.send()
    world.start_worker()
    world.wait(killed.done.is_set, "the worker is killed")
    world.start_worker()
    world.finish()
    world.assert_adds_up()
    ledger = world.ledger()
    assert 1 <= ledger["unconfirmed"] <= SESSIONS
    assert ledger["accepted"] + ledger["unconfirmed"] == READERS
    assert world.duplicates() == 0
    attempts = world.query("SELECT stage, code FROM delivery_attempt")
    assert attempts == [("final", None)] * ledger["unconfirmed"]


def test_a_connection_lost_behind_the_dot_is_unconfirmed(world: World) -> None:
    dropped: list[str] = []

    def script(stage: str, argument: str) -> str | None:
        if stage == "dot" and len(dropped) < 3 and len(world.smtp.received) > 40:
            dropped.append(argument)
            return KEEP_AND_DROP
        return None

    world.smtp.script = script
    world.start_worker()
    world.send()
    world.finish()
    world.assert_everybody_has_one(doubled=3)
    assert world.value("SELECT count(*) FROM delivery_attempt WHERE stage = 'final'") == 3


def test_a_stop_on_request_finishes_what_is_on_its_way_and_doubles_nothing(world: World) -> None:
    slow = _slow(world)
    world.start_worker(concurrency=2)
    world.send()
    world.wait(lambda: len(world.smtp.received) > 50, "the sending is under way")
    _stop(world)
    ledger = world.ledger()
    assert not ledger["leased"]
    assert not ledger["unconfirmed"]
    assert ledger["accepted"] == len(world.smtp.received)
    world.assert_adds_up()
    slow.clear()
    world.start_worker(concurrency=2)
    world.finish()
    world.assert_everybody_has_one()


def test_a_stop_on_request_works_after_a_child_was_killed(world: World) -> None:
    slow = _slow(world)
    world.start_worker(concurrency=2)
    world.send()
    world.wait(lambda: len(world.smtp.received) > 30, "the sending is under way")
    parent = world.installation.processes["worker"].pid
    killed = children(parent)
    for child in killed:
        os.kill(child, signal.SIGKILL)
    world.wait(lambda: len(set(children(parent)) - set(killed)) == 2, "the children are replaced")
    _stop(world)
    slow.clear()
    world.start_worker()
    world.finish()
    world.assert_everybody_has_one(doubled=2 * SESSIONS)


def test_a_stop_on_request_ends_although_a_child_hangs(world: World) -> None:
    slow = _slow(world)
    world.start_worker(concurrency=2)
    world.send()
    world.wait(lambda: len(world.smtp.received) > 30, "the sending is under way")
    for child in children(world.installation.processes["worker"].pid):
        os.kill(child, signal.SIGSTOP)
    _stop(world)
    slow.clear()
    world.start_worker()
    world.finish()
    world.assert_everybody_has_one(doubled=2 * SESSIONS)


def _slow(world: World) -> threading.Event:
    """A server that takes its time until the event is cleared."""
    slow = threading.Event()
    slow.set()
    world.smtp.script = lambda stage, argument: (
        time.sleep(0.05) if stage == "data" and slow.is_set() else None
    )
    return slow


def _stop(world: World) -> None:
    process = world.installation.processes["worker"]
    clock = FairClock()
    process.terminate()
    clock.wait(lambda: process.poll() is not None, STOP_SECONDS, "the worker has stopped")
    del world.installation.processes["worker"]
