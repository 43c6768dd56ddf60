"""Hostile content: it comes through as text, nothing runs and nothing crashes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from dongtai_mail.content import Image, Issue, Item, ListBlock, Paragraph, Section, Table
from dongtai_mail.rendering import Kind, Rendered, render, write_output
from tests.rendering.samples import FRAME, issue_of

HOSTILE = [
    "<script>alert(1)</script>",
    "{{ 7 * 7 }} {% include 'x' %} {# x #}",
    '<mj-include path="/etc/passwd" />',
    "</mj-text></mj-column><mj-raw>x</mj-raw>",
    "<!-- x --> <!--[if mso]> x <![endif]--> ]]> <![CDATA[x]]>",
    "&lt;b&gt; &amp;amp; &#x41; &nbsp;",
    "<?xml version='1.0'?><!DOCTYPE x>",
    "\u20bb7 \U00020bb7 \U0001f468\u200d\U0001f469",
    "= -{}[]()<>\"'`~!@#$%^&|;:,.?/",
    "https://personal.invalid/0123456789abcdef/unsubscribe",
    "<div>" * 20_000,
    "=" * 72,
]


def _content(rendered: Rendered) -> str:
    tree = etree.fromstring(rendered.html, etree.HTMLParser(huge_tree=True))
    return str(tree.xpath('string(//td[@class="b c"])'))


def _faults(rendered: Rendered) -> list[str]:
    return [f.code for f in rendered.findings if not f.code.endswith("-missing")] + [
        f.code for f in rendered.findings if f.code == "content-missing"
    ]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", list(Kind))
def test_hostile_text_comes_through_as_text(text: str, kind: Kind) -> None:
    escaped = text.replace("\\", "\\\\").replace("[", "\\[").replace("*", "\\*")
    body = (Paragraph(escaped + "。"), ListBlock((escaped,)), Table(((escaped,),)))
    item = Item(text, body, source_line=text, heading=text)
    issue = Issue(masthead=text, number=text, subject=text, sections=(Section(text, (item,)),))
    rendered = render(issue, FRAME, kind)
    assert [code for code in _faults(rendered) if code != "size"] == []
    assert "".join(text.split()) in "".join(_content(rendered).split())
    assert "<script" not in rendered.html + rendered.web_html
    assert "49" not in rendered.subject


def test_twenty_thousand_brackets_in_every_place_neither_crash_nor_vanish() -> None:
    brackets = "[" * 20_000
    rendered = render(issue_of(Paragraph(brackets), title=brackets), FRAME, Kind.FULL)
    assert _content(rendered).count("[") == 40_000


def test_control_characters_go_with_a_finding() -> None:
    rendered = render(issue_of(Paragraph("甲\x00\x08乙\ufffe丙\ud800丁")), FRAME)
    assert "甲乙丙丁" in rendered.html
    found = [f for f in rendered.findings if f.code == "control-character"]
    assert [(f.item, "U+D800" in f.message) for f in found] == [("标题", True)]


def test_bidi_marks_go_with_a_finding() -> None:
    rendered = render(issue_of(Paragraph("付款\u202e元001\u202c"), title="\u2066标题\u2069"), FRAME)
    assert "付款元001" in rendered.text
    assert [f.code for f in rendered.findings].count("bidi-mark") == 2


def test_findings_about_broken_text_can_be_written(tmp_path: Path) -> None:
    broken = "标\ud800题\x00"
    rendered = render(issue_of(Image(broken, broken), Paragraph(broken), title=broken), FRAME)
    report = write_output(rendered, tmp_path, None)
    assert {check["item"] for check in report["checks"]} == {"标题", None}


def test_a_subject_cannot_carry_a_second_header_line() -> None:
    issue = Issue(subject="周刊\r\nBcc: a@b.test", preheader="甲\n乙", sections=())
    rendered = render(issue, FRAME)
    assert rendered.subject == "周刊 Bcc: a@b.test"
    assert "\n" not in rendered.preheader


@pytest.mark.parametrize("source", ["http://a.test/x.png", "data:image/png;base64,xx", "x.png", ""])
def test_an_image_that_is_not_https_is_refused_and_its_caption_stays(source: str) -> None:
    rendered = render(issue_of(Image(source, "图", "图说")), FRAME)
    assert "<img" not in rendered.html
    assert "图说" in rendered.html
    assert "image-refused" in [f.code for f in rendered.findings]


def test_quotes_in_an_image_cannot_leave_their_attribute() -> None:
    image = Image('https://a.test/"onerror="x', '"><script>x</script>')
    rendered = render(issue_of(image), FRAME)
    tree = etree.fromstring(rendered.html, etree.HTMLParser())
    assert tree.xpath("//img/@alt") == ['"><script>x</script>']
    assert not tree.xpath("//@onerror | //script")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.text(max_size=80))
def test_no_text_breaks_a_rendering(body: str, title: str) -> None:
    rendered = render(issue_of(Paragraph(body), title=title), FRAME)
    assert not [f for f in rendered.findings if f.code.startswith(("content", "anchor", "slot"))]
