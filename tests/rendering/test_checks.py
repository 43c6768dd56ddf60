"""Each check finds the fault it is there for."""

from __future__ import annotations

import pytest

from dongtai_mail.content import Finding
from dongtai_mail.rendering import Kind, Rendered, render
from dongtai_mail.rendering.checks import check
from dongtai_mail.rendering.view import view
from tests.rendering.samples import FRAME, small_issue


@pytest.fixture(scope="module")
def sound() -> Rendered:
    return render(small_issue(), FRAME, Kind.FULL)


def _findings(sound: Rendered, part: str, before: str, after: str) -> list[Finding]:
    parts = {"html": sound.html, "text": sound.text, "web_html": sound.web_html}
    assert before in parts[part]
    parts[part] = parts[part].replace(before, after, 1)
    seen = view(small_issue(), lambda finding: None)
    return check(seen, Kind.FULL, slots=sound.slots, **parts)


@pytest.mark.parametrize(
    ("part", "before", "after", "code"),
    [
        ("html", "企业可以提前", "企业可以", "content-missing"),
        (
            "html",
            "企业可以提前 24 小时申报。</p>",
            "企业可以提前 24 小时申报。</p><p>多</p>",
            "content-extra",
        ),
        ("text", "企业可以提前 24 小时申报。", "", "content-missing"),
        ("text", "企业可以提前", "企业企业可以提前", "content-extra"),
        ("web_html", "<p>企业可以提前 24 小时申报。</p>", "", "content-missing"),
        ("html", 'href="#i1-1"', 'href="#i9-9"', "anchor-missing"),
        ("html", 'id="s2"', 'id="s1"', "anchor-doubled"),
        ("web_html", 'id="i1-1"', "", "anchor-missing"),
        ("web_html", 'id="i2-1"', "", "anchor-missing"),
        ("web_html", 'id="s2"', 'id="s1"', "anchor-doubled"),
        ("web_html", "企业可以提前", "企业企业可以提前", "content-extra"),
        ("web_html", "https://port.example.test/n", "/n", "link-not-absolute"),
        ("web_html", ' alt="包裹量柱状图"', "", "image-alt-missing"),
        ("html", "https://port.example.test/n", "/n", "link-not-absolute"),
        ("html", ' alt="包裹量柱状图"', "", "image-alt-missing"),
        ("html", "<!DOCTYPE html>", "", "doctype-missing"),
        ("html", "@media (prefers-color-scheme:dark)", "", "media-query-missing"),
        ("html", "<![endif]-->", "", "mso-comments-unbalanced"),
        ("html", "/unsubscribe", "/x", "slot-not-once"),
        ("text", "/preferences", "/x", "slot-not-once"),
    ],
)
def test_a_fault_is_found(sound: Rendered, part: str, before: str, after: str, code: str) -> None:
    assert code in [finding.code for finding in _findings(sound, part, before, after)]


def test_a_lost_paragraph_is_found_with_its_item(sound: Rendered) -> None:
    (finding,) = _findings(sound, "html", "企业可以提前 24 小时申报。", "")
    assert finding.item == "临江口岸开通夜间通关"
    assert "企业可以提前" in finding.message
