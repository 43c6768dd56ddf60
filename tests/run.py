"""Every check, and the tests on SQLite and on PostgreSQL: what ``bin/test`` runs.

Two processors are enough for two rows of work at once: the tests on SQLite; beside them the
checks and then the tests that use a database, on PostgreSQL. The last line sums what pytest
counted; a check that fails counts as one failed test. Exit code 0 only when all passed.
Promises: no process and no temporary file of a test outlives this run.
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
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.cluster import Cluster, find_initdb

ROOT = Path(__file__).resolve().parent.parent
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
    started = time.monotonic()
    with _own_everything() as temporary:
        counts = _run(chosen, temporary)
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    print(f"\n{minutes} min {seconds} s", flush=True)
    print(f"{counts.passed} passed, {counts.failed} failed", end="")
    print(f", {counts.skipped} skipped" if counts.skipped else "", flush=True)
    return 0 if counts.passed and not counts.failed else 1


def _run(chosen: Sequence[str], temporary: Path) -> Counts:
    with ThreadPoolExecutor(2) as rows:
        on_sqlite = rows.submit(_sqlite, chosen, temporary)
        others = rows.submit(_checks_and_postgres, chosen, temporary)
        return on_sqlite.result() + others.result()


def _sqlite(chosen: Sequence[str], temporary: Path) -> Counts:
    return _pytest("tests on SQLite", ["-m", "not postgres"], chosen, _environment(), temporary)


def _checks_and_postgres(chosen: Sequence[str], temporary: Path) -> Counts:
    counts = Counts() if chosen else _checks()
    if find_initdb() is None:
        print("No PostgreSQL on this machine: the tests on it are left out.", flush=True)
        return counts
    with Cluster() as cluster:
        environment = _environment() | {"DONGTAI_DATABASE_URL": cluster.url}
        options = ["--only-database"]
        return counts + _pytest("tests on PostgreSQL", options, chosen, environment, temporary)


def _environment() -> dict[str, str]:
    """Without what an installation's shell may have set."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DONGTAI_")}


def _checks() -> Counts:
    statuses = [
        _step(name, [sys.executable.replace("python", command[0]), *command[1:]], os.environ)
        for name, command in CHECKS.items()
    ]
    return Counts(failed=sum(status != 0 for status in statuses))


def _pytest(
    name: str,
    options: Sequence[str],
    chosen: Sequence[str],
    environment: Mapping[str, str],
    temporary: Path,
) -> Counts:
    report = temporary / f"{name}.xml"
    # Each run by itself: Hypothesis and the cache would write to one place.
    private = ["-p", "no:cacheprovider", "-o", "faulthandler_timeout=300"]
    command = [sys.executable, "-m", "pytest", "-q", *private, f"--junitxml={report}"]
    status = _step(name, [*command, *options, *chosen], {**environment, "TMPDIR": str(temporary)})
    return _counts(report, status, bool(chosen))


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


def _step(name: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run it and show its output in one piece, so that two rows of work don't mix theirs."""
    started = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=MINUTES * 60,
            check=False,
        )
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        status, output = 1, (late.stdout or b"") + b"\nstopped: it took too long\n"
    seconds = time.monotonic() - started
    verdict = "ok" if status == 0 else f"FAILED ({status})"
    text = output.decode("utf-8", "replace").rstrip()
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
