"""A PostgreSQL of the tests' own: made in a temporary directory, gone afterwards.

It listens on a free port of loopback, needs a password that nobody else knows, and never syncs to
the disk unless its settings say so. Root lends it to the user ``postgres``, since PostgreSQL
refuses to run as root.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import psycopg

READY_SECONDS = 60
# What was committed survives the death of the server, though not of the machine.
KEEPING = ("fsync=off", "full_page_writes=off", "max_connections=200")
FAST = (*KEEPING, "synchronous_commit=off")


def find_initdb() -> Path | None:
    on_path = shutil.which("initdb")
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = [Path(on_path)] if on_path else packaged
    return found[-1] if found else None


class Cluster:
    def __init__(self, settings: Sequence[str] = FAST) -> None:
        self._settings = settings

    def __enter__(self) -> Cluster:
        initdb = find_initdb()
        assert initdb is not None
        self._user = "postgres" if os.getuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="dongtai-postgres-"))
        password = secrets.token_hex(16)
        port = free_port()
        self.url = f"postgres://dongtai:{password}@127.0.0.1:{port}/postgres"
        self._make(initdb, password)
        self._postgres, self._port = initdb.with_name("postgres"), port
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._directory)

    def start(self) -> None:
        self._server = self._start(self._postgres, self._port)
        self._wait()

    def stop(self) -> None:
        """At once, without a checkpoint: what ``pg_ctl stop -m immediate`` does."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(30)

    @property
    def pid(self) -> int:
        return self._server.pid

    @property
    def _log(self) -> Path:
        return self._directory / "log"

    def _make(self, initdb: Path, password: str) -> None:
        secret = self._directory / "password"
        secret.write_text(password)
        if self._user:
            owner = pwd.getpwnam(self._user)
            for path in (self._directory, secret):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [
                *(initdb, "--pgdata", self._directory / "data", "--username", "dongtai"),
                *("--auth", "scram-sha-256", "--pwfile", secret, "--no-sync"),
                *("--encoding", "UTF8", "--no-locale"),
            ],
            user=self._user,
            cwd="/",
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _start(self, postgres: Path, port: int) -> subprocess.Popen[bytes]:
        options = [part for setting in self._settings for part in ("-c", setting)]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [
                    *(postgres, "-D", self._directory / "data", "-h", "127.0.0.1"),
                    *("-p", str(port), "-k", "", *options),
                ],
                user=self._user,
                cwd="/",
                stdout=log,
                stderr=log,
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text())
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url).close()
        except psycopg.OperationalError:
            return False
        return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
