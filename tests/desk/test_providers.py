"""The page of providers: limits, how each stands, and changing it."""

from __future__ import annotations

import datetime
import re

import pytest
import redis
from django.utils import timezone

from dongtai_mail.delivery import mailings, pace, providers
from dongtai_mail.desk.models import AuditEntry
from dongtai_mail.environment import Relay
from tests import factories
from worker.throttle import Throttle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def client_of_redis(redis_server: redis.Redis) -> redis.Redis:
    redis_server.flushall()
    return redis_server


def _row(page: str, provider: str) -> str:
    """The words of a provider's row."""
    row = page.partition(f">{provider}</")[2].partition("th>")[2].partition("</tr>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def test_each_provider_with_its_limits_and_their_source(desk) -> None:
    page = desk.get("/providers/").content.decode()
    assert _row(page, "yahoo").startswith("● 正常 1,200 5 20 ")
    assert "SLN3433" in _row(page, "yahoo")
    assert _row(page, "其他服务商").startswith("● 正常 不限 不限 不限 ")


def test_a_relay_that_warms_up_says_how_much_it_may_today(desk, settings) -> None:
    first = timezone.localdate() - datetime.timedelta(days=2)
    settings.RELAYS = (Relay("new.test", 25, "none", warmup=first), Relay("old.test", 25, "none"))
    page = desk.get("/providers/").content.decode()
    assert "新中继 new.test:25 在预热，今天是第 3 天（共 10 天）：给每个接收方最多 1,000 封" in page
    assert "微软（Outlook、Hotmail） 500 封" in page
    assert "old.test" not in page


def test_what_a_relay_may_while_it_warms_up_is_changed_and_put_back(desk, settings) -> None:
    first = timezone.localdate() - datetime.timedelta(days=2)
    relay = Relay("new.test", 25, "none", warmup=first)
    settings.RELAYS = (relay, Relay("old.test", 25, "none"))
    where = "/relays/new.test:25/warmup/"
    assert where in desk.get("/providers/").content.decode()
    assert "200 500 1000" in (page := desk.get(where).content.decode())
    assert "今天是第 3 天，给每个接收方最多 1,000 封" in page
    form = {**dict.fromkeys(providers.DEFAULTS, "100"), "days": "10, 20，30 40", "gmail": "50"}
    assert desk.post(where, form)["Location"] == "/providers/"
    page = desk.get("/providers/").content.decode()
    assert "（共 4 天）：给每个接收方最多 30 封，Gmail 15 封。" in page
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.subject) == ("relay.warmup", "new.test:25")
    assert entry.after["days"] == "10 20 30 40"
    assert 'role="alert"' in desk.post(where, {**form, "days": "many"}).content.decode()
    desk.post(where, {**form, "days": "10"})
    page = desk.get("/providers/").content.decode()
    assert "new.test:25：预热已结束。" in page
    assert where in page
    desk.post(f"{where}default/")
    assert "给每个接收方最多 1,000 封" in desk.get("/providers/").content.decode()
    assert desk.get("/relays/old.test:25/warmup/").status_code == 404


def test_a_paused_provider_says_until_when_and_why(desk, client_of_redis) -> None:
    Throttle(client_of_redis).slower("tencent", "550 <b>Domain</b> frequency limited")
    page = desk.get("/providers/").content.decode()
    assert "暂停，还有 1 分钟" in _row(page, "tencent")
    assert "<b>Domain" not in page
    assert "frequency limited" in _row(page, "tencent")
    desk.post("/providers/tencent/resumption/")
    assert _row(desk.get("/providers/").content.decode(), "tencent").startswith("● 正常")


def test_a_slowed_provider_says_how_much(desk, client_of_redis) -> None:
    client_of_redis.hset(pace.key("netease"), mapping={"factor": 0.25, "reason": "421 HL:IFC"})
    assert "放慢到 25 %" in _row(desk.get("/providers/").content.decode(), "netease")


def test_limits_are_changed_and_put_back(desk) -> None:
    form = {"per_minute": "90", "connections": "", "messages_per_connection": "5"}
    assert desk.post("/providers/gmail/", form)["Location"] == "/providers/"
    limit = providers.limits()["gmail"]
    assert (limit.per_minute, limit.connections, limit.messages_per_connection) == (90, None, 5)
    assert "由工作人员设定" in _row(desk.get("/providers/").content.decode(), "gmail")
    desk.post("/providers/gmail/default/")
    assert providers.limits()["gmail"] == providers.DEFAULTS["gmail"]


@pytest.mark.parametrize("number", ["0", "-1", "many", "1000000"])
def test_a_number_that_cannot_be_meant_is_explained(desk, number: str) -> None:
    page = desk.post("/providers/gmail/", {"per_minute": number})
    assert 'role="alert"' in page.content.decode()
    assert providers.limits() == providers.DEFAULTS


def test_lanes_of_mailings_under_way_are_shown_and_nothing_else(desk, publication) -> None:
    readers = factories.subscriber_list(publication)
    factories.subscribe(readers, "a@qq.test")
    providers.change("qq.test", 5, None, None)
    mailing = factories.mailing(edition=factories.edition(publication), subscriber_list=readers)
    mailings.start(mailing.pk)
    providers.forget("qq.test")
    assert _row(desk.get("/providers/").content.decode(), "qq.test")
    assert desk.get("/providers/qq.test/").status_code == 200
    assert desk.get("/providers/nobody.test/").status_code == 404


def test_without_redis_the_limits_are_still_shown(desk, settings) -> None:
    settings.REDIS_URL = "redis+socket:///nonexistent/redis.sock"
    page = desk.get("/providers/").content.decode()
    assert "Redis 不可用" in page
    assert "1,200 5 20" in _row(page, "yahoo")
    desk.post("/providers/yahoo/resumption/")
