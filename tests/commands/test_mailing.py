"""``dongtai mailing``: the account of a mailing, and steering it."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path

import pytest
import redis
from django.utils import timezone

from dongtai_mail.commands import mailing as command
from dongtai_mail.delivery import mailings, queue, stages
from dongtai_mail.delivery.models import Batch, Mailing
from dongtai_mail.delivery.queue import Claimed, Outcome
from dongtai_mail.message.reply import Reply, Stage
from subscribers.models import Subscription
from tests import factories
from worker import duties, journal, notes

pytestmark = pytest.mark.django_db

ACCEPTED = Reply(Stage.FINAL, 250, "2.0.0 ok")


@pytest.fixture
def mailing() -> Mailing:
    factories.readers(10)
    row = factories.mailing()
    mailings.start(row.pk)
    row.refresh_from_db()
    return row


def _claim(mailing: Mailing, size: int) -> list[Claimed]:
    return queue.claim(mailing.pk, "", "worker", size)


def _shown(capsys, *arguments: str) -> dict:
    command.main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


def test_the_account_adds_up_and_gives_every_reason(mailing: Mailing, capsys) -> None:
    Subscription.objects.filter(pk=Subscription.objects.first().pk).update(state="unsubscribed")
    claimed = _claim(mailing, 6)
    replies = [
        ACCEPTED,
        Reply(Stage.RCPT, 550, f"5.1.1 <{claimed[1].address}> unknown"),
        Reply(Stage.RCPT, 550, f"5.1.1 <{claimed[2].address}> unknown"),
        Reply(Stage.FINAL, None, "connection lost"),
        None,
    ]
    queue.record([Outcome(*pair) for pair in zip(claimed, replies, strict=True)])
    account = _shown(capsys, "show", str(mailing.pk))
    assert account["adds_up"]
    assert {name: count for name, count in account["ledger"].items() if count} == {
        "queued": 5,
        "accepted": 1,
        "bounced": 2,
        "suppressed": 1,
        "unconfirmed": 1,
    }
    assert account["lanes"] == {"": account["ledger"]}
    assert [(each["state"], each["count"]) for each in account["reasons"]] == [
        ("bounced", 2),
        ("unconfirmed", 1),
    ]
    assert account["left_before"] == {"unsubscribed": 1}
    assert account["unconfirmed"]["policy"] == "resend"
    assert [each["id"] for each in account["unconfirmed"]["deliveries"]] == [claimed[3].id]


def test_people_read_the_same_numbers(mailing: Mailing, capsys) -> None:
    queue.record([Outcome(each, ACCEPTED) for each in _claim(mailing, 4)])
    assert command.main(["show", str(mailing.pk)]) == 0
    assert "targeted 10 = queued 6 + accepted 4" in capsys.readouterr().out
    assert command.main(["list"]) == 0
    assert "targeted 10 = queued 6 + accepted 4" in capsys.readouterr().out


def test_who_reads_english_is_told_everything_in_english(capsys, monkeypatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    factories.readers(10)
    mailing = factories.mailing(stages=stages.plan([20]))
    mailings.start(mailing.pk)
    Mailing.objects.update(note="发信程序内部出错，详见日志", targeted=11)
    queue.record([Outcome(each, Reply(Stage.FINAL, None, "lost")) for each in _claim(mailing, 1)])
    for verb, number in (("show", 1), ("pause", 0), ("resume", 0), ("cancel", 0), ("show", 1)):
        assert command.main([verb, str(mailing.pk)]) == number
    assert command.main(["list"]) == 0
    assert command.main(["reconcile"]) == 0
    Mailing.objects.all().delete()
    assert command.main(["list"]) == 0
    printed = capsys.readouterr().out
    assert not re.search(r"[\u3000-\u303f\u4e00-\uffef]", printed.replace("云港观察", "")), printed


def test_a_ledger_that_does_not_add_up_fails_the_command(mailing: Mailing) -> None:
    Mailing.objects.update(targeted=11)
    assert command.main(["show", str(mailing.pk)]) == 1


def test_only_so_many_unconfirmed_deliveries_unless_all_are_wanted(
    mailing: Mailing, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(command, "UNCONFIRMED_SHOWN", 2)
    silence = Reply(Stage.FINAL, None, "lost")
    queue.record([Outcome(each, silence) for each in _claim(mailing, 3)])
    command.main(["show", str(mailing.pk)])
    assert "--all" in capsys.readouterr().out
    account = _shown(capsys, "show", str(mailing.pk), "--all")
    assert len(account["unconfirmed"]["deliveries"]) == 3


def test_pause_resume_and_cancel_do_and_say_so(mailing: Mailing, capsys) -> None:
    for verb, state in (("pause", "paused"), ("resume", "sending"), ("cancel", "cancelled")):
        assert command.main([verb, str(mailing.pk)]) == 0
        mailing.refresh_from_db()
        assert mailing.state == state
        assert mailing.get_state_display() in capsys.readouterr().out
    assert command.main(["resume", str(mailing.pk)]) == 2
    assert "没有可继续的部分" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["4711", "abc"])
def test_a_mailing_that_is_not_there_is_explained(number: str, capsys) -> None:
    assert command.main(["show", number]) == 2
    assert "dongtai mailing list" in capsys.readouterr().err


def test_reconciling_settles_dead_workers_and_says_what_it_did(
    mailing: Mailing, capsys, settings, tmp_path: Path, redis_server: redis.Redis
) -> None:
    settings.DATA_DIR = tmp_path
    settings.LEASE_SECONDS = 1
    redis_server.flushall()
    first, second, third = (_claim(mailing, 3) for _ in range(3))
    story = [journal.batch(first[0].batch_id), journal.begun(first[0].id)]
    story += [journal.concluded(first[0].id, True), journal.begun(first[1].id)]
    (tmp_path / "journal").mkdir()
    name = f"{journal.boot()}-host-1-abc.log"
    (tmp_path / "journal" / name).write_bytes(b"".join(story))
    notes.begin(redis_server, second[0].batch_id)
    Batch.objects.exclude(pk=first[0].batch_id).update(
        leased_until=timezone.now() - datetime.timedelta(seconds=1)
    )
    report = _shown(capsys, "reconcile")
    assert [
        (each["evidence"], each["accepted"], each["unconfirmed"], each["given_back"])
        for each in report
    ] == [("journal", 1, 1, 1), ("notes", 0, 0, 3), ("none", 0, 3, 0)]
    assert third[0].batch_id == report[2]["batches"][0]
    assert command.main(["reconcile"]) == 0
    assert "没有要处理的" in capsys.readouterr().out


def test_what_seems_to_have_lapsed_by_a_wrong_clock_stays_its_workers(
    mailing: Mailing, redis_server: redis.Redis
) -> None:
    batch_id = _claim(mailing, 3)[0].batch_id
    Batch.objects.update(leased_until=timezone.now() - datetime.timedelta(hours=1))
    found = queue.lapsed()
    assert list(found) == [batch_id]
    assert queue.extend([batch_id]) == {batch_id}
    assert duties.settle_lapsed(redis_server, found) == []
    assert mailings.ledger(mailing)["leased"] == 3


def test_the_stage_is_told(capsys) -> None:
    factories.readers(10)
    row = factories.mailing(stages=stages.plan([20]))
    mailings.start(row.pk)
    command.main(["show", str(row.pk)])
    assert "第 1 批，共 2 批（20 %）：已放行 2 / 10 人。" in capsys.readouterr().out
