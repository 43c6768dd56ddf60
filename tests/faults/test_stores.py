"""Redis, PostgreSQL or the disk fail in the middle of a mailing: faults 3, 4 and 12."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.faults.world import READERS, Gate, World
from tests.installation import wait_until

LEASE = 5


def test_a_worker_killed_while_redis_is_flushed_has_its_journal(world: World) -> None:
    gate = Gate(world)
    world.start_worker()
    world.send()
    gate.wait()
    world.redis.client().flushall()
    world.installation.kill("worker")
    gate.open()
    world.start_worker()
    world.finish()
    world.assert_everybody_has_one(doubled=5)


def test_without_redis_nothing_is_begun_and_it_goes_on_with_an_empty_one(world: World) -> None:
    gate = Gate(world)
    world.start_worker()
    world.send()
    gate.wait()
    world.redis.stop()
    received = len(world.smtp.received)
    gate.open()
    wait_until(lambda: "unreachable" in world.installation.log("worker"), "it is noticed")
    # What was behind its evidence is finished, nothing else.
    assert len(world.smtp.received) <= received + 5
    world.redis.start()
    world.finish()
    world.assert_everybody_has_one()


def test_postgresql_restarted_in_the_middle_leaves_no_send_unrecorded(
    world: World, cluster: Cluster
) -> None:
    gate = Gate(world)
    world.start_worker(concurrency=2)
    world.send()
    gate.wait()
    cluster.stop()
    gate.open()
    wait_until(lambda: "unreachable" in world.installation.log("worker"), "it is noticed")
    cluster.start()
    world.finish()
    world.assert_everybody_has_one()
    assert not world.value("SELECT count(*) FROM delivery_attempt")


def test_postgresql_away_for_longer_than_the_lease_doubles_nothing(
    world: World, cluster: Cluster
) -> None:
    world.installation.environment["DONGTAI_LEASE_SECONDS"] = str(LEASE)
    gate = Gate(world)
    world.start_worker(concurrency=2)
    world.send()
    gate.wait()
    cluster.stop()
    over = time.monotonic() + 2 * LEASE
    gate.open()
    wait_until(lambda: "unreachable" in world.installation.log("worker"), "it is noticed")
    wait_until(lambda: time.monotonic() > over, "the leases are over")
    cluster.start()
    world.finish()
    world.assert_everybody_has_one()


@pytest.fixture
def small_disk(world: World) -> Iterator[Path]:
    """The data directory on a file system of its own, which is easily full."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = world.installation.directory / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], check=True)
    shutil.copytree(world.installation.directory / "data", disk, dirs_exist_ok=True)
    world.installation.environment["DONGTAI_DATA_DIR"] = str(disk)
    yield disk
    world.installation.close()
    # A child that was killed may take a moment longer to let go of it.
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_lets_nothing_begin_and_loses_nothing(world: World, small_disk: Path) -> None:
    # Long numbers and large batches, so that the journal soon needs another page of the disk: what
    # it frees when it starts afresh lasts for some ninety readers.
    readers = 5 * READERS
    world.add_readers(readers)
    world.query("ALTER SEQUENCE delivery_delivery_id_seq RESTART 1000000000000000000")
    world.installation.environment["DONGTAI_BATCH_SIZE"] = str(readers)
    gate = Gate(world)
    world.start_worker()
    world.send()
    gate.wait()
    filler = _fill(small_disk)
    gate.open()
    world.wait(lambda: "No space left" in world.note(), "staff are told")
    assert world.state() == "sending"
    wait_until(lambda: world.ledger()["accepted"] == len(world.smtp.received), "all is recorded")
    assert len(world.smtp.received) < readers
    world.assert_adds_up(readers)
    filler.unlink()
    world.finish()
    world.assert_everybody_has_one(readers)


def _fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass
    return filler
