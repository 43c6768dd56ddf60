"""Does it stay the same with a hundred times the readers? Cost, memory, snapshot and pages.

Run ``python benchmarks/scale.py [--subscribers 1000000] [--baseline 10000] [--full | --pages]``. It
needs PostgreSQL's programs and a C compiler; the sink answers at once. Engine and message are the
same at both sizes: the real issue (or the sample), two worker processes, 10 connections each.

At the baseline every message is sent. At the larger size all rows exist, and the queue is worked
on at its start, its middle and its end, a window of messages each; the rows between are leased
and then recorded as accepted by two UPDATEs, which wear table and indexes as sending does, in the
place of some ten minutes of it. ``--full`` sends every message. At the end, every page and count
about a mailing of that size is looked at (``pages.py``); ``--pages`` does that alone.
"""

from __future__ import annotations

import argparse
import smtplib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pages
from accounts import Yardstick, cpu_seconds, peak_kilobytes
from common import House, Sink, free_port, house, sinks, wait_until

PARTIES = ("workers", "database", "Redis")
HEADINGS = (*PARTIES, "together", "signature", "quotient", "msg/s")
HOURS = 7200.0

SKIP_SQL = (
    "UPDATE delivery_delivery SET state = 1, attempts = 1, changed_at = now()"
    " WHERE mailing_id = %s AND state = 0 AND id < %s",
    "UPDATE delivery_delivery SET state = 2, changed_at = now()"
    " WHERE mailing_id = %s AND state = 1 AND id < %s",
)


@dataclass(frozen=True)
class Cost:
    """CPU seconds of each party for so many messages that the sink took.

    ``signature`` is what a bare RSA-2048 signature cost meanwhile, in µs: on a busy machine all
    work costs more CPU, and only the quotient compares.
    """

    messages: int
    cpu: dict[str, float]
    seconds: float
    signature: float

    def micros(self, name: str) -> float:
        return self.cpu[name] / self.messages * 1e6

    @property
    def total(self) -> float:
        return sum(map(self.micros, PARTIES))

    @property
    def relative(self) -> float:
        return self.total / self.signature


class Meter:
    """The sink's count and the CPU accounts of a house, read together."""

    def __init__(self, built: House, port: int) -> None:
        self._built = built
        self._sink = smtplib.SMTP("127.0.0.1", port)

    def count(self) -> int:
        return int(self._sink.docmd("XCOUNT")[1])

    def wait(self, count: int) -> None:
        def sent() -> bool:
            self._built.installation.assert_alive()
            return self.count() >= count

        wait_until(sent, f"{count:,} messages are sent", HOURS)

    def measure(self, until: Callable[[], None]) -> Cost:
        count, cpu, began = self.count(), self._cpu(), time.monotonic()
        yardstick = Yardstick()
        until()
        spent = {name: used - cpu[name] for name, used in self._cpu().items()}
        messages, seconds = self.count() - count, time.monotonic() - began
        return Cost(messages, spent, seconds, yardstick.stop())

    def _cpu(self) -> dict[str, float]:
        pids = self._built.pids()
        return {name: cpu_seconds(pids[name]) for name in PARTIES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=1_000_000)
    parser.add_argument("--baseline", type=int, default=10_000)
    parser.add_argument("--window", type=int, default=10_000, help="messages sent at each place")
    parser.add_argument("--full", action="store_true", help="send every message")
    parser.add_argument("--pages", action="store_true", help="send nothing, look at the pages")
    options = parser.parse_args()
    port = free_port()
    with house(port) as built, sinks(built.directory, port)[-1] as sink:
        print(f"{built.manuscript.name[:3]} {built.edition.kind}, {built.edition.size:,} octets")
        built.fill("warm", 2_000)
        built.fill("baseline", options.baseline)
        seconds = _timed(lambda: built.fill("all", options.subscribers))
        print(f"{options.subscribers:,} readers made in {seconds:.1f} s")
        if options.pages:
            _only_pages(built)
        else:
            _compare(built, sink, Meter(built, port), options)


def _only_pages(built: House) -> None:
    mailing = built.schedule("all")
    seconds = _timed(lambda: _start(mailing))
    print(f"audience snapshot of {mailing.targeted:,}: {seconds:.1f} s")
    pages.accept_all(mailing)
    _pages(built, mailing)


