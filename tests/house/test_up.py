"""``dongtai up`` as a person meets it: started, used, stopped, killed, and started again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import smtplib
import socket
import sqlite3
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dongtai_mail.embedded import ready
from dongtai_mail.embedded.place import keep, settle
from tests.house.conftest import Up, free_ports, started

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
Start = Callable[..., Up]


@dataclass(frozen=True)
class Running:
    up: Up
    ports: tuple[str, ...]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Up:
    """The first start of all, which takes the longest, in a place where few would put it."""
    place = tmp_path_factory.mktemp("made") / ("很长的 目录 100% #1?" * 3)
    with started(place / "var") as run:
        assert run.stop() == 0
    return run


@pytest.fixture(scope="module")
def running(made: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    ports = free_ports()
    with started(_copy(made, tmp_path_factory.mktemp("running")), *ports) as run:
        yield Running(run, ports)


def _copy(made: Up, place: Path) -> Path:
    return shutil.copytree(made.data, place / "var")


PARTS = ("redis-server", "catcher", "gunicorn", "celery -A worker.app:app worker", "beat")


def test_it_starts_and_stops_whole_and_finds_its_data_again(
    up: Start, ports: tuple[str, ...], tmp_path: Path
) -> None:
    data = tmp_path / "var"
    first = up(data, *ports)
    first.until("停止 · stop")
    password = re.search(r"staff / (\S+)", first.said)
    assert password
    assert all(any(part in command for command in first.processes().values()) for part in PARTS)
    _answers(ports[1], "/health/ready")
    assert first.stop() == 0
    _nothing_left(first, ports)
    kept = (data / "installation.json").read_text()

    second = up(data)
    second.until("停止 · stop")
    assert "--run staff password staff" in second.said
    assert password[1] not in second.said
    assert second.stop(signal.SIGTERM) == 0
    _nothing_left(second, ports)
    assert (data / "installation.json").read_text() == kept
    assert _count(data, "issues_publication") == 1
    assert (data / "redis.rdb").exists()


def test_the_sample_issue_and_readers_are_there(running: Running) -> None:
    data = running.up.data
    assert _count(data, "issues_issue") == 1
    assert _count(data, "issues_item") >= 20
    assert _count(data, "subscribers_subscription") == 200
    assert list((data / "dkim").iterdir())


def test_what_it_keeps_is_for_its_owner_alone(made: Up) -> None:
    data = made.data
    secrets = json.loads((data / "installation.json").read_text())
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "installation.json").stat().st_mode & 0o777 == 0o600
    logs = "".join(path.read_text() for path in (data / "logs").iterdir())
    password = re.search(r"staff / (\S+)", made.said)
    assert password
    for secret in (secrets["secret_key"], secrets["seal_keys"], password[1]):
        assert secret not in logs


def test_only_loopback_is_listened_on(running: Running) -> None:
    listening = _listening_addresses(running.up.processes())
    assert {port for _, port in listening} == {int(running.ports[1]), int(running.ports[3])}
    assert {address for address, _ in listening} == {"0100007F"}


def test_a_second_start_on_the_same_directory_is_refused(running: Running, up: Start) -> None:
    second = up(running.up.data)
    assert second.ended() == 2
    assert "Another `dongtai up` is running" in second.said
    _answers(running.ports[1], "/health/live")


@pytest.mark.parametrize("option", [0, 2])
def test_a_busy_port_is_named_with_the_option(
    option: int, up: Start, ports: tuple[str, ...], tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(ports[option + 1])))
        other.listen()
        run = up(tmp_path, *ports)
        assert run.ended() == 2
    assert f"Port {ports[option + 1]} is in use" in run.said
    assert f"{ports[option]} " in run.said
    # The port that was refused is not remembered.
    assert {path.name for path in tmp_path.iterdir()} == {"lock"}


def test_a_kill_of_the_supervisor_leaves_nothing_behind(
    made: Up, up: Start, ports: tuple[str, ...], tmp_path: Path
) -> None:
    data = _copy(made, tmp_path)
    run = up(data, *ports)
    run.until("停止 · stop")
    run.process.kill()
    run.await_release()
    _nothing_left(run, ports)
    again = up(data, *ports)
    again.until("停止 · stop")
    assert again.stop() == 0


@pytest.mark.parametrize("part", ["celery -A worker.app:app worker", "redis-server"])
def test_a_part_that_dies_is_named_and_the_rest_stopped(
    part: str, made: Up, up: Start, ports: tuple[str, ...], tmp_path: Path
) -> None:
    run = up(_copy(made, tmp_path), *ports)
    run.until("停止 · stop")
    os.kill(min(pid for pid, command in run.processes().items() if part in command), signal.SIGKILL)
    assert run.ended() == 2
    assert "ended by itself (signal 9)" in run.said
    _nothing_left(run, ports)


def test_a_stop_in_the_middle_of_a_start_is_clean(
    up: Start, ports: tuple[str, ...], tmp_path: Path
) -> None:
    run = up(tmp_path, *ports)
    run.until("正在启动")
    assert run.stop() == 0
    _nothing_left(run, ports)


def test_a_long_path_with_spaces_and_chinese_serves_as_well(
    made: Up, up: Start, ports: tuple[str, ...]
) -> None:
    run = up(made.data, *ports)
    run.until("停止 · stop")
    with smtplib.SMTP("127.0.0.1", int(ports[3])) as client:
        client.sendmail("a@example.org", ["b@example.org"], b"Subject: x\r\n\r\ny\r\n")
    assert run.stop() == 0
    _nothing_left(run, ports)


def test_another_command_runs_on_the_same_installation(running: Running, up: Start) -> None:
    code = "from django.conf import settings; print('at', settings.ORIGIN)"
    other = up(running.up.data, "--run", "manage", "shell", "--no-imports", "-c", code)
    assert other.ended() == 0
    assert f"at http://127.0.0.1:{running.ports[1]}" in other.said


def test_a_command_needs_an_installation(up: Start, tmp_path: Path) -> None:
    run = up(tmp_path, "--run", "manage", "check")
    assert run.ended() == 2
    assert "run bin/up first" in run.said


def test_run_without_a_command_starts_nothing(up: Start, tmp_path: Path) -> None:
    run = up(tmp_path, "--run")
    assert run.ended() == 2
    assert "--run 后面要写命令" in run.said
    assert not list(tmp_path.iterdir())


def test_a_broken_installation_file_is_named(up: Start, tmp_path: Path) -> None:
    (tmp_path / "installation.json").write_text("{")
    run = up(tmp_path)
    assert run.ended() == 2
    assert str(tmp_path / "installation.json") in run.said


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1"])
def test_what_is_no_port_is_refused(port: str, up: Start, tmp_path: Path) -> None:
    run = up(tmp_path, f"--port={port}")
    assert run.ended() == 2
    assert "端口" in run.said


def test_the_web_server_refuses_other_than_loopback_in_embedded_mode(
    running: Running, up: Start
) -> None:
    run = up(running.up.data, "--run", "web", "--bind", "0.0.0.0:9")
    assert run.ended() == 2
    assert "不在本机" in run.said


@pytest.mark.parametrize("part", ["web", "worker", "scheduler"])
def test_each_part_answers_its_health_check(part: str, running: Running, up: Start) -> None:
    assert up(running.up.data, "--run", part, "--check").ended() == 0


@pytest.mark.parametrize("part", ["web", "worker", "scheduler"])
def test_a_part_that_does_not_run_fails_its_health_check(
    part: str, up: Start, ports: tuple[str, ...], tmp_path: Path
) -> None:
    keep(settle(tmp_path, int(ports[1]), int(ports[3])))
    assert up(tmp_path, "--run", part, "--check").ended() == 1


def _nothing_left(run: Up, ports: tuple[str, ...]) -> None:
    assert run.processes() == {}
    assert ready.port_is_free(int(ports[1]))
    assert ready.port_is_free(int(ports[3]))


def _answers(port: str, path: str) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as response:
        assert response.status == 200


def _count(data: Path, table: str) -> int:
    with sqlite3.connect(data / "dongtai.sqlite3") as connection:
        number = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    connection.close()
    return int(number)


def _listening_addresses(processes: dict[int, str]) -> set[tuple[str, int]]:
    """(address in hexadecimal, port) of each TCP socket in state LISTEN that they hold."""
    inodes = set()
    for pid in processes:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            found = re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink()))
            inodes |= {found[1]} if found else set()
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {
        (row[1].partition(":")[0], int(row[1].partition(":")[2], 16))
        for row in rows
        if row[3] == "0A" and row[9] in inodes
    }
