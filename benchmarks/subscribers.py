"""A million readers from a file, beside a bare COPY of the same file, and out again.

    python benchmarks/subscribers.py [--rows 1000000]

Runs on a PostgreSQL of its own, as durable as in production. Prints the import's rate over all of
it (receiving, validating, judging, taking in), the rate of COPY into a table without any index or
check, the greatest memory of the importing process, and the export's rate and memory.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from accounts import cpu_seconds  # beside this file

from tests.cluster import Cluster

DURABLE = ("max_connections=20", "shared_buffers=512MB", "max_wal_size=4GB")
DOMAINS = ("qq.com", "163.com", "126.com", "gmail.com", "outlook.com", "firm.example")
BAD = 100  # one in so many rows can't be imported, and as many come twice
FOREIGN = 500  # one in so many has its domain in Chinese


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    count = parser.parse_args().rows
    with Cluster(DURABLE) as cluster, tempfile.TemporaryDirectory() as directory:
        os.environ["DONGTAI_DATABASE_URL"] = cluster.url
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        file = Path(directory) / "readers.csv"
        write_file(file, count)
        _set_up()
        bare = _copy(file)
        _import(file, count, bare, cluster.pid)
        _export(count)
    return 0


def write_file(file: Path, count: int) -> None:
    chance = random.Random(7)
    with file.open("w", encoding="utf-8") as out:
        out.write("邮箱,姓名,单位\n")
        for line in lines(count, chance):
            out.write(line)
    print(f"{count:,} rows, {file.stat().st_size / 1e6:.0f} MB")


def lines(count: int, chance: random.Random) -> Iterator[str]:
    for number in range(count):
        if number % BAD == 1:
            yield f"reader {number} at nowhere,读者{number},单位\n"
        else:
            who = number - 2 if number % BAD == 4 else number
            domain = DOMAINS[who % len(DOMAINS)] if who % FOREIGN else "大学.cn"
            yield f"Reader.{who}@{domain},读者{number},第{number % 5000}单位\n"


def _set_up() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _copy(file: Path) -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare (address text, name text, organisation text)")
        started = time.perf_counter()
        with (
            file.open("rb") as data,
            cursor.copy("COPY bare FROM STDIN (FORMAT csv, HEADER)") as stream,
        ):
            while piece := data.read(1 << 16):
                stream.write(piece)
        seconds = time.perf_counter() - started
        cursor.execute("DROP TABLE bare")
    return seconds


def _import(file: Path, count: int, bare: float, server: int) -> None:
    from subscribers import importing
    from subscribers.models import ImportRun, Subscription
    from tests import factories

    before = _memory()
    used, used_by_server = time.process_time(), cpu_seconds(server)
    started = time.perf_counter()
    with file.open("rb") as data:
        run = importing.receive(
            factories.subscriber_list(), iter(lambda: data.read(1 << 20), b""), file.name
        )
    run.basis = "benchmark"
    importing.begin_here(run, proceed=False)
    checked, checked_here = time.perf_counter(), time.process_time() - used
    checked_there = cpu_seconds(server) - used_by_server
    ImportRun.objects.filter(pk=run.pk).update(state="running")
    importing.advance(run.pk)
    seconds = time.perf_counter() - started
    used, used_by_server = time.process_time() - used, cpu_seconds(server) - used_by_server
    run = ImportRun.objects.get(pk=run.pk)
    assert run.state == "done", run.note
    assert Subscription.objects.count() == run.counts["added"], run.counts
    print(f"bare COPY   {bare:6.1f} s  {count / bare:9,.0f} rows/s")
    print(f"import      {seconds:6.1f} s  {count / seconds:9,.0f} rows/s  {run.counts}")
    # While rows are checked, Python works beside one backend; while they are taken in, two
    # backends work side by side: on an idle machine the greater of each pair is the time.
    joined = used_by_server - checked_there
    print(
        f"  check     {checked - started:6.1f} s; CPU {checked_here:.1f} s here"
        f" beside {checked_there:.1f} s in PostgreSQL"
    )
    print(
        f"  join      {started + seconds - checked:6.1f} s; CPU {used - checked_here:.1f} s here"
        f" beside {joined:.1f} s in two backends"
    )
    idle = max(checked_here, checked_there) + joined / 2
    print(f"  by CPU    {idle:6.1f} s  {count / idle:9,.0f} rows/s on two idle cores")
    print(f"  memory    {before} MB before, {_memory()} MB at most")


def _export(count: int) -> None:
    from subscribers import exporting
    from subscribers.models import SubscriberList

    started = time.perf_counter()
    found = exporting.rows(SubscriberList.objects.get())
    size = sum(map(len, exporting.csv_chunks(found)))
    seconds = time.perf_counter() - started
    print(f"export CSV  {seconds:6.1f} s  {count / seconds:9,.0f} rows/s  {size / 1e6:.0f} MB")
    print(f"  memory    {_memory()} MB at most")


def _memory() -> int:
    """The most that this process has ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    sys.exit(main())
