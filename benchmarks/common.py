"""What the sending benchmarks share: a house of their own, sinks and readers.

Owns: a throwaway installation (PostgreSQL as durable as in production, or SQLite; Redis; a real
issue with its DKIM key; readers in bulk; workers and scheduler started by the ``dongtai``
command), and the SMTP servers at the other end. Promises: everything is gone afterwards, also
when it is ended from outside.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from accounts import Machine, Run, Yardstick, cpu_seconds

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from tests.cluster import Cluster  # noqa: E402 - it needs the path above
from tests.installation import (  # noqa: E402 - it needs the path above
    Installation,
    RedisServer,
    new_database,
    short_directory,
    wait_until,
)

REAL = ROOT.parent / "shared" / "manuscripts"
SAMPLE = ROOT / "src" / "dongtai_mail" / "demo" / "sample.md"
DOMAINS = ("qq.test", "163.test", "126.test", "mail.test", "firm.example", "school.example")
DURABLE = ("max_connections=200", "shared_buffers=2GB", "max_wal_size=4GB")
SMTP_SINK = Path("/usr/sbin/smtp-sink")
SMTP_SOURCE = Path("/usr/sbin/smtp-source")
WORKERS = 2
CONNECTIONS = 10
PATIENCE = 60.0
SLOWEST = 50
CHUNK = 20_000

SUBSCRIPTIONS_SQL = """
INSERT INTO subscribers_subscription
       (subscriber_id, subscriber_list_id, state, created_at, changed_at)
SELECT id, {list}, 'confirmed', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP
  FROM subscribers_subscriber WHERE id > {before} ORDER BY id
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sink:
    """An SMTP server that throws mail away, on the house's one port while it is entered."""

    def __init__(self, name: str, command: list[str], port: int) -> None:
        self.name = name
        self._command = command
        self._port = port

    def __enter__(self) -> Sink:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._listens, f"{self.name} listens")
        return self

    def _listens(self) -> bool:
        assert self.process.poll() is None, f"{self.name} ended at once"
        inode = f"0100007F:{self._port:04X} 00000000:0000 0A"
        return inode in Path("/proc/net/tcp").read_text()

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def sinks(directory: Path, port: int) -> list[Sink]:
    """Postfix's smtp-sink where it is installed, and the fast one of our own, compiled here."""
    binary = directory / "sink"
    subprocess.run(["cc", "-O2", "-o", binary, HERE / "sink.c"], check=True)
    fast = Sink("fast sink", [str(binary), str(port)], port)
    if not SMTP_SINK.exists():
        return [fast]
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    return [Sink("smtp-sink", [str(SMTP_SINK), *user, f"127.0.0.1:{port}", "1024"], port), fast]


