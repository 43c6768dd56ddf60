"""The command ``dongtai manuscript``, as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dongtai_mail.manuscript.cli import main

TEXT = "样刊\n【要闻】\n某地推出新办法\n它依旧是是市场。\n来源：《晨报》 2023年2月7日\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "稿件.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_the_outline_names_items_and_findings_with_lines(
    file: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main([str(file)]) == 0
    out = capfdbinary.readouterr().out.decode()
    assert "【要闻】 1 条" in out
    assert "第 4 行" in out


def test_json_is_one_object(file: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main([str(file), "--json"]) == 0
    made = json.loads(capfdbinary.readouterr().out)
    assert made["sections"][0]["items"][0]["source"] == "《晨报》"


@pytest.mark.parametrize(
    ("name", "says"), [("missing.txt", "没有这个文件"), ("", "目录"), ("empty", "空")]
)
def test_what_cannot_be_read_ends_with_2_and_a_reason(
    tmp_path: Path, name: str, says: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "empty").touch()
    assert main([str(tmp_path / name)]) == 2
    captured = capfdbinary.readouterr()
    assert captured.out == b""
    assert says in captured.err.decode()


def test_it_starts_without_django_and_survives_a_closed_pipe(file: Path) -> None:
    file.write_text(TEXT * 4000, encoding="utf-8")
    program = (
        "import sys; from dongtai_mail.__main__ import main; code = main();"
        "assert 'django' not in sys.modules; sys.exit(code)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "manuscript", str(file), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0
