"""What a command says when it is given what can't be meant: one line, and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from dongtai_mail.commands import send, subscribers
from dongtai_mail.delivery.models import Mailing
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing() -> Mailing:
    return factories.mailing()


@pytest.mark.parametrize("at", ["2020-01-01T00:00", "2020-01-01T00:00+08:00"])
def test_a_time_that_is_past_makes_no_mailing(mailing: Mailing, at: str, capsys) -> None:
    issue, slug = str(mailing.edition.issue_id), mailing.subscriber_list.slug
    assert send.main([issue, "--list", slug, "--at", at, "--again"]) == 2
    assert "已经过去" in capsys.readouterr().err
    assert Mailing.objects.count() == 1


def test_a_file_that_is_not_there_is_named(mailing: Mailing, tmp_path: Path, capsys) -> None:
    path = tmp_path / "readers.csv"
    slug = mailing.subscriber_list.slug
    assert subscribers.main(["import", str(path), "--list", slug]) == 2
    assert capsys.readouterr().err == f"{path}：没有这个文件或目录。请检查路径。\n"
