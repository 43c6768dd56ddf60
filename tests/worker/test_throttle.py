"""The throttle, on a real Redis; its clock is Redis's own, so tests move the lanes' past."""

from __future__ import annotations

import pytest
import redis

from dongtai_mail.delivery import pace
from dongtai_mail.delivery.providers import Limit
from dongtai_mail.delivery.queue import Queued
from worker import throttle as module
from worker.grants import share
from worker.throttle import Throttle

LANE = "tencent"


@pytest.fixture
def client(redis_server: redis.Redis) -> redis.Redis:
    redis_server.flushall()
    return redis_server


@pytest.fixture
def throttle(client: redis.Redis) -> Throttle:
    return Throttle(client)


def _limit(per_minute: int | None = None, connections: int | None = None) -> Limit:
    return Limit(per_minute, connections, None, "test")


def _age(client: redis.Redis, seconds: float, *fields: str, lane: str = LANE) -> None:
    """Move what a lane remembers into the past."""
    for field in fields:
        value = client.hget(pace.key(lane), field)
        assert isinstance(value, bytes)
        client.hset(pace.key(lane), field, float(value) - seconds)


def _pace(client: redis.Redis, lane: str = LANE) -> pace.Pace:
    return pace.paces(client, [lane])[lane]


def test_a_bucket_holds_a_few_seconds_and_no_more(throttle: Throttle) -> None:
    assert throttle.permits(LANE, 1000, _limit(600)) == (50, 0)
    granted, wait = throttle.permits(LANE, 1000, _limit(600))
    assert granted == 0
    assert 0 < wait <= 0.1


def test_permits_come_back_with_time(client: redis.Redis, throttle: Throttle) -> None:
    throttle.permits(LANE, 1000, _limit(600))
    _age(client, 2, "at")
    assert throttle.permits(LANE, 1000, _limit(600))[0] == 20
    _age(client, 3600, "at")
    assert throttle.permits(LANE, 1000, _limit(600))[0] == 50


def test_a_clock_that_was_set_back_stops_no_lane(client: redis.Redis, throttle: Throttle) -> None:
    throttle.permits(LANE, 40, _limit(600))
    throttle.slots(LANE, "gone", 3, _limit(connections=4))
    _age(client, -3600, "at")
    slots = f"{pace.key(LANE)}:slots"
    for member in client.zrange(slots, 0, -1):
        client.zincrby(slots, 3600, member)
    assert throttle.permits(LANE, 1000, _limit(600))[0] == 10
    assert throttle.slots(LANE, "here", 4, _limit(connections=4)) == 4


def test_a_pause_from_before_the_clock_was_set_back_is_over(
    client: redis.Redis, throttle: Throttle
) -> None:
    throttle.slower(LANE, "421")
    _age(client, -2 * module.LONGEST_PAUSE, "paused", "since")
    assert throttle.slower(LANE, "421") > 0
    _age(client, -2 * module.LONGEST_PAUSE, "paused", "since")
    assert throttle.permits(LANE, 1, _limit(600))[0] == 1
    assert _pace(client).paused_for == 0


def test_what_goes_ahead_takes_from_what_the_next_seconds_give(
    client: redis.Redis, throttle: Throttle
) -> None:
    throttle.permits(LANE, 1000, _limit(600))
    assert throttle.permits(LANE, 1, _limit(600), ahead=True)[0] == 1
    assert throttle.permits(LANE, 1000, _limit(600), ahead=True)[0] == 49
    assert throttle.permits(LANE, 1, _limit(600), ahead=True)[0] == 0
    _age(client, 4.9, "at")
    assert throttle.permits(LANE, 1000, _limit(600))[0] == 0
    _age(client, 0.3, "at")
    assert throttle.permits(LANE, 1000, _limit(600))[0] == 2


def test_a_very_slow_lane_still_moves(client: redis.Redis, throttle: Throttle) -> None:
    assert throttle.permits(LANE, 10, _limit(1))[0] == 1
    granted, wait = throttle.permits(LANE, 10, _limit(1))
    assert granted == 0
    assert 59 < wait <= 60
    _age(client, 60, "at")
    assert throttle.permits(LANE, 10, _limit(1))[0] == 1


def test_two_workers_share_one_bucket(client: redis.Redis) -> None:
    first, second = Throttle(client), Throttle(client)
    assert first.permits(LANE, 30, _limit(600))[0] + second.permits(LANE, 30, _limit(600))[0] == 50


def test_without_a_limit_everything_is_granted(throttle: Throttle) -> None:
    assert throttle.permits(LANE, 100_000, _limit()) == (100_000, 0)


