"""``dongtai send``: stages and pace from the command line."""

from __future__ import annotations

import argparse

import pytest

from dongtai_mail.commands import send
from dongtai_mail.commands.shell import CommandRefused
from tests import factories

pytestmark = pytest.mark.django_db


def _stages(stages: str | None, staff_first: str | None = None) -> list:
    arguments = argparse.Namespace(stages=stages, staff_first=staff_first)
    return send._stages(arguments, factories.subscriber_list())


def test_stages_are_read_and_end_with_everybody() -> None:
    assert _stages(None) == []
    assert _stages("1%, 10,100%") == [{"percent": 1}, {"percent": 10}, {"percent": 100}]
    assert _stages("0.5%") == [{"percent": 0.5}, {"percent": 100}]
    factories.subscriber_list(slug="staff")
    assert _stages(None, "staff") == [{"list": "staff"}, {"percent": 100}]


@pytest.mark.parametrize("text", ["ten", "10%,5%", "0%", "101%", "nan"])
def test_stages_that_make_no_sense_are_explained(text: str) -> None:
    with pytest.raises(CommandRefused, match="--stages"):
        _stages(text)


def test_a_pace_is_a_whole_number() -> None:
    assert (send._pace(None), send._pace("600")) == (None, 600)
    for text in ("0", "-1", "1000000", "六", "1.5"):
        with pytest.raises(CommandRefused, match="--per-minute"):
            send._pace(text)


def test_a_stage_waits_for_a_minute_at_least() -> None:
    assert (send._minutes("10"), send._minutes("1")) == (10, 1)
    for text in ("0", "-1", "10081", "ten"):
        with pytest.raises(CommandRefused, match="--stage-wait"):
            send._minutes(text)


def test_another_publications_list_cannot_go_first() -> None:
    factories.subscriber_list(factories.publication("other", "other.example"), slug="others")
    with pytest.raises(CommandRefused, match="另一份刊物"):
        _stages(None, "others")


def test_who_reads_english_is_told_the_outcome_in_english(capsys, monkeypatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    mailing = factories.mailing(state="stopped", note="发信程序内部出错，详见日志")
    assert send._account(mailing) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("Stopped by itself. ")
    assert printed.isascii()
