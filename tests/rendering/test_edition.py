"""A rendering as a whole: kinds, slots, size, places left out."""

from __future__ import annotations

import dataclasses

import pytest
from lxml import etree

from dongtai_mail.content import Issue, Item, Paragraph, Section, Severity
from dongtai_mail.rendering import HTML_LIMIT, Frame, Kind, RenderingError, render
from tests.rendering.samples import FRAME, issue_of, manuscript, small_issue


def _issue_of_bytes(size: int) -> Issue:
    items = tuple(Item(f"第 {n} 条", (Paragraph("字" * 300),)) for n in range(size // 900))
    return Issue(masthead="周刊", sections=(Section("资讯", items),))


@pytest.mark.parametrize("kind", list(Kind))
def test_a_complete_issue_has_no_findings(kind: Kind) -> None:
    assert render(small_issue(), FRAME, kind).findings == ()


def test_the_same_issue_gives_the_same_bytes() -> None:
    assert render(small_issue(), FRAME) == render(small_issue(), FRAME)


@pytest.mark.parametrize("kind", list(Kind))
def test_each_personal_link_stands_once_near_the_end(kind: Kind) -> None:
    rendered = render(small_issue(), FRAME, kind)
    for slot in (rendered.slots.unsubscribe, rendered.slots.preferences):
        assert rendered.html.count(slot) == rendered.text.count(slot) == 1
        assert rendered.html.index(slot) > len(rendered.html) - 800
        assert rendered.text.index(slot) > len(rendered.text) - 200
        assert slot not in rendered.web_html


def test_content_cannot_forge_a_personal_link() -> None:
    slot = render(small_issue(), FRAME).slots.unsubscribe
    forged = dataclasses.replace(small_issue(), preheader=slot)
    assert render(forged, FRAME).slots.unsubscribe != slot


def test_the_size_counts_personal_links_at_their_real_length() -> None:
    longer = dataclasses.replace(FRAME, unsubscribe_url_length=500)
    shorter = render(small_issue(), FRAME)
    assert render(small_issue(), longer).size == shorter.size + 380
    placeholders = len(shorter.slots.unsubscribe) + len(shorter.slots.preferences)
    assert shorter.size == len(shorter.html.encode()) - placeholders + 240


@pytest.mark.parametrize(
    ("size", "kind"), [(50_000, Kind.FULL), (85_500, Kind.LEAN), (99_000, Kind.DIGEST)]
)
def test_auto_takes_the_first_kind_that_fits(size: int, kind: Kind) -> None:
    rendered = render(_issue_of_bytes(size), FRAME)
    assert rendered.kind is kind
    assert rendered.size <= HTML_LIMIT
    bigger = [finding for finding in rendered.findings if finding.code == "edition-too-big"]
    assert len(bigger) == list(Kind).index(kind)


def test_a_kind_that_will_be_clipped_is_an_error_and_is_not_cut() -> None:
    rendered = render(_issue_of_bytes(120_000), FRAME, Kind.FULL)
    assert [f.severity for f in rendered.findings if f.code == "size"] == [Severity.ERROR]
    assert rendered.html.count("字" * 300) == 120_000 // 900


def test_what_is_absent_leaves_its_place_out_and_is_a_finding() -> None:
    issue = Issue(sections=(Section("资讯", (Item("一", (Paragraph("二。"),)),)),))
    rendered = render(issue, FRAME)
    codes = {finding.code for finding in rendered.findings}
    absent = {"masthead", "number", "date", "host", "colophon", "subject"}
    assert codes == {f"{name}-missing" for name in absent}
    assert "None" not in rendered.html + rendered.text + rendered.web_html
    assert "<h1" not in rendered.html
    assert "主办单位" not in rendered.html + rendered.text


def test_an_issue_without_items_is_an_error() -> None:
    rendered = render(Issue(masthead="周刊"), FRAME)
    assert ("issue-empty", Severity.ERROR) in [(f.code, f.severity) for f in rendered.findings]


def test_contents_list_chosen_items_only() -> None:
    html = render(small_issue(), FRAME).html
    contents = html[html.index("本期目录") : html.index("【行业资讯】")]
    assert 'href="#i1-1"' in contents
    assert "三季度" not in contents


def test_contents_name_long_sections_when_nothing_is_chosen() -> None:
    rendered = render(_issue_of_bytes(30_000), FRAME)
    contents = rendered.html[rendered.html.index("本期目录") : rendered.html.index("【资讯】")]
    assert 'href="#s1"' in contents
    assert "第 1 条" not in contents
    assert "33 条" in contents


def test_the_web_page_is_whole_even_for_a_digest() -> None:
    rendered = render(small_issue(), FRAME, Kind.DIGEST)
    page = etree.fromstring(rendered.web_html, etree.HTMLParser())
    assert page.findtext(".//title") == "港口电商周刊第 11 期"
    assert "退件率连续四月下降" in rendered.web_html
    assert "退件率连续四月下降" not in rendered.html
    assert page.xpath('//h3[@id="i2-1"]')
    assert f"{FRAME.web_url}#i2-1" in rendered.html
    assert not page.xpath("//script | //link | //@onclick")


def test_a_dark_accent_is_lightened_only_where_it_must() -> None:
    rendered = render(small_issue(), dataclasses.replace(FRAME, accent="#0b2a6f"))
    assert "color:#0b2a6f" in rendered.html
    dark = rendered.html[rendered.html.index("prefers-color-scheme:dark") :]
    assert "#0b2a6f" not in dark[: dark.index("</style>")]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"accent": "red;}"}, "主色"),
        ({"language": 'zh"><script>'}, "语言"),
        ({"web_url": "javascript:alert(1)"}, "网页版的地址"),
        ({"web_url": "https://例子.测试/"}, "网页版的地址"),
        ({"web_url": "https://a.test/#x"}, "网页版的地址"),
    ],
)
def test_a_frame_that_cannot_make_a_mail_is_refused(change: dict[str, str], why: str) -> None:
    with pytest.raises(RenderingError, match=why):
        Frame(**{"web_url": "https://a.test/", "reason": "因为。", **change})


def test_a_masthead_only_issue_gets_its_subject_from_what_it_says() -> None:
    rendered = render(issue_of(Paragraph("正文。")), FRAME)
    assert rendered.subject == "《周刊》"


@pytest.mark.manuscripts
@pytest.mark.parametrize(
    ("prefix", "kind", "bar"),
    [
        ("002", Kind.FULL, 97_000),
        ("002", Kind.LEAN, 88_000),
        ("002", Kind.DIGEST, 42_000),
        ("000", Kind.FULL, 84_000),
        ("000", Kind.DIGEST, 42_000),
    ],
)
def test_the_real_issues_stay_within_their_bars(prefix: str, kind: Kind, bar: int) -> None:
    rendered = render(manuscript(prefix), FRAME, kind)
    assert rendered.size <= bar
    assert not [f for f in rendered.findings if f.code.startswith(("content", "anchor", "link"))]