def test_a_complaint_pauses_the_lane_halves_its_pace_and_keeps_the_words(
    client: redis.Redis, throttle: Throttle
) -> None:
    complaint = "550 Domain frequency limited <li@qq.test>"
    assert throttle.slower(LANE, complaint) == module.FIRST_PAUSE
    assert throttle.permits(LANE, 10, _limit(600))[0] == 0
    standing = _pace(client)
    assert standing.factor == 0.5
    assert 59 <= standing.paused_for <= 60
    assert standing.reason == "550 Domain frequency limited …"
    _age(client, 61, "paused", "since")
    assert throttle.permits(LANE, 1000, _limit(600))[0] == 25


def test_one_lane_paused_leaves_the_others_alone(throttle: Throttle) -> None:
    throttle.slower(LANE, "421 HL:ICC")
    assert throttle.permits("netease", 10, _limit(600))[0] == 10
    assert throttle.permits("", 10)[0] == 10


def test_complaints_that_were_under_way_count_once(throttle: Throttle) -> None:
    assert throttle.slower(LANE, "421") == 60
    assert throttle.slower(LANE, "421") == 0


def test_pauses_grow_up_to_an_hour_and_the_pace_has_a_floor(
    client: redis.Redis, throttle: Throttle
) -> None:
    pauses = []
    for _ in range(9):
        pauses.append(throttle.slower(LANE, "421"))
        _age(client, 3600, "paused")
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert _pace(client).factor == module.SLOWEST


def test_a_quiet_while_is_a_step_up_until_all_is_forgotten(
    client: redis.Redis, throttle: Throttle
) -> None:
    throttle.slower(LANE, "421")
    _age(client, 61, "paused", "since")
    throttle.permits(LANE, 1, _limit(600))
    assert _pace(client).factor == 0.5
    factors = []
    for _ in range(2):
        _age(client, module.STEP_SECONDS, "since")
        throttle.permits(LANE, 1, _limit(600))
        factors.append(_pace(client).factor)
    assert factors == [0.75, 1.0]
    assert _pace(client).reason == ""
    assert throttle.slower(LANE, "421") == module.FIRST_PAUSE


def test_a_lane_without_a_limit_gets_one_when_it_complains(
    client: redis.Redis, throttle: Throttle
) -> None:
    throttle.slower(LANE, "421")
    _age(client, 61, "paused", "since")
    burst = module.UNLIMITED_PER_MINUTE / 60 / 2 * module.BURST_SECONDS
    assert throttle.permits(LANE, 100_000, _limit())[0] == burst


def test_two_workers_share_the_connections(client: redis.Redis) -> None:
    throttle, limit = Throttle(client), _limit(connections=4)
    assert throttle.slots(LANE, "host:1", 3, limit) == 3
    assert throttle.slots(LANE, "host:10", 3, limit) == 1
    assert throttle.slots(LANE, "host:1", 1, limit) == 1
    assert throttle.slots(LANE, "host:10", 4, limit) == 3
    assert throttle.slots("netease", "host:1", 4, limit) == 4


def test_connections_of_a_worker_that_died_come_back(client: redis.Redis) -> None:
    throttle, limit = Throttle(client), _limit(connections=2)
    throttle.slots(LANE, "dead:1", 2, limit)
    assert throttle.slots(LANE, "alive:1", 2, limit) == 0
    slots = f"{pace.key(LANE)}:slots"
    for member in client.zrange(slots, 0, -1):
        client.zincrby(slots, -module.SLOT_SECONDS - 1, member)
    assert throttle.slots(LANE, "alive:1", 2, limit) == 2


def test_staff_let_a_paused_lane_go_on(client: redis.Redis, throttle: Throttle) -> None:
    throttle.slower(LANE, "421")
    pace.clear(client, LANE)
    assert throttle.permits(LANE, 10, _limit(600))[0] == 10
    assert _pace(client) == pace.Pace()


def test_what_redis_lost_starts_afresh_at_the_limits(
    client: redis.Redis, throttle: Throttle
) -> None:
    throttle.slower(LANE, "421")
    client.flushall()
    client.script_flush()
    assert throttle.permits(LANE, 1000, _limit(600))[0] == 50


def test_a_mailings_own_cap_is_shared_and_given_back(client: redis.Redis) -> None:
    first, second = Throttle(client), Throttle(client)
    assert first.mailing_permits(7, 100, 600)[0] == 50
    granted, wait = second.mailing_permits(7, 100, 600)
    assert granted == 0
    assert 0 < wait <= 0.1
    first.give_back(pace.mailing_key(7), 40)
    assert second.mailing_permits(7, 100, 600)[0] == 40
    assert second.mailing_permits(8, 100, 600)[0] == 50
    assert 0 < client.ttl(pace.mailing_key(7)) <= module.MAILING_SECONDS


@pytest.mark.parametrize(("left", "claimed"), [(100_000, 500), (999, 500), (801, 401), (3, 100)])
def test_claims_become_smaller_as_a_lane_runs_out(left: int, claimed: int) -> None:
    assert share(Queued(1, LANE, left=left)) == claimed
