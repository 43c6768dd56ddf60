"""The Markdown subset: what it means, and that nothing else means anything."""

from __future__ import annotations

import time

import pytest

from dongtai_mail.content import Finding
from dongtai_mail.rendering.inline import inline_piece


def _html(source: str) -> str:
    return str(inline_piece(source, lambda finding: None).html)


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("**粗**", "<strong>粗</strong>"),
        ("*斜*", "<em>斜</em>"),
        ("前**《意见》提出。**后", "前<strong>《意见》提出。</strong>后"),
        ("**“小程序”**购物", "<strong>“小程序”</strong>购物"),
        ("**甲****乙**丙", "<strong>甲</strong><strong>乙</strong>丙"),
        ("***重***", "<em><strong>重</strong></em>"),
        ("5 * 3 * 2", "5 * 3 * 2"),
        (r"\*\*原样\*\* \[x\]", "**原样** [x]"),
        ("_甲_ `乙` ~~丙~~", "_甲_ `乙` ~~丙~~"),
        ("甲\n乙", "甲<br/>\n乙"),
        ("[甲](https://a.test/?x=1&y=2)", '<a href="https://a.test/?x=1&amp;y=2">甲</a>'),
        (
            "[甲](https://例子.测试/路)",
            '<a href="https://xn--fsqu00a.xn--0zwm56d/%E8%B7%AF">甲</a>',
        ),
        ("[甲](mailto:a@b.test)", '<a href="mailto:a@b.test">甲</a>'),
        ("&lt;b&gt; <b>", "&amp;lt;b&amp;gt; &lt;b&gt;"),
        ("**<script>x</script>**", "<strong>&lt;script&gt;x&lt;/script&gt;</strong>"),
        ("𠮷**𠮷**", "𠮷<strong>𠮷</strong>"),
    ],
)
def test_a_source_means_exactly_this(source: str, html: str) -> None:
    assert _html(source) == html


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "/relative", "//host.test/x", "data:text/html,x", "https://"]
)
def test_a_link_that_is_not_absolute_stays_text_and_is_a_finding(target: str) -> None:
    findings: list[Finding] = []
    piece = inline_piece(f"[甲]({target})", findings.append)
    assert "<a" not in piece.html
    assert piece.plain == f"[甲]({target})"
    assert [finding.code for finding in findings] == ["link-refused"]


def test_plain_text_drops_marks_and_keeps_targets() -> None:
    piece = inline_piece("**甲**见[乙](https://a.test/)", lambda finding: None)
    assert piece.plain == "甲见乙"
    assert piece.text == "甲见乙 <https://a.test/>"


@pytest.mark.parametrize(
    "source",
    ["[" * 20_000 + "]" * 20_000, "[a](" * 20_000, "*a" * 20_000, "**a" * 20_000, "*" * 20_000],
)
def test_markup_beyond_reason_is_shown_as_it_stands_and_quickly(source: str) -> None:
    findings: list[Finding] = []
    start = time.perf_counter()
    piece = inline_piece(source, findings.append)
    assert time.perf_counter() - start < 2
    assert piece.plain == source
    assert "markup-excessive" in [finding.code for finding in findings]
