"""What every connection to PostgreSQL is told."""

from __future__ import annotations

import pytest
from django.db import connection

from dongtai_mail import database
from tests.cluster import FAST


def _shown(setting: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {setting}")
        return str(cursor.fetchone()[0])


@pytest.mark.postgres
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("idle_in_transaction_session_timeout", "1min"),
        ("client_connection_check_interval", "10s"),
        ("tcp_user_timeout", "20000"),
        ("tcp_keepalives_idle", "10"),
    ],
)
def test_the_server_lets_go_of_a_client_that_is_gone(setting: str, value: str) -> None:
    assert _shown(setting) == value


@pytest.mark.postgres
@pytest.mark.django_db
def test_this_end_gives_up_a_server_that_is_gone() -> None:
    parameters = connection.get_connection_params()
    assert parameters["tcp_user_timeout"] == 20_000
    assert parameters["connect_timeout"] == 10


@pytest.mark.postgres
@pytest.mark.django_db
def test_a_commit_counts_once_it_is_written_whatever_the_server_is_set_to() -> None:
    # As the server was started, it is off.
    assert "synchronous_commit=off" in FAST
    assert _shown("synchronous_commit") == "on"
    assert database.forgetful() == ["fsync", "full_page_writes"]


@pytest.mark.django_db
def test_sqlite_forgets_nothing_that_it_could_be_asked_about() -> None:
    assert connection.vendor != "sqlite" or database.forgetful() == []
