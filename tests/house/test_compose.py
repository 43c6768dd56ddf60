"""docker-compose.yml and the Dockerfile agree with the commands and settings that exist."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dongtai_mail import environment
from dongtai_mail.__main__ import COMMANDS
from dongtai_mail.catcher import smtp
from dongtai_mail.commands import returns, serve

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "dongtai-mail"}
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
FILLED_IN = {
    "DONGTAI_SECRET_KEY": "s" * 64,
    "DONGTAI_SEAL_KEYS": "1:" + "5e" * 32,
    "DONGTAI_ORIGIN": "https://news.example.org",
    "DONGTAI_RELAY_URL": "smtp://user:password@relay.example.org:587",
    "POSTGRES_PASSWORD": "a1b2c3",
}
INTERPOLATION = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:[?-])(?P<rest>[^}]*))?\}")


def interpolated(value: str) -> str:
    """As Compose does it: ``${NAME:?message}`` and ``${NAME:-default}``."""

    def replacement(found: re.Match[str]) -> str:
        fallback = found["rest"] if found["kind"] == ":-" else None
        return FILLED_IN.get(found["name"]) or fallback or ""

    return INTERPOLATION.sub(replacement, value)


def test_every_part_of_the_product_has_its_service() -> None:
    assert set(SERVICES) == {
        *("postgres", "redis", "migrate", "web", "worker", "scheduler", "returns", "catcher")
    }


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_a_command_that_takes_its_arguments(name: str) -> None:
    command, *arguments = OURS[name]["command"]
    assert command in COMMANDS
    if command in ("web", "worker", "scheduler"):
        serve._arguments(command, arguments)
    elif command == "catcher":
        assert smtp._arguments(arguments).database.startswith("/var/lib/dongtai/")
    elif command == "returns":
        assert returns._arguments(arguments).port == 2424
    else:
        assert arguments[0] == "migrate"


@pytest.mark.parametrize("name", ["web", "worker", "scheduler"])
def test_a_health_check_asks_the_service_itself(name: str) -> None:
    assert OURS[name]["healthcheck"]["test"] == ["CMD", "dongtai", name, "--check"]
    assert serve._arguments(name, ["--check"]).check


def test_every_long_running_service_has_a_health_check() -> None:
    without = {name for name, service in SERVICES.items() if "test" not in service["healthcheck"]}
    assert without == {"migrate"}


@pytest.mark.parametrize("name", OURS)
def test_the_environment_is_accepted_by_the_settings(name: str) -> None:
    given = {key: interpolated(value) for key, value in OURS[name]["environment"].items()}
    values = environment.load(given)
    assert values["mode"] == "production"
    assert values["data_dir"] == Path("/var/lib/dongtai")


def test_every_setting_of_production_can_be_given() -> None:
    known = {variable.name for variable in environment.VARIABLES}
    given = set(OURS["web"]["environment"])
    # The catcher's page is for `bin/up` alone.
    assert known - given == {"DONGTAI_CATCHER_DATABASE"}
    assert given <= known


def test_defaults_are_those_of_the_settings() -> None:
    defaults = {variable.name: variable.default for variable in environment.VARIABLES}
    for value in OURS["web"]["environment"].values():
        for found in INTERPOLATION.finditer(value):
            if found["kind"] == ":-":
                assert found["rest"] == defaults[found["name"]], found["name"]


def test_what_must_be_set_has_no_default_and_stands_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    required = {found["name"] for found in INTERPOLATION.finditer(text) if found["kind"] == ":?"}
    example = (ROOT / ".env.example").read_text("utf-8")
    assert required == set(FILLED_IN)
    assert set(re.findall(r"^(\w+)=(.*)$", example, re.M)) == {(name, "") for name in required}


@pytest.mark.parametrize("name", SERVICES)
def test_services_wait_only_for_services_that_exist(name: str) -> None:
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if condition["condition"] == "service_healthy":
            assert "test" in SERVICES[other]["healthcheck"]


def test_what_is_published_is_so_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8000:8000"], "returns": ["127.0.0.1:2424:2424"]}
    assert serve._PRODUCTION_BIND.endswith(":8000")


def test_the_image_runs_without_root_and_copies_what_exists() -> None:
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.M) == ["dongtai"]
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)) == {"python:3.11-slim"}
    for line in re.findall(r"^COPY (?!--)(.+)$", DOCKERFILE, re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source


def test_the_build_context_holds_what_the_image_copies() -> None:
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    copied = {
        source
        for line in re.findall(r"^COPY (?!--)(.+)$", DOCKERFILE, re.M)
        for source in line.split()[:-1]
    }
    assert copied == allowed


def test_docker_compose_accepts_the_file(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    known = docker and subprocess.run([docker, "compose", "version"], capture_output=True)
    if not known or known.returncode:
        pytest.skip("there is no docker compose")
    values = tmp_path / "env"
    values.write_text("".join(f"{name}={value}\n" for name, value in FILLED_IN.items()))
    profiles = ["--profile", "try", "--profile", "returns"]
    command = [str(docker), "compose", "--env-file", str(values), *profiles]
    done = subprocess.run([*command, "config", "--quiet"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
