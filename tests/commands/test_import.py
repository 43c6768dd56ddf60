"""``dongtai import``: what it says of a manuscript that becomes an issue, and of one that did."""

from __future__ import annotations

from pathlib import Path

import pytest

from dongtai_mail.commands import import_issue
from dongtai_mail.issues.models import Issue
from tests import factories

pytestmark = pytest.mark.django_db


def test_the_same_file_again_is_the_same_issue_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slug = factories.publication().slug
    path = tmp_path / "issue.txt"
    path.write_text("样刊\n【要闻】\n某地\n正文。\n来源：《晨报》 2023 年 2 月 7 日\n")
    assert import_issue.main([str(path), "--publication", slug]) == 0
    first = capsys.readouterr().out
    assert f"编号 {Issue.objects.get().pk}，1 个栏目，1 条。" in first
    assert "刊名写作“样刊”，而这份刊物是“云港观察”。" in first
    assert import_issue.main([str(path), "--publication", slug]) == 0
    assert capsys.readouterr().out == (
        f"这份文件以前导入过，就是下面这一期；没有再导入一次。\n{first}"
    )
    assert Issue.objects.count() == 1
