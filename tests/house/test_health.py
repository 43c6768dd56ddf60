"""What those who watch the web server are told."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client


def test_a_living_process_says_so_without_a_database(client: Client) -> None:
    assert client.get("/health/live").content == b"ok\n"


@pytest.mark.django_db
def test_a_current_schema_is_ready(client: Client) -> None:
    response = client.get("/health/ready")
    assert (response.status_code, response.content) == (200, b"ok\n")
    assert "no-cache" in response["Cache-Control"]


@pytest.mark.django_db
def test_a_missing_migration_is_not_ready(client: Client) -> None:
    call_command("migrate", "sessions", "zero", fake=True, verbosity=0)
    response = client.get("/health/ready")
    assert (response.status_code, response.content) == (503, b"migrations missing\n")


@pytest.mark.django_db
def test_a_database_that_is_away_is_not_ready_and_costs_the_log_a_line(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("connection refused\nIs the server running?")

    with connection.execute_wrapper(away):
        response = client.get("/health/ready")
    assert (response.status_code, response.content) == (503, b"database unreachable\n")
    (record,) = (each for each in caplog.records if each.name == "dongtai_mail.health")
    assert record.getMessage().startswith("event=unreachable service=database error=")
    assert not record.exc_info
