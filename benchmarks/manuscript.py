"""How long reading a manuscript takes, and that the cost grows with its length alone.

Usage: ``python benchmarks/manuscript.py FILE …``; prints milliseconds a file, and how much longer
one ten and one hundred times its length takes. Without files it measures a made-up issue.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dongtai_mail.manuscript import read

_ITEM = (
    "第 {0} 条新闻\n\n近日，第 {0} 家企业发布数据，同比增长 {0}%。\n\n来源：《样报》 2023-02-07\n\n"
)


def main(files: list[str]) -> None:
    sources = {name: Path(name).read_bytes() for name in files} or {"sample": _sample()}
    for name, data in sources.items():
        read(data)
        times = [_milliseconds(lambda data=data: read(data)) for _ in range(30)]
        growth = [_milliseconds(lambda n=n, data=data: read(data * n)) for n in (10, 100)]
        middle = statistics.median(times)
        print(
            f"{Path(name).name}: {len(data):,} bytes, p50 {middle:.1f} ms, min {min(times):.1f} ms;"
            f" x10 {growth[0] / middle:.1f}, x100 {growth[1] / middle:.1f} times as long"
        )


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _sample() -> bytes:
    return ("样刊\n\n【要闻】\n\n" + "".join(_ITEM.format(n) for n in range(200))).encode()


if __name__ == "__main__":
    main(sys.argv[1:])
