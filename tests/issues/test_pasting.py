"""What people bring in from Word, WeChat and the editor itself, read as content."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dongtai_mail.content import Image, ListBlock, Paragraph, Subheading, Table
from dongtai_mail.issues import markdown, pasting
from dongtai_mail.issues.pasting import blocks, html, to_html, to_markdown
from dongtai_mail.rendering.inline import inline_piece
from tests.conftest import MANUSCRIPTS

WORD = """<html xmlns:o="urn:schemas-microsoft-com:office:office"
xmlns:w="urn:schemas-microsoft-com:office:word"><head>
<meta name=Generator content="Microsoft Word 15"><title>初稿</title>
<style><!-- p.MsoNormal {mso-style-parent:""; text-indent:21.0pt;} @page {size:595pt} --></style>
<!--[if gte mso 9]><xml><w:WordDocument><w:View>Normal</w:View></w:WordDocument></xml><![endif]-->
</head><body lang=ZH-CN style='tab-interval:21.0pt'><!--StartFragment-->
<h2><span style='font-family:宋体;mso-bidi-font-family:宋体'>一、夜航开通</span><o:p></o:p></h2>
<p class=MsoNormal style='text-indent:21.0pt;mso-char-indent-count:2.0'><span style='font-size:
12.0pt;font-family:宋体'>　　云港口岸自<st1:chsdate w:st="on" Year="2026">11月1日</st1:chsdate>起<b
style='mso-bidi-font-weight:normal'>开通夜航</b>，首月货量
增长<span lang=EN-US>12%</span>。<span lang=EN-US><o:p></o:p></span></span></p>
<p class=MsoNormal><span lang=EN-US><o:p>&nbsp;</o:p></span></p>
<p class=MsoListParagraph style='margin-left:18.0pt;text-indent:-18.0pt;mso-list:l0 level1 lfo1'>
<![if !supportLists]><span lang=EN-US><span style='mso-list:Ignore'>1.<span style='font:7.0pt
"Times New Roman"'>&nbsp;&nbsp; </span></span></span><![endif]>船期公布<o:p></o:p></p>
<p class=MsoListParagraph style='mso-list:l0 level1 lfo1'><!--[if !supportLists]--><span><span
style='mso-list:Ignore'>2.<span>&nbsp; </span></span></span><!--[endif]-->舱位预订</p>
<p class=MsoListParagraph style='mso-list:l1 level1 lfo2'><span style='mso-list:Ignore'>·</span>
<a href="https://example.org/notice">通告</a>全文</p>
<table class=MsoTableGrid border=1><tr style='mso-yfti-irow:0'><td width=100><p class=MsoNormal><b>
月份</b></p></td><td><p class=MsoNormal>货量</p></td></tr><tr><td><p class=MsoNormal>10<o:p></o:p>
</p></td><td><p class=MsoNormal>1,200</p></td></tr></table>
<p class=MsoNormal><v:shape id="p"><v:imagedata src="file:///C:/msohtmlclip1/01/a.png"/></v:shape>
<img width=20 src="file:///C:/msohtmlclip1/01/clip_image001.png"></p><!--EndFragment--></body></html>
"""

WECHAT = """<section data-tool="编辑器" style="font-size:16px;letter-spacing:1px;">
<section style="text-align:center;"><section style="display:inline-block;border:1px solid">
<p style="margin:0"><span style="font-weight: bold;color:rgb(0,0,0)">仓库上新</span></p></section>
</section><p style="line-height:1.75em"><span style="font-size:15px;"><span leaf="">新仓</span>
<strong><span leaf="">日处理两万件</span></strong><span leaf="">，比去年多一倍。</span></span></p>
<p><br></p><section><img class="rich_pages" data-ratio="0.66" data-type="png"
data-src="https://mmbiz.qpic.cn/mmbiz_png/abc/640?wx_fmt=png" alt="图片"
src="data:image/svg+xml,%3Csvg%3E"></section>
<p><span>第一行<br>第二行</span><br><br><span>另一段</span></p>
<ul class="list-paddingleft-1"><li><section><span leaf="">自动分拣</span></section></li>
<li><p>机器人</p></li></ul>
<section style="display:none"><svg viewBox="0 0 1 1"><text>点</text></svg></section>
<p><a href="http://mp.weixin.qq.com/s?__biz=1" onclick="go()">原文</a></p>
<table><tbody><tr><td><p>一格的表只是框</p></td></tr></table></section>"""


def test_word_is_read_as_what_it_says() -> None:
    assert blocks(WORD) == (
        Subheading("一、夜航开通"),
        Paragraph("云港口岸自11月1日起**开通夜航**，首月货量增长12%。"),
        ListBlock(("船期公布", "舱位预订"), ordered=True),
        ListBlock(("[通告](https://example.org/notice)全文",)),
        Table((("**月份**", "货量"), ("10", "1,200"))),
    )


def test_wechat_is_read_as_what_it_says() -> None:
    assert blocks(WECHAT) == (
        Paragraph("**仓库上新**"),
        Paragraph("新仓 **日处理两万件**，比去年多一倍。"),
        Image("https://mmbiz.qpic.cn/mmbiz_png/abc/640?wx_fmt=png", "图片"),
        Paragraph("第一行\n第二行"),
        Paragraph("另一段"),
        ListBlock(("自动分拣", "机器人")),
        Paragraph("[原文](http://mp.weixin.qq.com/s?__biz=1)"),
        Paragraph("一格的表只是框"),
    )


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("<p>5*3 和 [注](1)</p>", "5\\*3 和 \\[注\\](1)"),
        ("<p>2026. 年</p>", "2026\\. 年"),
        ("<p># 号</p>", "\\# 号"),
        ('<b style="font-weight:normal"><p>不粗</p></b>', "不粗"),
        ("<ol start=3><li>丙</li><li>丁</li></ol>", "3. 丙\n4. 丁"),
        ("<ul><li>甲<ul><li>乙</li></ul></li><li>丙</li></ul>", "- 甲\n- 乙\n- 丙"),
        ("<p>甲<b>乙</b><b>丙</b></p>", "甲**乙丙**"),
        ("<div>甲</div><div>乙</div>", "甲\n\n乙"),
        ("甲<br>乙", "甲\n乙"),
        (
            '<figure><img src="https://e.org/a.png" alt="船"><figcaption>夜航</figcaption>',
            '![船](https://e.org/a.png "夜航")',
        ),
        (
            "<table><tr><td colspan=2>甲</td></tr><tr><td>乙</td><td>a|b</td></tr></table>",
            "| 甲 |  |\n| --- | --- |\n| 乙 | a\\|b |",
        ),
        ('<p><a href="https://e.org/x_(y)">甲</a></p>', "[甲](https://e.org/x_%28y%29)"),
        ("", ""),
    ],
)
def test_pasted_html_becomes_markdown(source: str, written: str) -> None:
    assert to_markdown(source) == written


@pytest.mark.parametrize(
    "source",
    [
        '<p onclick="alert(1)">甲<script>alert(1)</script></p>',
        '<a href="javascript:alert(1)">甲</a>',
        '<a href="data:text/html,x">甲</a>',
        '<img src=x onerror="alert(1)"><p>甲</p>',
        "<svg><script>alert(1)</script></svg><p>甲</p>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe><p>甲</p>",
        "<style>p{}</style><template><b>x</b></template><p>甲</p>",
        '<math><mi xlink:href="javascript:alert(1)">x</mi></math><p>甲</p>',
    ],
)
def test_nothing_that_runs_comes_in(source: str) -> None:
    assert to_markdown(source) == "甲"


def test_words_that_look_like_html_stay_words() -> None:
    text = "&lt;script&gt;alert(1)&lt;/script&gt;"
    assert str(to_html(to_markdown(f"<p>{text}</p>"))) == f"<p>{text}</p>"


@given(st.text(max_size=300))
def test_any_input_is_read(source: str) -> None:
    markdown.parse(to_markdown(source))


@pytest.mark.parametrize("tag", ["section", "table", "ul", "b", "table><tr><td"])
def test_nesting_of_any_depth_is_read(tag: str) -> None:
    assert "甲" in to_markdown(f"<{tag}>" * 20_000 + "甲")


def test_what_is_nested_too_deep_or_is_too_much_holds_nothing_but_keeps_its_words() -> None:
    deep = "<div>甲<span>" * 20_000 + "</span>乙</div>" * 20_000 + "<p>丙</p>"
    assert pasting.shallow(deep).count("<div") + pasting.shallow(deep).count("<span") <= 200
    many = "<p><b>甲</b></p>" * 6_000
    assert pasting.shallow(many).count("<p") + pasting.shallow(many).count("<b>") <= 10_000
    for source in (deep, many):
        assert to_markdown(source).count("甲") == source.count("甲")
    assert to_markdown(deep).endswith("\n\n丙")


def test_what_is_not_nested_stays_as_it_is() -> None:
    source = "<p title='a>b'>甲<br>" * 300 + "<ul>" + "<li>乙" * 300 + "</ul></x><P>丙</P>"
    assert pasting.shallow(source) == source


INLINE = st.lists(
    st.sampled_from(
        ["甲", "乙 ", "，", "**", "*", "\\", "[", "](https://e.org/a)", "a", "5*3", "1."]
    ),
    min_size=1,
    max_size=12,
).map("".join)


def _said(text: str) -> list[object]:
    said = [_read(block) for block in markdown.parse(text)]
    return [each for each in said if not _empty(each)]


def _empty(said: object) -> bool:
    """A text of no words, or a list with none in any of its items."""
    words = said[-1] if isinstance(said, tuple) else said
    return isinstance(words, (str, list)) and not any(words)


def _read(block: object) -> object:
    match block:
        case Paragraph(text) | Subheading(text):
            return type(block), _plain(text)
        case ListBlock(items, ordered, start):
            return ordered, start, [_plain(each) for each in items]
        case Table(rows):
            return [[_plain(cell) for cell in row] for row in rows]
    return block


def _plain(text: str) -> str:
    return " ".join(inline_piece(text, lambda _: None).plain.split())


@given(st.lists(INLINE, min_size=1, max_size=3).map("\n\n".join))
def test_what_goes_through_the_editor_says_the_same(text: str) -> None:
    assert _said(to_markdown(str(to_html(text)))) == _said(text)


@pytest.mark.manuscripts
def test_real_items_go_through_the_editor_unchanged() -> None:
    from dongtai_mail import manuscript

    for path in sorted(Path(MANUSCRIPTS).glob("*.txt")):
        for item in manuscript.read(path.read_bytes(), path.name).issue.items:
            shown = html(item.body).replace("</strong><strong>", "")
            assert html(blocks(str(shown))) == shown
