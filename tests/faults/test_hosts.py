"""Three hosts share one mailing, and one of them is cut off in the middle.

Each host is a network namespace with a link of its own; what it reaches of PostgreSQL, Redis and
the relay goes over that link, which is taken down as a cable is pulled: nobody is told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.faults.forwarder import Forwarder
from tests.faults.world import READERS, Gate, World
from tests.installation import RedisServer, wait_until

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("ip"), reason="only root can make networks"
)
SESSIONS = 5
# Networks of this process's own, where tests run side by side.
NETWORK = f"10.{128 + os.getpid() % 128}"


class Host:
    """A namespace behind a link, with a data directory of its own."""

    def __init__(self, world: World, number: int) -> None:
        self.name = f"dt{os.getpid() % 10000}h{number}"
        self._world = world
        near, far = f"{NETWORK}.{number}.1", f"{NETWORK}.{number}.2"
        self.link = f"{self.name}v"
        _ip("netns", "add", self.name)
        _ip("link", "add", self.link, "type", "veth", "peer", "name", "up0", "netns", self.name)
        _ip("addr", "add", f"{near}/24", "dev", self.link)
        _ip("link", "set", self.link, "up")
        for command in (f"addr add {far}/24 dev up0", "link set up0 up", "link set lo up"):
            _ip("-n", self.name, *command.split())
        environment = world.installation.environment
        database = urlsplit(environment["DONGTAI_DATABASE_URL"])
        ports = [int(database.port or 0), world.redis.port, world.smtp.port]
        self._forwarder = Forwarder(near, {port: port for port in ports})
        data = world.installation.directory / self.name
        shutil.copytree(world.installation.directory / "data", data)
        self.environment = {
            "DONGTAI_DATA_DIR": str(data),
            "DONGTAI_DATABASE_URL": environment["DONGTAI_DATABASE_URL"].replace("127.0.0.1", near),
            "DONGTAI_REDIS_URL": f"redis://{near}:{world.redis.port}",
            "DONGTAI_RELAY_URL": f"smtp+plain://{near}:{world.smtp.port}?connections={SESSIONS}",
        }

    def start(self) -> None:
        self._world.start_worker(
            self.name, 1, prefix=("ip", "netns", "exec", self.name), **self.environment
        )

    def cut_off(self) -> None:
        _ip("link", "set", self.link, "down")

    def join(self) -> None:
        _ip("link", "set", self.link, "up")

    def close(self) -> None:
        self._forwarder.close()
        _ip("netns", "del", self.name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def redis(directory) -> Iterator[RedisServer]:
    server = RedisServer(directory, tcp=True)
    yield server
    server.stop()


@pytest.fixture
def hosts(world: World) -> Iterator[list[Host]]:
    made = [Host(world, number) for number in range(1, 4)]
    yield made
    world.installation.close()
    for host in made:
        host.close()


def _all_in_the_middle(world: World, hosts: list[Host]) -> Gate:
    gate = Gate(world)
    # Small, so that those who come first leave something to the others.
    world.installation.environment["DONGTAI_BATCH_SIZE"] = "20"
    for host in hosts:
        host.start()
    log = world.installation.log
    wait_until(lambda: all("ready." in log(host.name) for host in hosts), "all are there")
    world.send()
    gate.wait()
    world.wait(lambda: _workers(world) == len(hosts), "each host has its part")
    return gate


def _workers(world: World) -> int:
    return int(
        world.value(
            "SELECT count(DISTINCT worker) FROM delivery_batch batch "
            "JOIN delivery_delivery delivery ON delivery.batch_id = batch.id "
            "WHERE delivery.state = 1"
        )
    )


def test_a_host_that_is_cut_off_briefly_goes_on_where_it_was(
    world: World, hosts: list[Host]
) -> None:
    world.installation.environment["DONGTAI_LEASE_SECONDS"] = "60"
    gate = _all_in_the_middle(world, hosts)
    hosts[0].cut_off()
    gate.open()
    world.wait(lambda: world.ledger()["accepted"] > READERS / 2, "the others go on")
    hosts[0].join()
    world.finish()
    world.assert_everybody_has_one(doubled=SESSIONS)


def test_what_a_host_held_when_it_was_cut_off_goes_by_others_and_once(
    world: World, hosts: list[Host]
) -> None:
    # Logs name each task then.
    world.installation.environment["DONGTAI_LOG_LEVEL"] = "DEBUG"
    gate = _all_in_the_middle(world, hosts)
    hosts[0].cut_off()
    gate.open()
    world.finish()
    world.assert_everybody_has_one(doubled=SESSIONS)
    before = len(world.smtp.received)
    # Back after its lease was settled: it has leases to give up, and nothing to send.
    hosts[0].join()
    log = world.installation.log
    looked = log(hosts[0].name).count("succeeded")
    # What was sent to it meanwhile is sent again after as long again, at the most (RFC 6298, 5.5).
    world.wait(lambda: log(hosts[0].name).count("succeeded") > looked, "it is back")
    assert len(world.smtp.received) == before
    world.assert_everybody_has_one(doubled=SESSIONS)
