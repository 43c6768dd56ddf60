"""``dongtai provider``: limits that staff see and change."""

from __future__ import annotations

import re

import pytest
import redis
from django.utils import timezone

from dongtai_mail.commands import provider as command
from dongtai_mail.delivery import mailings, pace, providers
from dongtai_mail.delivery.models import Delivery
from dongtai_mail.environment import Relay
from tests import factories
from worker.throttle import Throttle

pytestmark = pytest.mark.django_db


def test_the_list_tells_limits_sources_and_who_is_paused(capsys, redis_server: redis.Redis) -> None:
    redis_server.flushall()
    Throttle(redis_server).slower("tencent", "550 Domain frequency limited")
    assert command.main(["list"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"暂停，还有 \d+ 秒：550 Domain frequency limited", printed)
    assert all(str(limit.source) in printed for limit in providers.DEFAULTS.values())


def test_the_list_tells_how_far_a_new_relay_is(capsys, settings, redis_server) -> None:
    first = timezone.localdate()
    settings.RELAYS = (Relay("new.test", 25, "none", warmup=first),)
    assert command.main(["list"]) == 0
    assert "new.test:25 在预热，今天是第 1 天：给每个接收方最多 200 封" in capsys.readouterr().out


def test_who_reads_english_is_told_everything_in_english(
    capsys, monkeypatch, settings, redis_server: redis.Redis
) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    redis_server.flushall()
    settings.RELAYS = (Relay("new.test", 25, "none", warmup=timezone.localdate()),)
    Throttle(redis_server).slower("tencent", "550 Domain frequency limited")
    for arguments in (["list"], ["set", "sina", "--per-minute", "1"], ["clear", "sina"]):
        assert command.main(arguments) == 0
    printed = capsys.readouterr().out
    assert re.search(r"paused for \d+ s more: 550 Domain frequency limited", printed)
    assert "at most 200 to each provider, tencent 100" in printed
    assert not re.search(r"[\u3000-\u303f\u4e00-\uffef]", printed), printed


def test_what_is_not_named_stays_as_it_is() -> None:
    command.main(["set", "yahoo", "--per-minute", "50"])
    command.main(["set", "yahoo", "--connections", "none"])
    limit = providers.limits()["yahoo"]
    assert (limit.per_minute, limit.connections, limit.messages_per_connection) == (50, None, 20)
    assert limit.changed


def test_a_domain_of_a_group_means_the_group_and_others_mean_themselves() -> None:
    command.main(["set", "foxmail.com", "--per-minute", "7"])
    command.main(["set", "例子.测试", "--per-minute", "8"])
    limits = providers.limits()
    assert limits["tencent"].per_minute == 7
    assert limits["xn--fsqu00a.xn--0zwm56d"].per_minute == 8


def test_a_mailing_under_way_heeds_a_new_limit() -> None:
    factories.readers(10)
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    command.main(["set", "qq.test", "--per-minute", "5"])
    lanes = Delivery.objects.filter(provider="qq.test").values_list("lane", flat=True)
    assert set(lanes) == {"qq.test"}


def test_clearing_goes_back_to_the_default_and_lifts_the_pause(
    redis_server: redis.Redis,
) -> None:
    redis_server.flushall()
    command.main(["set", "sina", "--per-minute", "1"])
    Throttle(redis_server).slower("sina", "421 slow down")
    command.main(["clear", "sina"])
    assert providers.limits()["sina"] == providers.DEFAULTS["sina"]
    assert pace.paces(redis_server, ["sina"])["sina"] == pace.Pace()


@pytest.mark.parametrize(
    "arguments",
    [
        ["qq.com"],
        ["qq.com", "--per-minute", "0"],
        ["qq.com", "--per-minute", "fast"],
        ["qq.com", "--connections", "100000"],
        ["not a domain", "--per-minute", "5"],
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], capsys) -> None:
    assert command.main(["set", *arguments]) == 2
    assert capsys.readouterr().err
    assert providers.limits() == providers.DEFAULTS
