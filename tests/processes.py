"""Fixtures for tests that run real processes: PostgreSQL, Redis, SMTP, and the product on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster, find_initdb
from tests.installation import Installation, RedisServer, new_database, short_directory
from tests.smtp_server import SmtpServer


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if find_initdb() is None:
        pytest.skip("there is no PostgreSQL")
    with Cluster() as running:
        yield running


@pytest.fixture
def directory() -> Iterator[Path]:
    with short_directory() as path:
        yield path


@pytest.fixture
def redis(directory: Path) -> Iterator[RedisServer]:
    server = RedisServer(directory)
    yield server
    server.stop()


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture
def installation(
    directory: Path, cluster: Cluster, redis: RedisServer, smtp: SmtpServer
) -> Iterator[Installation]:
    relay = f"smtp+plain://127.0.0.1:{smtp.port}"
    running = Installation(directory, new_database(cluster), redis.url, relay)
    yield running
    running.close()
