"""Messages a second and CPU a message: the whole product beside tools that do far less.

Run ``python benchmarks/send.py [--messages N] [--rounds 3] [--sqlite]``. It needs PostgreSQL's
programs (unless ``--sqlite``), a C compiler and, for smtp-sink and smtp-source, Postfix. All
contenders take turns on one machine, round by round; printed are medians over the rounds, and for
the bars medians of each round's quotients, since the machine changes its speed between rounds.

(a) Dongtai Mail end to end: two worker processes and the scheduler as in production, database,
    Redis, personal links, VERP, RSA-2048 DKIM, an outcome recorded for each reader. Its time is
    the database's: from the mailing's start to the last acceptance.
(b) ``smtp-source -d``: one of (a)'s messages again and again over as many connections as (a).
(c) ``aiosmtplib.sendmail`` with one prebuilt message, 10 connections a process.
(d) EmailMessage + dkimpy + ``aiosmtplib.sendmail``, 10 connections a process.
(e) a bare RSA-2048 signature: by itself, and ten now and then while (a) runs, at whatever speed the
    machine has then.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from accounts import FOREIGN, Machine, Run, cpu_seconds
from common import (
    CONNECTIONS,
    DOMAINS,
    HERE,
    SMTP_SOURCE,
    WORKERS,
    House,
    Sink,
    free_port,
    house,
    sinks,
)

PARTIES = ("workers", "scheduler", "database", "Redis", "client", "sink", *FOREIGN)
PRODUCT = "(a) Dongtai Mail"
SOURCE = "(b) smtp-source -d"
STOCK = "(c) aiosmtplib, prebuilt"
STOCK_TWICE = "(c) the same, 2 processes"
NAIVE = "(d) naive, 2 processes"
SIGNATURE = "(e) RSA-2048 signature"

NOTE = """
Medians of {rounds} interleaved rounds. CPU in µs a message; others: what else this machine did
meanwhile, start-up included; stolen: what its host gave to other machines while it was wanted here.
By CPU: the messages/s that this CPU would allow with nothing else running, the busiest process at
one whole processor; on a busy machine it is the fairer figure.
"""

Results = dict[tuple[str, str], list[Run]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sqlite", action="store_true", help="SQLite instead of PostgreSQL")
    parser.add_argument("--only", default="abcde", help="contenders, for example ae")
    options = parser.parse_args()
    port = free_port()
    results: Results = defaultdict(list)
    with house(port, options.sqlite) as built:
        stages = sinks(built.directory, port)
        _prepare(built, stages[-1], options.messages)
        _introduce(built, options)
        contenders = _contenders(built, port, options)
        for number in range(options.rounds):
            for stage in stages:
                _round(contenders, stage, results)
            print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    _report(results, [stage.name for stage in stages])


def _round(contenders: dict[str, Callable[[Sink], Run]], stage: Sink, results: Results) -> None:
    for name, contender in contenders.items():
        with stage:
            results[name, stage.name].append(contender(stage))


def _prepare(built: House, sink: Sink, messages: int) -> None:
    """Readers, warm workers, and what the rivals are to send."""
    from django.utils import timezone

    from dongtai_mail.delivery.letters import Letters, key_path
    from dongtai_mail.delivery.models import Mailing
    from dongtai_mail.delivery.queue import Claimed

    built.fill("warm", 2_000)
    built.fill("readers", messages)
    built.start_workers()
    with sink:
        built.mail("warm", sink)
    mailing = Mailing.objects.get()
    claimed = Claimed(*mailing.deliveries.values_list(*Claimed._fields)[0])
    letter = Letters(mailing).letter(claimed, timezone.now())
    (built.directory / "message").write_bytes(letter.message)
    (built.directory / "lines").write_bytes(letter.message.replace(b"\r\n", b"\n"))
    (built.directory / "html").write_text(built.edition.html)
    (built.directory / "text").write_text(built.edition.text)
    pem = key_path(built.edition.issue.publication).read_bytes()
    (built.directory / "key.pem").write_bytes(pem)


def _introduce(built: House, options: argparse.Namespace) -> None:
    size = (built.directory / "message").stat().st_size
    database = "SQLite" if options.sqlite else "PostgreSQL (fsync on)"
    print(
        f"{built.manuscript.name[:3]} {built.edition.kind}: {size:,} octets a message; "
        f"{options.messages:,} readers over {len(DOMAINS)} domains; {database}; "
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start"
    )


def _contenders(
    built: House, port: int, options: argparse.Namespace
) -> dict[str, Callable[[Sink], Run]]:
    count = options.messages
    rival = Rival(built.directory, port)
    found: dict[str, Callable[[Sink], Run]] = {
        SIGNATURE: lambda sink: rival.run("signature", 1, 3_000, sink),
        PRODUCT: lambda sink: built.mail("readers", sink),
        SOURCE: lambda sink: _smtp_source(built.directory, port, max(count // 3, 500), sink),
        STOCK: lambda sink: rival.run("stock", 1, max(count // 12, 200), sink),
        STOCK_TWICE: lambda sink: rival.run("stock", 2, max(count // 12, 200), sink),
        NAIVE: lambda sink: rival.run("naive", 2, max(count // 100, 60), sink),
    }
    if not SMTP_SOURCE.exists():
        print("Postfix's smtp-source is not installed: (b) is left out")
        del found[SOURCE]
    return {name: run for name, run in found.items() if name[1] in options.only}


class Rival:
    """Runs ``rivals.py`` in one or more processes at once."""

    def __init__(self, directory: Path, port: int) -> None:
        self._directory = directory
        self._port = port

    def run(self, name: str, processes: int, messages: int, sink: Sink) -> Run:
        command = [
            *(sys.executable, str(HERE / "rivals.py"), name),
            *("--directory", str(self._directory), "--port", str(self._port)),
            *("--messages", str(messages // processes), "--connections", str(CONNECTIONS)),
        ]
        busy = _Others(sink)
        started = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)
        ]
        told = [json.loads(process.communicate()[0]) for process in started]
        seconds = max(each["ended"] for each in told) - min(each["began"] for each in told)
        client = sum(each["cpu"] for each in told)
        messages = messages // processes * processes
        return Run(messages, seconds, busy.since(client), processes)


def _smtp_source(directory: Path, port: int, messages: int, sink: Sink) -> Run:
    command = [
        *(str(SMTP_SOURCE), "-d", "-m", str(messages), "-s", str(CONNECTIONS * WORKERS)),
        *("-f", "editor@news.example.org", "-t", "reader4711@qq.test"),
        *("-F", str(directory / "lines"), f"127.0.0.1:{port}"),
    ]
    busy = _Others(sink)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(command, check=True)
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(messages, seconds, busy.since(used))


class _Others:
    """A rival's account: itself, the sink, and what the machine did besides."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink.process.pid
        self._machine, self._before = Machine(), cpu_seconds(self._sink)

    def since(self, client: float) -> dict[str, float]:
        sink = cpu_seconds(self._sink) - self._before
        return {"client": client, "sink": sink, **self._machine.besides(sink + client)}


