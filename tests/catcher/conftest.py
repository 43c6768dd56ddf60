"""A catcher as ``dongtai up`` starts it: its own process, a free port, an empty store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dongtai_mail.catcher.store import Store


@dataclass
class Catcher:
    process: subprocess.Popen[str]
    port: int
    database: Path


@pytest.fixture
def catcher(tmp_path: Path) -> Iterator[Catcher]:
    database = tmp_path / "caught.sqlite3"
    command = ["catcher", "--port", "0", "--database", str(database)]
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "dongtai_mail", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        yield Catcher(process, int(ready.rpartition(":")[2]), database)
        process.kill()


@pytest.fixture
def store(tmp_path: Path, settings: object) -> Iterator[Store]:
    """The store that the pages show."""
    path = tmp_path / "shown.sqlite3"
    settings.DONGTAI_CATCHER_DATABASE = str(path)
    opened = Store(path)
    yield opened
    opened.close()
