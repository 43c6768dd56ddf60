"""Every check and every test, on the databases that it needs: what ``bin/test`` runs.

What a test needs decides where it runs; its place, its marks and its fixtures say so, no list:

- ``product`` (``tests/e2e``) and ``faults`` (``tests/faults``): once; they start the whole product
  on databases of its own.
- ``programs`` (a database, and a browser, Postfix or Dovecot beside it): once, on PostgreSQL, as
  in production; on SQLite where there is no PostgreSQL.
- ``database`` (all others with a database): on PostgreSQL and on SQLite.
- ``plain`` (all without): once.

Two processors are enough for two of these at once: whichever is free takes the next, the longest
first. The last line sums what pytest counted; a check that fails counts as one failed test. Exit
code 0 only when all passed. Promises: no process and no temporary file of a test outlives this run.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from tests.cluster import Cluster, find_initdb

ROOT = Path(__file__).resolve().parent.parent
STARTED = time.monotonic()
MINUTES = 27
CHECKS = {
    "ruff check": ("ruff", "check", "."),
    "ruff format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy",),
    "import contracts": ("lint-imports",),
}
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )


def main(chosen: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with _own_everything() as temporary:
        counts = _run(chosen, temporary)
    minutes, seconds = divmod(round(time.monotonic() - STARTED), 60)
    print(f"\n{minutes} min {seconds} s", flush=True)
    print(f"{counts.passed} passed, {counts.failed} failed", end="")
    print(f", {counts.skipped} skipped" if counts.skipped else "", flush=True)
    return 0 if counts.passed and not counts.failed else 1


def _run(chosen: Sequence[str], temporary: Path) -> Counts:
    postgres = find_initdb() is not None
    if not postgres:
        print("No PostgreSQL on this machine: the tests on it are left out.", flush=True)
    steps: list[Callable[[Sequence[str], Path], Counts]] = [
        partial(_pytest, "tests of faults", ["faults"]),
        *([_on_postgres] if postgres else []),
        partial(_pytest, "tests of the whole product", ["product"]),
        partial(_pytest, "tests without a database", ["plain"]),
        partial(_pytest, "tests on SQLite", ["database", *([] if postgres else ["programs"])]),
        *([] if chosen else [_checks]),
    ]
    with ThreadPoolExecutor(2) as rows:
        return sum(rows.map(lambda step: step(chosen, temporary), steps), Counts())


def _on_postgres(chosen: Sequence[str], temporary: Path) -> Counts:
    with Cluster() as cluster:
        kinds = ["database", "programs"]
        return _pytest("tests on PostgreSQL", kinds, chosen, temporary, cluster.url)


def _checks(chosen: Sequence[str], temporary: Path) -> Counts:
    statuses = [
        _step(name, [sys.executable.replace("python", command[0]), *command[1:]], os.environ)
        for name, command in CHECKS.items()
    ]
    return Counts(failed=sum(status != 0 for status in statuses))


def _pytest(
    name: str,
    kinds: Sequence[str],
    chosen: Sequence[str],
    temporary: Path,
    database_url: str = "",
) -> Counts:
    report = temporary / f"{name}.xml"
    # Each run by itself: Hypothesis and the cache would write to one place.
    private = ["-p", "no:cacheprovider", "-o", "faulthandler_timeout=300"]
    command = [sys.executable, "-m", "pytest", "-q", *private, f"--junitxml={report}"]
    command += [] if database_url else ["-m", "not postgres"]
    command += [f"--kind={kind}" for kind in kinds]
    environment = {**_environment(database_url), "TMPDIR": str(temporary)}
    status = _step(name, [*command, *chosen], environment, quiet=5 if chosen else None)
    return _counts(report, status, bool(chosen))


def _environment(database_url: str) -> dict[str, str]:
    """Without what an installation's shell may have set."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("DONGTAI_")}
    return own | ({"DONGTAI_DATABASE_URL": database_url} if database_url else {})


def _counts(report: Path, status: int, chosen: bool) -> Counts:
    """Status 5 is "no test was selected": fine where the caller chose, else a failure."""
    if not report.exists():
        return Counts(failed=1)
    counts = Counts()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314 - pytest's
        total, errors, failures, skipped = (
            int(suite.get(key, "0")) for key in ("tests", "errors", "failures", "skipped")
        )
        counts += Counts(total - errors - failures - skipped, errors + failures, skipped)
    unexplained = status not in ((0, 5) if chosen else (0,)) and not counts.failed
    return counts + Counts(failed=int(unexplained))


def _step(
    name: str, command: Sequence[str], environment: Mapping[str, str], quiet: int | None = None
) -> int:
    """Run it and show its output in one piece, so that two at once don't mix theirs.

    With the status ``quiet`` there is nothing to show.
    """
    started = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=max(STARTED + MINUTES * 60 - started, 1),
            check=False,
        )
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        status, output = 1, (late.stdout or b"") + b"\nstopped: it took too long\n"
    seconds = time.monotonic() - started
    verdict = "ok" if status == 0 else f"FAILED ({status})"
    text = output.decode("utf-8", "replace").rstrip()
    if status != quiet:
        print(f"\n== {name}: {verdict}, {seconds:.0f} s\n{text}", flush=True)
    return status


@contextmanager
def _own_everything() -> Iterator[Path]:
    """A directory for all that tests write; orphaned processes become ours, and end with us."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    with ExitStack() as stack:
        temporary = Path(tempfile.mkdtemp(prefix="dongtai-tests-"))
        # PostgreSQL runs as another user and has its directory in here.
        temporary.chmod(0o711)
        stack.callback(shutil.rmtree, temporary, ignore_errors=True)
        stack.callback(_end_children)
        yield temporary


def _end_children() -> None:
    while children := _children():
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _children() -> list[int]:
    """Processes whose parent we are; orphans come to us as their own parents end."""
    path = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
