"""The command ``dongtai render``, as a person types it."""

from __future__ import annotations

import email
import email.policy
import json
from pathlib import Path

import pytest

from dongtai_mail.commands import render
from dongtai_mail.demo import sample_manuscript
from dongtai_mail.issues.importing import import_manuscript
from dongtai_mail.issues.models import Issue
from tests import factories

SOURCE = "来源：《晨报》 编选：《观察》编辑部 2023 年 2 月 7 日"
BARE = f"【要闻】\n\n某地推出新办法\n\n正文。\n\n{SOURCE}\n"


def rendered(out: Path, *arguments: object) -> dict[str, object]:
    assert render.main([*map(str, arguments), "--out", str(out)]) == 0
    report: dict[str, object] = json.loads((out / "report.json").read_bytes())
    return report


def letter(out: Path) -> email.message.EmailMessage:
    return email.message_from_bytes((out / "issue.eml").read_bytes(), policy=email.policy.default)


def codes(report: dict[str, object]) -> set[str]:
    return {finding["code"] for finding in report["checks"]}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    path = tmp_path / "bare.txt"
    path.write_text(BARE, encoding="utf-8")
    return path


def test_the_letter_holds_the_parts_with_links_in_place(tmp_path: Path) -> None:
    report = rendered(tmp_path / "out", sample_manuscript(), "--edition", "digest")
    assert report["edition"] == "digest"
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {*report["bytes"], "report.json"}
    message = letter(tmp_path / "out")
    text = message.get_body(("plain",))
    assert text is not None
    assert ".invalid" not in text.get_content()
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_what_nobody_says_is_a_finding_and_not_invented(tmp_path: Path, bare: Path) -> None:
    report = rendered(tmp_path, bare)
    missing = ("masthead", "number", "date", "host", "colophon", "subject")
    assert {f"{name}-missing" for name in missing} <= codes(report)
    assert "您订阅了本刊。" in (tmp_path / "issue.txt").read_text("utf-8")
    assert str(letter(tmp_path)["From"]) == "editor@example.org"


def test_options_say_what_the_manuscript_lacks(tmp_path: Path, bare: Path) -> None:
    options = (
        "--masthead",
        "观察",
        "--number",
        "第 3 期",
        "--date",
        "2023-02-20",
        "--host",
        "中心",
    )
    report = rendered(tmp_path, bare, *options)
    text = (tmp_path / "issue.txt").read_text("utf-8")
    assert text.startswith("观察\n第 3 期 · 2023 年 2 月 20 日\n主办单位：中心\n")
    assert "masthead-supplied" in codes(report)


def test_what_is_no_manuscript_ends_with_2_and_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").touch()
    assert render.main([str(tmp_path / "empty.txt"), "--out", str(tmp_path)]) == 2
    assert "空" in capsys.readouterr().err


@pytest.mark.django_db
def test_a_publication_says_the_rest_and_keeps_nothing(tmp_path: Path, bare: Path) -> None:
    factories.publication()
    options = ("--publication", "observer", "--number", "第 3 期")
    report = rendered(tmp_path, bare, *options)
    assert report["subject"] == "《云港观察》第 3 期"
    assert str(letter(tmp_path)["From"]) == "云港观察编辑部 <editor@example.org>"
    assert not Issue.objects.exists()


@pytest.mark.django_db
def test_an_issue_is_rendered_by_its_id(tmp_path: Path) -> None:
    path = sample_manuscript()
    issue = import_manuscript(factories.publication(), path.read_bytes(), path.name)
    report = rendered(tmp_path, issue.pk)
    assert str(issue.number) in str(report["subject"])
