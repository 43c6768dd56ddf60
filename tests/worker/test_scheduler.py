"""The scheduler's tick: calls that no clock makes stale, and no more than workers have use for."""

from __future__ import annotations

import json

import pytest
import redis

from worker.app import TICK_SECONDS, app
from worker.calls import CROWD, QUEUE
from worker.scheduler import Ticker
from worker.tasks import call_another


@pytest.fixture
def broker(redis_server: redis.Redis) -> redis.Redis:
    redis_server.flushall()
    return redis_server


def _waiting(broker: redis.Redis) -> list[dict[str, object]]:
    return [json.loads(each)["headers"] for each in broker.lrange(QUEUE, 0, -1)]


def test_each_tick_calls_for_both_kinds_of_work_and_comes_again(broker: redis.Redis) -> None:
    ticker = Ticker(app)
    assert [ticker.tick(), ticker.tick()] == [TICK_SECONDS, TICK_SECONDS]
    told = _waiting(broker)
    assert sorted(str(each["task"]) for each in told) == [
        *["worker.tasks.drive"] * 2,
        *["worker.tasks.errands"] * 2,
    ]
    assert {each["expires"] for each in told} == {None}


def test_nothing_is_added_to_a_crowd(broker: redis.Redis) -> None:
    ticker = Ticker(app)
    for _ in range(CROWD):
        ticker.tick()
        call_another()
    assert len(_waiting(broker)) == CROWD


def test_who_wants_help_asks_once(broker: redis.Redis) -> None:
    call_another()
    call_another()
    assert len(_waiting(broker)) == 1
