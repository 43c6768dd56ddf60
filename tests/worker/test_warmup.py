"""The warm-up of a new relay: so many messages a provider on day n."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.utils import timezone

from dongtai_mail.delivery import mailings
from dongtai_mail.delivery import warmup as module
from dongtai_mail.delivery.warmup import cap
from dongtai_mail.environment import Relay
from tests import factories
from tests.smtp_server import SmtpServer
from worker.engine import Engine
from worker.relays import Relays
from worker.smtp import SessionRefused
from worker.warmup import Warmup

TODAY = datetime.date(2026, 11, 22)


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as smtp:
        yield smtp


@pytest.fixture
def warmup(redis_server: redis.Redis, monkeypatch) -> Warmup:
    """Day one allows thirty messages, the next fifty."""
    monkeypatch.setattr(module, "DAYS", (30, 50))
    redis_server.flushall()
    return Warmup(redis_server)


def _relay(server: SmtpServer, day: int | None = 1, **changes: object) -> Relay:
    """A relay on this day of its warm-up; None when it is an old one."""
    first = timezone.localdate() - datetime.timedelta(days=(day or 1) - 1)
    relay = Relay("127.0.0.1", server.port, "none", warmup=first if day is not None else None)
    return dataclasses.replace(relay, **changes)


def test_a_day_after_the_other_allows_more_until_there_is_no_cap() -> None:
    relay = Relay("relay", 25, "none", warmup=TODAY)
    days = [TODAY + datetime.timedelta(days=number) for number in range(-1, len(module.DAYS) + 1)]
    caps = [cap(relay, "gmail", day, {}) for day in days]
    assert caps == [0, *module.DAYS, None]
    assert cap(relay, "tencent", TODAY, {}) == module.DAYS[0] // 2
    assert cap(Relay("relay", 25, "none"), "gmail", TODAY, {}) is None


def test_what_is_reserved_is_counted_for_each_relay_and_provider(server, warmup) -> None:
    relay = _relay(server)
    other = dataclasses.replace(relay, host="localhost")
    assert [warmup.reserve(relay, "gmail", 20) for _ in range(3)] == [20, 10, 0]
    assert warmup.reserve(relay, "", 20) == 20
    assert warmup.reserve(other, "gmail", 20) == 20
    assert warmup.room([relay, other], "gmail") == 10
    warmup.give_back(relay, "gmail", 5)
    assert warmup.room([relay, other], "gmail") == 15
    assert warmup.room([relay, _relay(server, None)], "gmail") is None


def test_a_session_carries_what_was_reserved_and_the_rest_comes_back(server, warmup) -> None:
    relay = _relay(server)

    async def sessions() -> None:
        relays = Relays([relay], warmup=warmup)
        first, second = await relays.acquire("gmail"), await relays.acquire("gmail")
        assert (first.relay.messages, second.relay.messages) == (20, 10)
        waiting = asyncio.create_task(relays.acquire("gmail"))
        second.sent = 10
        await relays.release(second)
        first.sent = 3
        await relays.release(first)
        third = await asyncio.wait_for(waiting, 5)
        assert third.relay.messages == 17
        third.sent = 17
        await relays.release(third)
        with pytest.raises(SessionRefused, match="enough for today"):
            await relays.acquire("gmail")
        await relays.close()

    asyncio.run(sessions())
    assert warmup.room([relay], "gmail") == 0


def test_a_relay_that_has_had_enough_leaves_the_rest_to_the_others(server, warmup) -> None:
    with SmtpServer() as old:
        new = _relay(server)
        warmup.reserve(new, "gmail", 30)

        async def where() -> str:
            relays = Relays([new, _relay(old, None)], warmup=warmup)
            session = await relays.acquire("gmail")
            await relays.release(session)
            await relays.close()
            return session.relay.name

        assert asyncio.run(where()) == f"127.0.0.1:{old.port}"


def test_a_relay_that_cannot_be_reached_costs_nothing_of_its_day(server, warmup) -> None:
    relay = _relay(server, port=1)

    async def fails() -> None:
        relays = Relays([relay], warmup=warmup)
        with pytest.raises(SessionRefused):
            await relays.acquire("gmail")

    asyncio.run(fails())
    assert warmup.room([relay], "gmail") == 30


@pytest.mark.django_db
def test_what_staff_set_holds_for_this_relay_from_the_next_look(server, warmup) -> None:
    relay, other = _relay(server), _relay(server, host="localhost")
    module.change(relay, [12], {"gmail": 25})
    assert warmup.room([relay], "gmail") == 30
    warmup.refresh()
    assert [warmup.room([relay], lane) for lane in ("gmail", "tencent")] == [3, 12]
    assert warmup.reserve(relay, "gmail", 20) == 3
    assert warmup.room([_relay(server, 2)], "gmail") is None
    assert warmup.room([other], "gmail") == 30
    module.forget(relay)
    warmup.refresh()
    assert warmup.room([relay], "gmail") == 27


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("day", "sent"), [(1, 30), (2, 50), (3, 60)])
def test_a_mailing_gets_as_far_as_the_day_allows(
    settings, tmp_path: Path, server, warmup, day: int, sent: int
) -> None:
    settings.DATA_DIR = tmp_path
    settings.RELAYS = (_relay(server, day, connections=2),)
    factories.publication()
    factories.readers(60)
    mailing = factories.mailing()
    engine = Engine()
    engine.drive(lambda: None)
    engine.close()
    ledger = mailings.ledger(mailing)
    assert ledger["accepted"] == len(server.received) == sent
    mailing.refresh_from_db()
    assert mailing.note.startswith("新中继还在预热") == (sent < 60)
    assert ledger["queued"] == 60 - sent


def _fill(client: redis.Redis) -> None:
    client.config_set("maxmemory", 1)


@pytest.mark.django_db(transaction=True)
def test_while_redis_cannot_say_what_the_day_allows_sending_waits_and_says_so(
    settings, tmp_path: Path, server, warmup, redis_server: redis.Redis
) -> None:
    settings.DATA_DIR = tmp_path
    settings.RELAYS = (_relay(server, connections=1, messages=1),)
    server.script = lambda at, _: _fill(redis_server) if at == "dot" else None
    factories.publication()
    factories.readers(3)
    mailing = factories.mailing()
    engine = Engine()
    try:
        engine.drive(lambda: None)
    finally:
        redis_server.config_set("maxmemory", 0)
        engine.close()
    mailing.refresh_from_db()
    assert "Redis 暂时不可用" in mailing.note
    assert mailings.ledger(mailing)["queued"] + len(server.received) == 3
