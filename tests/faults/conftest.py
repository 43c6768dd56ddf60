"""A copy of one small installation for each fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import KEEPING, Cluster, find_initdb
from tests.faults.world import Template, World
from tests.installation import RedisServer, short_directory
from tests.processes import directory, redis, smtp
from tests.smtp_server import SmtpServer

__all__ = ["directory", "redis", "smtp"]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if find_initdb() is None:
        pytest.skip("there is no PostgreSQL")
    with Cluster(KEEPING) as running:
        yield running


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> Iterator[Template]:
    with short_directory() as path:
        yield Template(path, cluster)


@pytest.fixture
def world(
    template: Template, directory: Path, redis: RedisServer, smtp: SmtpServer
) -> Iterator[World]:
    relay = f"smtp+plain://127.0.0.1:{smtp.port}?connections=5"
    installation = template.copy(directory, redis, relay)
    made = World(installation, redis, smtp)
    yield made
    made.close()
    # pytest shows it only where a test failed.
    for name in sorted(directory.glob("*.log")):
        print(f"== {name.name}\n{installation.log(name.stem)[-20000:]}")