def _compare(built: House, sink: Sink, meter: Meter, options: argparse.Namespace) -> None:
    _start_warm(built, sink)
    small = [_baseline(built, sink, meter) for _ in range(2)]
    low = peak_kilobytes(built.worker.pid)
    built.stop_workers()

    mailing = built.schedule("all")
    seconds = _timed(lambda: _start(mailing))
    print(f"audience snapshot of {mailing.targeted:,}: {seconds:.1f} s\n")
    built.start_workers()
    large = _windows(mailing, meter, options)
    high = peak_kilobytes(built.worker.pid)
    built.wait(mailing)
    small += [_baseline(built, sink, meter) for _ in range(2)]
    # They would start the mailings that the pages need.
    built.stop_workers()

    _print_costs(options, small, large)
    _print_bar("peak RSS of a worker process", high / low, 1.1, f"{low:,} kB → {high:,} kB")
    _pages(built, mailing)


def _start_warm(built: House, sink: Sink) -> None:
    built.start_workers()
    built.mail("warm", sink)


def _baseline(built: House, sink: Sink, meter: Meter) -> Cost:
    return meter.measure(lambda: built.mail("baseline", sink) and None)


def _start(mailing) -> None:
    from dongtai_mail.delivery import mailings

    assert mailings.start(mailing.pk)
    mailing.refresh_from_db()


def _windows(mailing, meter: Meter, options: argparse.Namespace) -> dict[str, Cost]:
    """The cost at three places of the queue. The workers warm up before the first."""
    window, total, base = options.window, mailing.targeted, meter.count()
    assert total >= 6 * window, "--subscribers has to be six windows or more"
    places = {"start": window // 2, "middle": total // 2, "end": total - window - window // 2}
    found, left_out = {}, 0
    for place, begin in places.items():
        if not options.full and place != "start":
            left_out += _skip(mailing, begin)
        meter.wait(base + begin - left_out + (0 if place == "start" else window // 4))
        end = meter.count() + window
        found[place] = meter.measure(partial(meter.wait, end))
    return found


def _skip(mailing, place: int) -> int:
    """Record everything queued before a place as accepted; answers how many."""
    from django.db import connection

    from dongtai_mail.delivery import mailings

    mailings.pause(mailing)
    leased = mailing.deliveries.filter(state=1)
    wait_until(lambda: not leased.exists(), "the workers rest")
    bound = mailing.deliveries.order_by("id").values_list("id", flat=True)[place]
    with connection.cursor() as cursor:
        for statement in SKIP_SQL:
            cursor.execute(statement, [mailing.pk, bound])
        skipped = int(cursor.rowcount)
    mailings.resume(mailing)
    return skipped


def _print_costs(options: argparse.Namespace, small: list[Cost], large: dict[str, Cost]) -> None:
    print("CPU, µs a message" + "".join(f"{name:>10}" for name in HEADINGS))
    for cost in small:
        _print_cost(f"{options.baseline:,}", cost)
    for place, cost in large.items():
        _print_cost(f"{options.subscribers:,} {place}", cost)
    base = statistics.median(cost.relative for cost in small)
    print()
    for place, cost in large.items():
        _print_bar(f"cost at the {place}", cost.relative / base, 1.1, "of the baseline's median")


def _print_cost(name: str, cost: Cost) -> None:
    micros = [*map(cost.micros, PARTIES), cost.total, cost.signature]
    cells = "".join(f"{cell:>10,.0f}" for cell in micros)
    print(f"{name:<17}{cells}{cost.relative:>10.2f}{cost.messages / cost.seconds:>10,.0f}")


def _print_bar(what: str, ratio: float, bar: float, remark: str) -> None:
    verdict = "met" if ratio <= bar else "MISSED"
    print(f"{what:<30}{ratio:>6.2f} × {remark}; bar ≤ {bar}: {verdict}")


def _pages(built: House, mailing) -> None:
    """Every page and count, with all deliveries there and what a real mailing leaves behind."""
    pages.add_lists(built)
    pages.wear(mailing)
    mailings = _described(built), _described(built, {"percent": 1}, {"percent": 100})
    for which, told in zip(mailings, ("of several lists", "the same in stages"), strict=True):
        seconds = _timed(partial(_start, which))
        print(f"audience snapshot {told}, {which.targeted:,}: {seconds:.1f} s")
    pages.accept_all(mailings[0])
    pages.finish(mailing, *mailings)
    pages.look(built, mailing, mailings[0])


def _described(built: House, *staged: object):
    from dongtai_mail.delivery import scheduling

    return scheduling.schedule(
        built.edition,
        built.list("all"),
        request_key=f"several-{len(staged)}",
        described=pages.several(built),
        staged=staged,
    )


def _timed(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
