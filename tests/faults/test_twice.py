"""Things happen twice, and clocks jump: faults 5 and 6."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.world import READERS, Gate, World
from tests.installation import ROOT, wait_until

FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def test_two_schedulers_and_many_tasks_make_one_send(world: World) -> None:
    for name in ("first", "second"):
        data = world.installation.directory / name
        data.mkdir()
        world.installation.start(name, "scheduler", DONGTAI_DATA_DIR=str(data))
    for name in ("worker", "another"):
        world.start_worker(name, concurrency=2)
    world.send()
    for _ in range(50):
        world.call()
    world.finish()
    world.assert_everybody_has_one()


def test_two_clicks_at_once_make_one_mailing(world: World) -> None:
    world.query("DELETE FROM delivery_mailing")
    world.query("ALTER SEQUENCE delivery_mailing_id_seq RESTART")
    command = [sys.executable, "-m", "dongtai_mail", "send", "1", "--list", "readers"]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    clicks = [
        subprocess.Popen(command, env=world.installation.environment, cwd=ROOT, **output)
        for _ in range(2)
    ]
    for click in clicks:
        click.communicate()
    assert 0 in {click.returncode for click in clicks}
    world.start_worker(concurrency=2)
    world.finish()
    assert world.value("SELECT count(*) FROM delivery_mailing") == 1
    world.assert_everybody_has_one()


def test_a_schedule_missed_by_more_than_its_grace_asks(world: World) -> None:
    world.send(after="-7 hours")
    world.start_worker()
    world.wait(lambda: world.state() == "missed", "the mailing asks")
    assert not world.smtp.received
    world.installation.run("mailing", "resume", 1)
    world.finish()
    world.assert_everybody_has_one()


def _a_day_ahead() -> dict[str, str]:
    if not FAKETIME:
        pytest.skip("there is no libfaketime")
    return {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME": "+1d",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def test_a_worker_whose_clock_jumped_ahead_starts_nothing_early(world: World) -> None:
    ahead = _a_day_ahead()
    world.send(after="23 hours")
    # Its log names each task then.
    world.start_worker("ahead", **ahead, DONGTAI_LOG_LEVEL="DEBUG")
    # Whose clock is right: what it sends is a day old, as that worker sees it.
    world.installation.start("scheduler")
    log = world.installation.log
    wait_until(lambda: log("ahead").count("succeeded") >= 3, "it is called, and looks")
    assert world.state() == "scheduled"
    assert not world.smtp.received


def test_a_worker_whose_clock_jumped_ahead_takes_no_batch_from_another(world: World) -> None:
    ahead = _a_day_ahead()
    gate = Gate(world)
    world.start_worker()
    world.send()
    gate.wait()
    leased = world.ledger()["leased"]
    assert leased
    world.start_worker("ahead", **ahead)
    world.call()
    wait_until(lambda: world.ledger()["leased"] > leased, "it has looked, and claimed")
    gate.open()
    world.finish()
    world.assert_everybody_has_one()
    assert len(world.smtp.received) == READERS
