"""``bin/setup`` and ``bin/up`` on machines that lack something, and the locks they install."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without .venv, as a clone has it."""
    root = tmp_path / "check out"
    for name in ("bin", "requirements"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def run(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "bin" / "up", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "", **environment},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def fake_python(directory: Path, script: str) -> str:
    """A PATH on which every python3 answers as ``script`` does."""
    tools = directory / "tools"
    tools.mkdir()
    for name in ("dirname", "cksum", "cat"):
        (tools / name).symlink_to(str(shutil.which(name)))
    fake = tools / "python3"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    return str(tools)


def test_help_comes_before_anything_is_installed(checkout: Path) -> None:
    done = run(checkout, "--help")
    assert done.returncode == 0
    assert "--smtp-port" in done.stdout
    assert not (checkout / ".venv").exists()


def test_an_old_python_is_named_with_the_version_that_is_needed(checkout: Path) -> None:
    old = '[ "$1" = --version ] && echo Python 3.9.2 || exit 1'
    done = run(checkout, PATH=fake_python(checkout, old))
    assert done.returncode == 2
    assert "Python 3.9.2" in done.stderr
    assert "Python 3.11 or later is needed" in done.stderr


def test_a_python_without_venv_says_which_package_has_it(checkout: Path) -> None:
    bare = 'case "$2" in *ensurepip*) exit 1;; esac'
    done = run(checkout, PATH=fake_python(checkout, bare))
    assert done.returncode == 2
    assert "apt install python3-venv" in done.stderr


def test_without_a_network_it_says_so_and_can_be_run_again(checkout: Path) -> None:
    done = run(
        checkout,
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_RETRIES="0",
    )
    assert done.returncode == 2
    assert "Without a network, connect" in done.stderr
    assert not (checkout / ".venv" / ".installed-runtime").exists()


def test_what_runs_is_what_is_tested() -> None:
    runtime, dev = (_pins(ROOT / "requirements" / name) for name in ("runtime.txt", "dev.txt"))
    assert runtime.items() <= dev.items()


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_locks_pin_with_hashes_and_name_no_index(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text("utf-8")
    assert "://" not in text
    assert "index" not in text
    assert len(_pins(ROOT / "requirements" / name)) == len(re.findall(r"^\S+==.*\\$", text, re.M))


def _pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.\[\]-]+)==([^\s;]+)", lock.read_text("utf-8"), re.M))
