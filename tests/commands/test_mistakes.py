"""What people at a terminal get for a slip: one line that says what to do, and 2."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dongtai_mail import __main__ as dongtai
from dongtai_mail.content import Severity
from dongtai_mail.desk.words import SEVERITIES


@pytest.fixture
def manuscript(tmp_path: Path) -> Path:
    path = tmp_path / "issue.txt"
    path.write_text("样刊\n【要闻】\n某地\n正文。\n来源：《晨报》 2023 年 2 月 7 日\n")
    return path


def said(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """What the command says on stderr when it refuses."""
    monkeypatch.setattr(sys, "argv", ["dongtai", *arguments])
    with pytest.raises(SystemExit) as stop:
        sys.exit(dongtai.main())
    assert stop.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("frob", "dongtai: there is no command 'frob'. All commands: dongtai --help"),
        ("send", "dongtai send: the following arguments are required: "),
        ("render FILE --out o --date 2023", "'2023' is no day of the calendar"),
        ("manuscript nofile", "nofile: No such file or directory."),
        ("staff list extra", "unrecognized arguments: extra"),
    ],
)
def test_who_reads_english_is_answered_in_english(
    arguments: str,
    reason: str,
    manuscript: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    line = said(arguments.replace("FILE", str(manuscript)).split(), monkeypatch, capsys)
    assert reason in line
    assert line.isascii()


@pytest.mark.parametrize(
    "arguments", ["", "mailing show", "staff add", *sorted(set(dongtai.COMMANDS) - {"manage"})]
)
def test_help_is_in_both_languages(
    arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["dongtai", *arguments.split(), "--help"])
    with pytest.raises(SystemExit) as stop:
        sys.exit(dongtai.main())
    assert stop.value.code == 0
    help_ = capsys.readouterr().out
    assert help_.startswith(f"用法 · usage: dongtai {arguments}".rstrip())
    for line in help_.splitlines()[2:]:
        assert line.isascii() or " · " in line or not re.search("[a-z]{3} [a-z]", line), line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("rendr", "没有命令 'rendr'"),
        ("render", "缺少 file, --out"),
        ("render /nope --out o", "没有文件 /nope，它也不是一期的编号"),
        ("render FILE --out o --date 2023", "'2023' 不是日历上的日期；请写成 2026-12-01"),
        ("render FILE --out o --edition big", "--edition 不能是 'big'；可以是 'auto'"),
        ("render FILE --out o --origin foo", "'foo' 不是网站的地址"),
        ("render FILE --out o --from-address foo", "“foo”不是完整的邮箱地址"),
        ("render FILE --out FILE/x", "路径中间有一段不是目录"),
        ("manuscript .", "这是一个目录，不是文件"),
        ("manuscript FILE --jsn", "不认识 --jsn"),
        ("catcher --port 99999999", "'99999999' 不是端口"),
        ("web --workers 0", "'0' 不是正整数"),
        ("up --port 0", "要写明端口"),
        ("mailing show", "缺少 mailing"),
    ],
)
def test_a_slip_is_one_line_that_says_what_to_do(
    arguments: str,
    words: str,
    manuscript: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = said(arguments.replace("FILE", str(manuscript)).split(), monkeypatch, capsys)
    assert words in line
    assert line.count("\n") == 1


def test_a_name_cannot_write_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = said(["render", "a\x1b[2J\n\u202eb", "--out", "o"], monkeypatch, capsys)
    assert line.rstrip("\n").isprintable()


def test_output_nobody_reads_on_is_no_error(manuscript: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "dongtai_mail", "render", str(manuscript), "--out"]
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [*command, str(manuscript.parent / "out")],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.stderr == b""


def test_the_terminal_and_the_desk_call_severities_the_same() -> None:
    assert {one: str(SEVERITIES[one].word) for one in Severity} == {
        one: one.word for one in Severity
    }