def _report(results: Results, stages: list[str]) -> None:
    for stage in stages:
        print(
            f"\n{stage:<28}{'messages/s':>11}{'by CPU':>9}" + "".join(f"{p:>10}" for p in PARTIES)
        )
        for (name, where), runs in results.items():
            if where == stage:
                print(_row(name, runs))
    print(NOTE.format(rounds=len(next(iter(results.values())))))
    for stage in stages:
        for line in _bars(results, stage):
            print(line)


def _row(name: str, runs: list[Run]) -> str:
    cells = [_median(runs, lambda run, party=party: run.micros(party)) for party in PARTIES]
    by_cpu = _median(runs, _by_cpu)
    return f"{name:<28}{_rate(runs):>11,.0f}{by_cpu:>9,.0f}" + "".join(
        f"{cell:>10,.0f}" for cell in cells
    )


def _bars(results: Results, stage: str) -> list[str]:
    product = results.get((PRODUCT, stage))
    if not product:
        return []
    lines = []
    for aim, rival in ((1.0, SOURCE), (3.0, STOCK), (3.0, STOCK_TWICE), (15.0, NAIVE)):
        if runs := results.get((rival, stage)):
            ratio = _of_rounds(product, runs, lambda our, their: our.rate / their.rate)
            by_cpu = _of_rounds(product, runs, lambda our, their: _by_cpu(our) / _by_cpu(their))
            # smtp-source beats everything at a sink that costs nothing: no bar there.
            judged = aim != 1.0 or stage == "smtp-sink"
            line = _bar(stage, f"(a) / {rival}", ratio, ratio >= aim, f"≥ {aim}", judged)
            lines.append(f"{line}, by CPU {by_cpu:.2f}")
    prices = {"meanwhile": _median(product, lambda run: run.micros("workers") / run.signature)}
    if signatures := results.get((SIGNATURE, stage)):
        prices["alone"] = _of_rounds(
            product, signatures, lambda our, their: our.micros("workers") / their.micros("client")
        )
    for when, price in prices.items():
        lines.append(_bar(stage, f"worker CPU / (e) {when}", price, price <= 1.8, "≤ 1.8", True))
    return lines


def _bar(stage: str, what: str, ratio: float, met: bool, aim: str, judged: bool) -> str:
    verdict = f"bar {aim}: {'met' if met else 'MISSED'}" if judged else "no bar"
    return f"{stage:<11}{what:<34}{ratio:>7.2f}   {verdict}"


def _rate(runs: list[Run]) -> float:
    return _median(runs, lambda run: run.rate)


def _by_cpu(run: Run) -> float:
    return run.rate_by_cpu


def _of_rounds(ours: list[Run], theirs: list[Run], quotient: Callable[[Run, Run], float]) -> float:
    """The median of what each round gives by itself."""
    return statistics.median(quotient(*pair) for pair in zip(ours, theirs, strict=True))


def _median(runs: list[Run], figure: Callable[[Run], float]) -> float:
    return statistics.median(map(figure, runs))


if __name__ == "__main__":
    main()
