"""What workers do beside sending mailings: one person's trouble is not the others'."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.utils import timezone

from dongtai_mail.delivery import imports, pace, proof_sends, providers
from dongtai_mail.delivery.letters import key_path
from dongtai_mail.delivery.models import ProofLetter
from dongtai_mail.environment import Relay
from dongtai_mail.message.address import parse
from subscribers import importing, outbox
from subscribers.models import ImportRun, Notice, Subscriber
from tests import factories
from tests.smtp_server import SmtpServer
from worker import errands, posting
from worker.stop import Stop

pytestmark = pytest.mark.django_db

SLOW = {"per_minute": 60, "connections": None, "messages_per_connection": None}


@pytest.fixture
def server(settings, tmp_path: Path, redis_server: redis.Redis) -> Iterator[SmtpServer]:
    redis_server.flushall()
    settings.DATA_DIR = tmp_path
    with SmtpServer() as smtp:
        settings.RELAYS = (Relay("127.0.0.1", smtp.port, "none"),)
        yield smtp


@pytest.mark.parametrize("key", [None, "no key"])
def test_a_publication_that_cannot_sign_holds_up_no_other(
    server: SmtpServer, key: str | None
) -> None:
    theirs, ours = factories.publication("other", "other.example"), factories.publication()
    for publication in (theirs, ours):
        to = [parse(f"proof@{publication.slug}.test")]
        proof_sends.post(factories.edition(publication), to, "wang")
    path = key_path(theirs)
    path.unlink() if key is None else path.write_text(key)
    errands.send_notices()
    assert server.recipients() == ["proof@observer.test"]
    left = ProofLetter.objects.exclude(state=ProofLetter.State.SENT).get()
    assert (left.state, left.attempts) == (ProofLetter.State.QUEUED, 1)
    assert left.note


def _notices(*addresses: str, ip: str | None = None) -> None:
    """Confirmations: at somebody's request, or posted by an import."""
    on = factories.subscriber_list()
    for row in factories.subscribe(on, *addresses):
        key = row.subscriber.key
        assert outbox.post(Notice.Kind.CONFIRM, row, key=key, language="zh-hans", ip=ip)


def test_notices_keep_to_a_providers_limit_and_lose_no_try(server: SmtpServer) -> None:
    providers.change("slow.test", **SLOW)
    _notices(*(f"reader{number}@slow.test" for number in range(30)), "li@fast.test")
    errands.send_notices()
    assert "li@fast.test" in server.recipients()
    assert 5 <= len(server.received) - 1 <= 8
    waiting = Notice.objects.exclude(state=Notice.State.SENT)
    assert len(waiting) == 31 - len(server.received)
    assert {(each.state, each.attempts) for each in waiting} == {("queued", 0)}
    # A second apart, as the limit has it, so that they are not all claimed again at once.
    first, last = waiting.earliest("due_at"), waiting.latest("due_at")
    assert (last.due_at - first.due_at).total_seconds() > len(waiting) - 2


def test_who_has_just_asked_goes_before_what_an_import_posted(server: SmtpServer) -> None:
    providers.change("slow.test", **SLOW)
    _notices(*(f"reader{number}@slow.test" for number in range(60)))
    errands.send_notices()
    _notices("li@slow.test", ip="192.0.2.1")
    Notice.objects.filter(ip=None).update(due_at="2020-01-01T00:00Z")
    before = len(server.received)
    errands.send_notices()
    assert server.recipients()[before:][:1] == ["li@slow.test"]


def test_a_provider_that_finds_notices_too_fast_is_paused_and_costs_no_try(
    server: SmtpServer, redis_server: redis.Redis
) -> None:
    server.script = lambda stage, _: "550 Domain frequency limited" if stage == "rcpt" else None
    _notices("one@post.test", "two@post.test", ip="192.0.2.1")
    errands.send_notices()
    assert {(row.state, row.attempts) for row in Notice.objects.all()} == {("queued", 0)}
    assert server.sessions == 1
    assert pace.paces(redis_server, ["post.test"])["post.test"].paused_for > 50
    Notice.objects.update(due_at="2020-01-01T00:00Z")
    errands.send_notices()
    assert server.sessions == 1


def test_a_relay_that_is_away_costs_notices_no_try(server: SmtpServer, settings) -> None:
    settings.RELAYS = (Relay("127.0.0.1", 1, "none"),)
    _notices("one@post.test", "two@post.test")
    assert errands.send_notices() == 0
    assert {(row.state, row.attempts) for row in Notice.objects.all()} == {("queued", 0)}
    assert not outbox.waiting(outbox.readers())


def test_notices_wait_for_redis(server: SmtpServer, settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    _notices("one@post.test")
    with pytest.raises(redis.RedisError):
        errands.send_notices()
    assert outbox.waiting(outbox.readers())
    assert Notice.objects.get().state == Notice.State.QUEUED


def test_a_relay_that_warms_up_carries_no_more_notices_than_its_day_allows(
    server: SmtpServer, settings
) -> None:
    tomorrow = timezone.localdate() + datetime.timedelta(days=1)
    settings.RELAYS = (Relay("127.0.0.1", server.port, "none", warmup=tomorrow),)
    _notices("one@post.test")
    errands.send_notices()
    assert not server.received
    assert Notice.objects.get().attempts == 0


def test_each_reply_is_recorded_before_the_next_letter_and_a_stop_is_heeded(
    server: SmtpServer, monkeypatch
) -> None:
    stop = Stop()
    monkeypatch.setattr(posting, "stopping", stop)
    server.script = lambda stage, _: stop.set() if stage == "dot" else None
    _notices("one@post.test", "two@post.test", "three@post.test")
    errands.send_notices()
    states = Counter(Notice.objects.values_list("state", flat=True))
    assert states == {"sent": 1, "queued": 2}
    assert len(server.received) == 1


def test_a_notice_that_another_worker_took_over_is_not_sent_twice(server: SmtpServer) -> None:
    _notices("one@post.test")
    (notice,) = outbox.claim(outbox.readers(), 1)
    Notice.objects.update(due_at="2020-01-01T00:00Z")
    (again,) = outbox.claim(outbox.readers(), 1)
    assert not outbox.renew(notice)
    assert outbox.renew(again)


def test_an_import_and_its_undoing_are_errands(settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    rows = "邮箱\nli@example.com\nwang@example.com\n".encode()
    run = importing.receive(factories.subscriber_list(), [rows], "readers.csv")
    importing.begin(run, proceed=True)
    errands.run()
    run.refresh_from_db()
    assert (run.state, Subscriber.objects.count()) == (ImportRun.State.DONE, 2)
    imports.begin_undoing(run)
    errands.run()
    run.refresh_from_db()
    assert (run.state, Subscriber.objects.count()) == (ImportRun.State.UNDONE, 0)
