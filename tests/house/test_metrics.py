"""What Prometheus reads at /metrics, and who else may."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import redis

from dongtai_mail import metrics
from dongtai_mail.delivery import gauges, mailings, queue
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.delivery.queue import Outcome
from dongtai_mail.message.reply import Reply, Stage
from tests import factories
from worker.throttle import Throttle

pytestmark = pytest.mark.django_db

SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="(\\.|[^"\\])*"(,[a-z]+="(\\.|[^"\\])*")*\})? -?[\d.e+-]+')


@pytest.fixture
def mailing(redis_server: redis.Redis) -> Mailing:
    redis_server.flushall()
    factories.readers(10)
    row = factories.mailing()
    mailings.start(row.pk)
    return row


def test_the_numbers_are_those_of_the_rows(client, mailing, redis_server) -> None:
    first, second, *_ = queue.claim(mailing.pk, "", "worker", 4)
    replies = Reply(Stage.FINAL, 250, "ok"), Reply(Stage.FINAL, None, "lost")
    queue.record([Outcome(*pair) for pair in zip((first, second), replies, strict=True)])
    Throttle(redis_server).slower("qq.test", "421")
    relays = {"relay:25": gauges.RelayStanding(3, fit=False)}
    counts = Counter({"relay relay:25 accepted": 7, "batches": 2, "batch seconds": 3})
    gauges.tell(redis_server, "host:1", counts, relays)
    gauges.tell(redis_server, "host:1", counts, relays)
    lines = client.get("/metrics").content.decode().splitlines()
    for line in (
        f'dongtai_deliveries{{mailing="{mailing.pk}",state="leased"}} 2',
        f'dongtai_deliveries{{mailing="{mailing.pk}",state="unconfirmed"}} 1',
        'dongtai_mailings{state="sending"} 1',
        'dongtai_queue_depth{provider="others"} 6',
        'dongtai_accepted{provider="others"} 1',
        "dongtai_unconfirmed 1",
        'dongtai_provider_pace{provider="tencent"} 1',
        "dongtai_redis_up 1",
        "dongtai_workers 1",
        'dongtai_relay_sessions{relay="relay:25"} 3',
        'dongtai_relay_resting{relay="relay:25"} 1',
        'dongtai_relay_messages_total{relay="relay:25",outcome="accepted"} 14',
        "dongtai_batch_seconds_sum 6",
        "dongtai_batch_seconds_count 4",
    ):
        assert line in lines
    (oldest,) = (line for line in lines if line.startswith("dongtai_oldest_queued_seconds "))
    assert 0 < float(oldest.split()[1]) < 60


def test_it_is_the_format_that_prometheus_reads(client, mailing) -> None:
    response = client.get("/metrics")
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = response.content.decode().splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in samples)
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(set(types)) == len(types)


def test_labels_are_escaped() -> None:
    family = metrics.Family("m", "gauge", "x", [({"a": 'q"\\\n'}, 0.5)])
    assert metrics.exposition([family]).splitlines()[-1] == r'm{a="q\"\\\n"} 0.5'


def test_no_reader_is_in_it(client, mailing) -> None:
    assert "@" not in client.get("/metrics").content.decode()


@pytest.mark.parametrize(
    "extra",
    [
        {"REMOTE_ADDR": "203.0.113.7"},
        {"headers": {"X-Forwarded-For": "203.0.113.7"}},
        {"headers": {"X-Forwarded-Proto": "https"}},
        {"REMOTE_ADDR": "203.0.113.7", "headers": {"Authorization": "Bearer "}},
        {"REMOTE_ADDR": "203.0.113.7", "headers": {"Authorization": "Bearer wrong"}},
    ],
)
@pytest.mark.parametrize("token", ["", "a-token-of-the-operators"])
def test_nobody_else_may_read_it(client, settings, extra, token) -> None:
    settings.METRICS_TOKEN = token
    assert client.get("/metrics", **extra).status_code == 403


def test_the_token_opens_it_from_elsewhere(client, settings, mailing) -> None:
    settings.METRICS_TOKEN = "a-token-of-the-operators"
    headers = {"Authorization": "Bearer a-token-of-the-operators"}
    response = client.get("/metrics", REMOTE_ADDR="203.0.113.7", headers=headers)
    assert response.status_code == 200


def test_without_redis_the_rest_is_told(client, settings) -> None:
    settings.REDIS_URL = "redis+socket:///nonexistent/redis.sock"
    text = client.get("/metrics").content.decode()
    assert "dongtai_redis_up 0" in text
    assert "dongtai_unconfirmed 0" in text
