"""Content to final mail parts: our pipeline stage by stage, beside node mjml + juice.

Run: ``python benchmarks/render.py [MANUSCRIPT] [--rounds N]``; the rival needs ``npm ci`` in
``benchmarks/node`` and is left out, saying so, where that is missing. Both are warm and take turns.
The rival starts from our finished MJML and makes no text, no web page and no checks: its total is
to be read beside ``mjml + premailer``, and is the bar for our total all the same. CPU time is
printed for busy machines.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from dongtai_mail.content import Issue
from dongtai_mail.manuscript import read
from dongtai_mail.rendering import Frame, Kind, render
from dongtai_mail.rendering.compiler import stylesheet

HERE = Path(__file__).resolve().parent
REAL = HERE.parents[1] / "shared" / "manuscripts"
SAMPLE = HERE.parent / "src" / "dongtai_mail" / "demo" / "sample.md"
FRAME = Frame("https://news.example.test/issues/1", "您收到这封邮件，是因为您订阅了本刊。")
INLINED = ("frame.css", "content.css")


class Rival:
    """A node process that compiles and inlines what it is given, once a line."""

    def __init__(self, mjml: str) -> None:
        css = "".join(stylesheet(name, FRAME.accent, FRAME.accent) for name in INLINED)
        self._job = json.dumps({"mjml": mjml, "css": css}) + "\n"
        self._process = subprocess.Popen(
            ["node", str(HERE / "node" / "rival.js")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def milliseconds(self) -> dict[str, float]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(self._job)
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def stop(self) -> None:
        self._process.communicate()


def main() -> None:
    arguments = _arguments()
    issue = _issue(arguments.manuscript)
    ours: dict[str, list[float]] = defaultdict(list)
    theirs: dict[str, list[float]] = defaultdict(list)
    rival = _rival(issue)
    for turn in range(arguments.rounds + 5):
        measured = (_ours(issue), rival.milliseconds() if rival else {})
        if turn < 5:
            continue
        for table, stages in zip((ours, theirs), measured, strict=True):
            for stage, passed in stages.items():
                table[stage].append(passed)
    if rival:
        rival.stop()
    print(f"{arguments.manuscript.name}: {len(issue.items)} items, {arguments.rounds} rounds, ms")
    _print("dongtai_mail.rendering", ours)
    _print("node mjml + juice", theirs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    real = next(iter(sorted(REAL.glob("002*.txt"))), SAMPLE)
    parser.add_argument("manuscript", type=Path, nargs="?", default=real)
    parser.add_argument("--rounds", type=int, default=100)
    return parser.parse_args()


def _issue(path: Path) -> Issue:
    return read(path.read_bytes(), path.name).issue


def _rival(issue: Issue) -> Rival | None:
    if (HERE / "node" / "node_modules").is_dir():
        return Rival(render(issue, FRAME, Kind.FULL).mjml)
    print("node mjml + juice left out: run npm ci in benchmarks/node")
    return None


def _ours(issue: Issue) -> dict[str, float]:
    start, cpu = time.perf_counter(), time.process_time()
    stages = dict(render(issue, FRAME, Kind.FULL).milliseconds)
    return {
        **stages,
        "mjml + premailer": stages["mjml"] + stages["premailer"],
        "total": (time.perf_counter() - start) * 1_000,
        "total, CPU": (time.process_time() - cpu) * 1_000,
    }


def _print(name: str, table: dict[str, list[float]]) -> None:
    if not table:
        return
    print(f"\n{name:<24}{'p50':>9}{'p95':>9}")
    for stage, passed in table.items():
        print(f"  {stage:<22}{statistics.median(passed):>9.2f}{_p95(passed):>9.2f}")


def _p95(passed: Iterable[float]) -> float:
    return statistics.quantiles(passed, n=20)[-1]


if __name__ == "__main__":
    main()