class House:
    """An installation with a real issue. This process is Django on its database, too."""

    def __init__(
        self, directory: Path, cluster: Cluster | None, redis: RedisServer, port: int
    ) -> None:
        self.directory = directory
        self.redis = redis
        self.cluster = cluster
        url = new_database(cluster) if cluster else f"sqlite:///{directory}/dongtai.sqlite3"
        relay = f"smtp+plain://127.0.0.1:{port}?connections={CONNECTIONS}"
        self.installation = Installation(directory, url, self.redis.url, relay)
        self.environment.update(DONGTAI_LOG_LEVEL="WARNING")
        self._keys = itertools.count(1)
        self._publish()

    @property
    def environment(self) -> dict[str, str]:
        return self.installation.environment

    def _publish(self) -> None:
        run = self.installation.run
        real = sorted(REAL.glob("002*.txt"))
        self.manuscript = real[0] if real else SAMPLE
        run(
            *("publication", "add", "observer", "--name", "云港观察"),
            *("--from-name", "云港观察编辑部", "--from-address", "editor@news.example.org"),
        )
        run("publication", "dkim", "observer")
        run("import", self.manuscript, "--publication", "observer")
        os.environ.update(self.environment)
        import django

        django.setup()
        from dongtai_mail.issues.editions import freeze
        from dongtai_mail.issues.models import Issue, Publication

        Publication.objects.update(needs_approval=False)
        self.edition = freeze(Issue.objects.get(), "full")

    def fill(self, slug: str, count: int) -> None:
        """A list of so many readers, with the rows that an import makes."""
        from django.db import connection
        from django.db.models import Max

        from subscribers.models import Subscriber

        self.installation.run("publication", "add-list", "observer", slug, slug)
        before = Subscriber.objects.aggregate(last=Max("id"))["last"] or 0
        first, last = before + 1, before + count
        by_model = min(last, before + CHUNK) if self.cluster else last
        people = [self._person(number) for number in range(first, by_model + 1)]
        Subscriber.objects.bulk_create(people, batch_size=1_000)
        with connection.cursor() as cursor:
            if by_model < last:
                cursor.execute(_more_readers(people[0]), [by_model + 1, last, people[0].pk])
            cursor.execute(SUBSCRIPTIONS_SQL.format(list=self.list(slug).pk, before=before))
            cursor.execute("ANALYZE")

    def _person(self, number: int):
        from subscribers.models import Subscriber

        domain = DOMAINS[number % len(DOMAINS)]
        address = f"reader{number}@{domain}"
        return Subscriber(
            address=address,
            key=address,
            provider=domain,
            name=f"读者{number}",
            organisation=f"单位{number}",
        )

    def list(self, slug: str):
        from subscribers.models import SubscriberList

        return SubscriberList.objects.get(slug=slug)

    def schedule(self, slug: str):
        """A new mailing of the issue to a list, due now."""
        from dongtai_mail.delivery import scheduling

        key = f"benchmark-{next(self._keys)}"
        return scheduling.schedule(self.edition, self.list(slug), request_key=key)

    def start_workers(self) -> None:
        self.worker = self.installation.start("worker", "worker", "--concurrency", str(WORKERS))
        self.scheduler = self.installation.start("scheduler")

    def stop_workers(self) -> None:
        self.installation.terminate("scheduler")
        self.installation.terminate("worker")

    def pids(self) -> dict[str, int]:
        """The roots of the process trees whose CPU is accounted for."""
        roots = {"workers": self.worker.pid, "scheduler": self.scheduler.pid}
        if self.cluster:
            roots["database"] = self.cluster.pid
        return {**roots, "Redis": self.redis.pid}

    def mail(self, slug: str, sink: Sink) -> Run:
        """Mail the issue to a list, as the rows tell it: from its start to the last acceptance."""
        from django.db.models import Max

        roots = {**self.pids(), "sink": sink.process.pid}
        # It makes a key, which is nobody's CPU.
        yardstick = Yardstick()
        before, machine = {name: cpu_seconds(pid) for name, pid in roots.items()}, Machine()
        mailing = self.schedule(slug)
        self.wait(mailing)
        signature = yardstick.stop()
        cpu = {name: cpu_seconds(pid) - before[name] for name, pid in roots.items()}
        cpu |= machine.besides(sum(cpu.values()))
        accepted = mailing.deliveries.filter(state=2)
        last = accepted.aggregate(last=Max("changed_at"))["last"]
        assert accepted.count() == mailing.targeted, self.installation.log("worker")[-2000:]
        seconds = (last - mailing.started_at).total_seconds()
        return Run(mailing.targeted, seconds, cpu, WORKERS, signature)

    def wait(self, mailing) -> None:
        until = (
            time.monotonic() + PATIENCE + mailing.subscriber_list.subscriptions.count() / SLOWEST
        )
        while mailing.state != mailing.State.FINISHED:
            assert self.worker.poll() is None, self.installation.log("worker")[-2000:]
            assert time.monotonic() < until, self.installation.log("worker")[-2000:]
            time.sleep(0.2)
            mailing.refresh_from_db()

    def close(self) -> None:
        from django.db import connection

        connection.close()
        self.installation.close()


def _more_readers(model) -> str:
    """SQL that makes readers like one there is. Models need minutes for a million.

    The hash is none that a reader's key has, but as long, and each its own: the indexes and the
    look for suppressed readers cost the same.
    """
    domain = f"(ARRAY[{', '.join(map(repr, DOMAINS))}])[n %% {len(DOMAINS)} + 1]"
    address = f"'reader' || n || '@' || {domain}"
    own = {
        **{"address": address, "key": address, "hash": "md5(n::text)", "provider": domain},
        **{"name": "'读者' || n", "organisation": "'单位' || n"},
    }
    columns = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    return (
        f"INSERT INTO subscribers_subscriber ({', '.join(columns)})"
        f" SELECT {', '.join(own.get(column, f'like_this.{column}') for column in columns)}"
        "  FROM subscribers_subscriber like_this, generate_series(%s, %s) n"
        " WHERE like_this.id = %s"
    )


@contextlib.contextmanager
def house(port: int, sqlite: bool = False) -> Iterator[House]:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(short_directory())
        cluster = None if sqlite else stack.enter_context(Cluster(DURABLE))
        redis = RedisServer(directory)
        stack.callback(redis.stop)
        built = House(directory, cluster, redis, port)
        stack.callback(built.close)
        yield built
