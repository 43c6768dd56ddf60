"""Duties beside each other: one that fails is told by name, and holds up no other."""

from __future__ import annotations

import logging

import pytest
import redis
from django.db import connection

from subscribers.models import SubscriberList
from worker import apart


def _fail() -> None:
    raise ValueError("a bug")


def _away() -> None:
    raise redis.ConnectionError("gone")


def test_a_duty_that_fails_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []
    with caplog.at_level(logging.ERROR):
        apart.each({"first": _fail, "second": lambda: done.append("second")})
    assert done == ["second"]
    assert "event=duty-failed duty=first" in caplog.text
    assert "a bug" in caplog.text


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (redis.ConnectionError("gone"), "unreachable"),
        (redis.OutOfMemoryError("full"), "redis-refused"),
        (redis.AuthenticationError("wrong password"), "redis-refused"),
    ],
)
def test_an_answer_that_says_no_is_told_apart_from_silence(error: Exception, name: str) -> None:
    assert isinstance(error, apart.Away)
    assert apart.away(error, sending="waits").startswith(f"event={name} sending=waits error=")


def test_a_store_that_is_away_holds_up_all() -> None:
    done: list[str] = []
    with pytest.raises(redis.ConnectionError):
        apart.each({"first": _away, "second": lambda: done.append("second")})
    assert not done


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_no_writes_is_away() -> None:
    said = {"postgresql": "SET default_transaction_read_only = {}"}
    read_only = said.get(connection.vendor, "PRAGMA query_only = {}")
    with connection.cursor() as cursor:
        cursor.execute(read_only.format("on"))
        try:
            with pytest.raises(apart.Away):
                apart.each({"first": lambda: SubscriberList.objects.update(name="x")})
        finally:
            cursor.execute(read_only.format("off"))
