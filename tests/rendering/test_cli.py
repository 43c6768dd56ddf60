"""The files of ``dongtai render``."""

from __future__ import annotations

import json
from pathlib import Path

from dongtai_mail.rendering import Kind, render, write_output
from tests.rendering.samples import FRAME, small_issue


def test_every_part_is_written_as_it_is(tmp_path: Path) -> None:
    rendered = render(small_issue(), FRAME, Kind.LEAN)
    write_output(rendered, tmp_path / "out", b"Subject: x\r\n\r\ny\r\n")
    assert (tmp_path / "out/issue.html").read_bytes() == rendered.html.encode()
    assert (tmp_path / "out/issue.txt").read_bytes() == rendered.text.encode()
    assert (tmp_path / "out/issue.mjml").read_bytes() == rendered.mjml.encode()
    assert (tmp_path / "out/issue.eml").read_bytes() == b"Subject: x\r\n\r\ny\r\n"


def test_the_report_counts_bytes_and_names_the_edition(tmp_path: Path) -> None:
    rendered = render(small_issue(), FRAME, Kind.LEAN)
    write_output(rendered, tmp_path, None)
    report = json.loads((tmp_path / "report.json").read_bytes())
    assert report["edition"] == "lean"
    assert report["bytes"]["issue.html"] == len(rendered.html.encode())
    assert report["size"] == {"html": rendered.size, "limit": 98_304}
    assert {"view", "jinja", "mjml", "premailer", "text", "check"} <= set(report["milliseconds"])
    assert report["checks"] == []
    assert not (tmp_path / "issue.eml").exists()


def test_a_line_too_long_for_smtp_is_reported_with_its_number(tmp_path: Path) -> None:
    rendered = render(small_issue(), FRAME)
    fits = write_output(rendered, tmp_path, b"a" * 998 + b"\r\n")
    report = write_output(rendered, tmp_path, b"Subject: x\r\n" + b"a" * 999 + b"\r\n")
    assert fits["checks"] == []
    assert [(f["code"], f["line"]) for f in report["checks"]] == [("line-too-long", 2)]
