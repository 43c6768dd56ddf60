"""A small installation that is quick to set up, and the counting that every fault ends with.

``Template`` is made once: publication, readers, an edition. A ``World`` is a copy of it with
processes of its own; what it knows of deliveries it reads from the database, as SQL, and from
what the SMTP server received.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
from celery import Celery

from tests.cluster import Cluster
from tests.installation import PATIENCE, Installation, RedisServer, new_database, wait_until
from tests.smtp_server import SmtpServer

READERS = 300
# A worker that is called all the time leaves nothing of a small machine to the others.
CALL_SECONDS = 0.4
DOMAINS = ("qq.test", "163.test", "example.com", "example.net", "post.test")
LISTS = ("readers", "peculiar")
STATES = (
    *("queued", "leased", "accepted", "deferred"),
    *("bounced", "suppressed", "unconfirmed", "cancelled"),
)
MANUSCRIPT = """云港观察

2026 年第 7 期（总第 7 期）

2026 年 11 月 20 日

● 行业资讯

- 云港启用无人码头.....1

行业资讯

云港启用无人码头

云港的新码头昨日启用，首日装卸四百箱。

（来源：云港日报 2026-11-19）
"""
BATCH = 40
QUICK = {
    "DONGTAI_BATCH_SIZE": str(BATCH),
    "DONGTAI_LEASE_SECONDS": "10",
    "DONGTAI_UNCONFIRMED_SECONDS": "1",
}


def reader(number: int) -> str:
    return f"reader{number}@{DOMAINS[number % 5]}"


class Template:
    """An installation ready to send, from which others are copied."""

    def __init__(self, directory: Path, cluster: Cluster) -> None:
        self.cluster = cluster
        self.data = directory / "data"
        self.database_url = new_database(cluster)
        nowhere = "redis://127.0.0.1:1", "smtp+plain://127.0.0.1:1"
        manuscript = directory / "issue.txt"
        manuscript.write_text(MANUSCRIPT)
        sender = ("--from-name", "云港观察编辑部", "--from-address", "editor@news.example.org")
        peculiar = ("用户@例子.测试", "plain@post.test")
        Installation(directory, self.database_url, *nowhere, migrate=False).run_all(
            [
                ("manage", "migrate", "-v", "0"),
                ("publication", "add", "observer", "--name", "云港观察", *sender),
                ("publication", "dkim", "observer"),
                *(("publication", "add-list", "observer", slug, slug) for slug in LISTS),
                _importing(directory, "readers", map(reader, range(READERS))),
                _importing(directory, "peculiar", peculiar),
                ("import", manuscript, "--publication", "observer"),
                # Mailing 1, which every copy has; its time is far away until it is sent.
                ("send", 1, "--list", "readers", "--at", "2099-01-01T09:00"),
            ]
        )

    def copy(self, directory: Path, redis: RedisServer, relay: str) -> Installation:
        shutil.copytree(self.data, directory / "data")
        url = new_database(self.cluster, self.database_url.rpartition("/")[2])
        made = Installation(directory, url, redis.url, relay, migrate=False)
        made.environment |= QUICK
        return made


def _importing(directory: Path, slug: str, addresses: Iterable[str]) -> tuple[object, ...]:
    """The command that takes these addresses into a list."""
    table = directory / f"{slug}.csv"
    table.write_text("邮箱,姓名\n" + "".join(f"{each},读者\n" for each in addresses))
    return ("subscribers", "import", table, "--list", slug)


class World:
    def __init__(self, installation: Installation, redis: RedisServer, smtp: SmtpServer) -> None:
        self.installation = installation
        self.redis = redis
        self.smtp = smtp
        self._caller = Celery(broker=redis.url, set_as_current=False)
        self._called = self._passed = 0.0
        self._connection: psycopg.Connection | None = None
        self.gates: list[Gate] = []

    def close(self) -> None:
        """End its processes; a server that a failed test left waiting goes on, and can end."""
        for gate in self.gates:
            gate.open()
        self.installation.close()
        self._forget_database()

    def start_worker(
        self,
        name: str = "worker",
        concurrency: int = 1,
        prefix: tuple[str, ...] = (),
        **environment: str,
    ) -> None:
        arguments = ("worker", "--concurrency", str(concurrency))
        self.installation.start(name, *arguments, prefix=prefix, **environment)

    def add_readers(self, count: int) -> None:
        """Have so many readers in all."""
        more = map(reader, range(READERS, count))
        self.installation.run(*_importing(self.installation.directory, "readers", more))

    def send(self, slug: str = "readers", after: str = "0") -> None:
        """Mailing 1 is due now, or ``after`` an interval."""
        self.query(
            "UPDATE delivery_mailing SET scheduled_at = now() + %s::interval, subscriber_list_id = "
            "(SELECT id FROM subscribers_subscriberlist WHERE slug = %s)",
            after,
            slug,
        )

    def call(self) -> None:
        """Wake a worker, as the scheduler does every five seconds."""
        self._caller.send_task("worker.tasks.drive")

    def own_lane(self, provider: str) -> None:
        """Staff gave this provider a lane of its own, without limits."""
        self.query(
            "INSERT INTO delivery_providerlimit (provider, changed_at) VALUES (%s, now())", provider
        )

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            cursor = self._database().execute(statement, values)
        except psycopg.OperationalError:
            # The server was restarted since.
            self._forget_database()
            cursor = self._database().execute(statement, values)
        return cursor.fetchall() if cursor.description else []

    def _forget_database(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _database(self) -> psycopg.Connection:
        """Kept open: to log in costs more than to ask, and tests ask all the time."""
        if self._connection is None:
            url = self.installation.database_url
            self._connection = psycopg.connect(url, autocommit=True)
        return self._connection

    def value(self, statement: str, *values: object) -> Any:
        return self.query(statement, *values)[0][0]

    def state(self) -> str:
        return str(self.value("SELECT state FROM delivery_mailing WHERE id = 1"))

    def note(self) -> str:
        return str(self.value("SELECT note FROM delivery_mailing WHERE id = 1"))

    def ledger(self) -> Counter[str]:
        rows = self.query("SELECT state, count(*) FROM delivery_delivery GROUP BY 1")
        return Counter({STATES[state]: count for state, count in rows})

    def time_passes(self) -> None:
        """What was put off is due now."""
        self.query(
            "UPDATE delivery_delivery SET due_at = now() - interval '1 second' "
            "WHERE due_at IS NOT NULL"
        )

    def wait(self, condition: Any, what: str, seconds: float = PATIENCE) -> None:
        """Wait while workers are called as by the scheduler, only more often."""

        def look() -> bool:
            self.installation.assert_alive()
            self._call_gently()
            return bool(condition())

        wait_until(look, what, seconds)

    def _call_gently(self) -> None:
        """Keep one call in the queue, though not all the time; Redis may be away just now."""
        import redis as redis_client

        if time.monotonic() < self._called + CALL_SECONDS:
            return
        self._called = time.monotonic()
        try:
            if not self.redis.client().llen("celery"):
                self.call()
        except (redis_client.RedisError, OSError, self._caller.connection().connection_errors):
            pass

    def finish(self) -> None:
        """Wait for the end, time passing for whatever was put off."""

        def finished() -> bool:
            if time.monotonic() > self._passed + CALL_SECONDS:
                self.time_passes()
                self._passed = time.monotonic()
            return self.state() == "finished"

        self.wait(finished, "the mailing is finished")

    def duplicates(self) -> int:
        return sum(count - 1 for count in Counter(self.smtp.recipients()).values())

    def assert_everybody_has_one(self, readers: int = READERS, doubled: int = 0) -> None:
        """All readers are accounted for, none lost, at most ``doubled`` written to twice."""
        self.assert_adds_up(readers)
        assert self.ledger() == {"accepted": readers}
        assert len(set(self.smtp.recipients())) == readers
        assert self.duplicates() <= doubled

    def assert_adds_up(self, readers: int = READERS) -> None:
        """The rows, the tally that the page shows, and what was targeted agree."""
        assert self.value("SELECT targeted FROM delivery_mailing WHERE id = 1") == readers
        rows = self.query("SELECT state, sum(delta) FROM delivery_tally GROUP BY 1")
        tally = Counter({STATES[state]: int(count) for state, count in rows if count})
        assert tally == self.ledger()
        assert sum(tally.values()) == readers


class Gate:
    """A script that holds the whole server at one message, until the test has done its thing."""

    def __init__(self, world: World, stage: str = "data", after: int = 60) -> None:
        self._world, self._stage, self._after = world, stage, after
        self._reached, self._open = threading.Event(), threading.Event()
        world.smtp.script = self
        world.gates.append(self)

    def __call__(self, stage: str, argument: str) -> None:
        if stage == self._stage and len(self._world.smtp.received) >= self._after:
            self._reached.set()
            self._open.wait(PATIENCE)

    def wait(self) -> None:
        self._world.wait(self._reached.is_set, "the sending is in the middle")

    def open(self) -> None:
        self._open.set()
