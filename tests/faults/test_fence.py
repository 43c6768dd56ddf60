"""A worker cut off from PostgreSQL alone: its relay and Redis are there, and another worker."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.faults.forwarder import Forwarder
from tests.faults.world import World
from tests.smtp_server import SmtpServer

# A relay so slow that much is left to begin when the lease is over, which is ten seconds.
SECONDS_A_MESSAGE = 0.25
BATCH = 80


@pytest.fixture
def way(world: World) -> Iterator[Forwarder]:
    """To the database."""
    port = urlsplit(world.installation.environment["DONGTAI_DATABASE_URL"]).port
    forwarder = Forwarder("127.0.0.1", {0: int(port or 0)})
    yield forwarder
    world.installation.close()
    forwarder.close()


@pytest.fixture
def slow(world: World) -> Iterator[SmtpServer]:
    """The relay of the one that is cut off; what it takes is counted with the others'."""

    def script(stage: str, argument: str) -> None:
        if stage == "dot":
            time.sleep(SECONDS_A_MESSAGE)

    with SmtpServer(script) as server:
        yield server


def test_a_worker_without_its_database_begins_nothing_once_its_lease_may_be_over(
    world: World, way: Forwarder, slow: SmtpServer
) -> None:
    _start_apart(world, way, slow)
    world.send()
    world.wait(lambda: len(slow.received) > 2, "it is in the middle")
    way.cut()
    world.start_worker("other")
    lapsed = "event=batch-lapsed"
    world.wait(lambda: lapsed in world.installation.log("other"), "its batch is settled")
    begun = len(slow.received)
    world.smtp.received += slow.received
    world.finish()
    world.assert_everybody_has_one()
    assert len(slow.received) == begun < BATCH


def _start_apart(world: World, way: Forwarder, slow: SmtpServer) -> None:
    """As on a host of its own: with a data directory that nobody else reads."""
    environment = world.installation.environment
    data = world.installation.directory / "apart"
    shutil.copytree(world.installation.directory / "data", data)
    port = urlsplit(environment["DONGTAI_DATABASE_URL"]).port
    url = environment["DONGTAI_DATABASE_URL"].replace(f":{port}", f":{way.ports[0]}")
    world.start_worker(
        "apart",
        DONGTAI_DATA_DIR=str(data),
        DONGTAI_DATABASE_URL=url,
        DONGTAI_RELAY_URL=f"smtp+plain://127.0.0.1:{slow.port}?connections=1",
        DONGTAI_BATCH_SIZE=str(BATCH),
    )
