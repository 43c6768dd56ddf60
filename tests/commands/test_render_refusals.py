"""What ``dongtai render`` says when it is called wrongly; it needs no settings for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from dongtai_mail.commands import render


@pytest.mark.parametrize("name", ["no-such-file.txt", "x" * 300, "/"])
def test_what_is_no_file_is_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert render.main([name, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert name in said
    assert said.count("\n") == 1
