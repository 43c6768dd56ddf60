"""Manuscripts of other hands: every part in the ways that people write it."""

from __future__ import annotations

import datetime

import pytest

from dongtai_mail.content import (
    Block,
    Colophon,
    Host,
    Image,
    Item,
    ListBlock,
    Paragraph,
    Subheading,
    Table,
    TocEntry,
)
from dongtai_mail.manuscript import Manuscript, read, to_json

SOURCE = "来源：《晨报》 编选：《样刊》编辑部 2023 年 02 月 07 日"


def parsed(text: str, filename: str = "") -> Manuscript:
    return read(text.encode(), filename)


def body(text: str, filename: str = "") -> tuple[Block, ...]:
    made = parsed(f"【要闻】\n\n某地推出新办法\n\n{text}\n\n{SOURCE}\n", filename)
    (item,) = made.issue.items
    return item.body


def sourced(line: str) -> Item:
    (item,) = parsed(
        f"【要闻】\n\n某地推出新办法\n\n近日，某地推出新办法。\n\n{line}\n"
    ).issue.items
    return item


def codes(manuscript: Manuscript) -> set[str]:
    return {finding.code for finding in manuscript.findings}


DAY = datetime.date(2023, 2, 7)


@pytest.mark.parametrize(
    "line",
    [
        SOURCE,
        "来源:《晨报》编选:《样刊》编辑部2023年02月07日",
        "来源：《晨报》  编选：《样刊》编辑部  2023-02-07",
        "来源：《晨报》 2023/2/7 编选：《样刊》编辑部",
        "来源：《晨报》，编选：《样刊》编辑部，2023.02.07",
        "（来源：《晨报》 编选：《样刊》编辑部 ２０２３年２月７日）",
        "来源：《晨报》 编选：《样刊》编辑部 20230207",
        "来源：《晨报》 编选：《样刊》编辑部 2023年2月7日（星期二）",
        "来源：《晨报》 编选：《样刊》编辑部 February 7, 2023",
        "来源：《晨报》 编选：《样刊》编辑部 7th Feb. 2023",
        "来 源：《晨报》 编 选：《样刊》编辑部 二〇二三年二月七日",
        "**来源：**《晨报》 编选：《样刊》编辑部 2023 年 2 月 7 日",
    ],
)
def test_a_source_line_is_understood_however_it_is_written(line: str) -> None:
    item = sourced(line)
    assert (item.source, item.compiler, item.date) == ("《晨报》", "《样刊》编辑部", DAY)
    assert item.body == (Paragraph("近日，某地推出新办法。"),)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("“新闻网”", "新闻网"),
        ('"新闻网"', "新闻网"),
        ("《晨报》", "《晨报》"),
        ("新闻网", "新闻网"),
        ("《样刊》编辑部", None),
        ("本刊编辑部", None),
    ],
)
def test_quotes_go_and_the_newsletter_itself_is_no_source(source: str, expected: str) -> None:
    other = f"\n\n另一条\n\n正文。\n\n{SOURCE}"
    text = f"【要闻】\n\n某地\n\n正文。\n\n来源：{source} 2023年2月7日{other}"
    assert parsed(text).issue.items[0].source == expected


def test_a_source_line_may_be_wrapped_within_its_words() -> None:
    line = "来源：“某市新闻网”编\n选：《样刊》编辑部 2023 年 02 月\n07 日"
    text = f"【要闻】\n某地\n正文。\n{line}\n另一地\n正文。\n{SOURCE}\n"
    item = parsed(text).issue.items[0]
    assert (item.source, item.compiler, item.date) == ("某市新闻网", "《样刊》编辑部", DAY)


def test_a_source_line_at_the_end_of_the_body_is_found() -> None:
    line = "来源：《样刊》编辑部 2023 年 2 月 7 日"
    text = f"【要闻】\n\n某地推出新办法\n\n办法自三月施行。{line}\n\n第二条\n\n正文。\n"
    first, second = parsed(text).issue.items
    assert first.body == (Paragraph("办法自三月施行。"),)
    assert first.source_line == line
    assert second.title == "第二条"


def test_the_word_source_within_a_sentence_is_no_source_line() -> None:
    text = "收入的主要来源：一是广告，二是会员。数据来源：公开资料，仅供参考。"
    assert body(text) == (Paragraph(text),)


def test_an_impossible_date_blocks_sending() -> None:
    text = f"【要闻】\n\n某地\n\n正文。\n\n{SOURCE.replace('02 月 07', '02 月 30')}\n"
    findings = {finding.code: finding for finding in parsed(text).findings}
    assert findings["date-impossible"].severity == "error"
    assert findings["date-impossible"].line == 7


def test_the_cover_is_read() -> None:
    text = (
        "《样刊》\n2023 年第 3 期（总第 45 期）\n2023年2月20日\n主办单位：某市商务中心\n"
        "（某网络中心）\n目录\n【要闻】\n某地推出新办法………2\n某市举办博览会\t12\n\n"
        f"【要闻】\n某地推出新办法\n正文。\n{SOURCE}\n某市举办博览会\n正文。\n{SOURCE}\n"
    )
    issue = parsed(text).issue
    assert (issue.masthead, issue.number) == ("样刊", "2023 年第 3 期（总第 45 期）")
    assert issue.date == datetime.date(2023, 2, 20)
    assert issue.host == Host("某市商务中心", "某网络中心")
    assert issue.toc == (
        TocEntry("要闻", "某地推出新办法", 2),
        TocEntry("要闻", "某市举办博览会", 12),
    )
    assert [item.featured for item in issue.items] == [True, True]


def test_a_cover_in_markdown_is_read_like_any_other() -> None:
    text = (
        "# 样刊\n\n**主办单位：** 某市商务中心\n\n## 目录\n\n- 要闻\n  - 某地推出新办法 ..... 2\n\n"
        f"## 要闻\n\n### 某地推出新办法\n\n正文。\n\n{SOURCE}\n\n---\n\n地址：某路 1 号\n"
    )
    made = parsed(text, "a.md")
    assert made.issue.host == Host("某市商务中心")
    assert made.issue.toc == (TocEntry("要闻", "某地推出新办法", 2),)
    assert made.issue.items[0].body == (Paragraph("正文。"),)
    assert codes(made) & {"rule-line", "toc-entry-without-item"} == {"rule-line"}


def test_the_name_may_stand_beside_the_number() -> None:
    issue = parsed(f"样刊 第 8 期\n【要闻】\n某地\n正文。\n{SOURCE}\n").issue
    assert (issue.masthead, issue.number) == ("样刊", "第 8 期")


def test_numbered_headers_are_sections_where_there_are_no_others() -> None:
    item = f"\n\n某地推出新办法\n\n一、背景\n\n近日，某地推出新办法。\n\n{SOURCE}\n\n"
    made = parsed(f"一、要闻{item}二、数据{item.replace('新', '好')}").issue
    assert [(one.name, len(one.items)) for one in made.sections] == [
        ("一、要闻", 1),
        ("二、数据", 1),
    ]
    assert Subheading("一、背景") in made.items[0].body
    bracketed = parsed(f"【要闻】{item}二、数据{item}").issue
    assert [one.name for one in bracketed.sections] == ["要闻"]


@pytest.mark.parametrize("width", [18, 24, 28, 35])
def test_long_source_lines_do_not_hide_how_the_text_is_wrapped(width: int) -> None:
    text = "近日，某地推出新办法，自 3 月起施行，惠及 1200 家企业，带动就业 3.5 万人。" * 2
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    source = SOURCE.replace("《晨报》", "“某市商务服务信息网”")
    item = "\n".join(["某地推出新办法", *lines, source])
    issue = parsed(f"【要闻】\n{item}\n{item.replace('某地', '某市')}\n").issue
    assert [len(one.body) for one in issue.items] == [1, 1]


def test_an_entry_that_was_cut_still_finds_its_item() -> None:
    text = (
        "样刊\n● 要闻\n- 某地推出促进消费的新办.....2\n- 没有这一条.....3\n"
        f"【要闻】\n某地推出促进消费的新办法\n正文。\n{SOURCE}\n"
    )
    made = parsed(text)
    assert made.issue.items[0].featured
    assert {"toc-title-differs", "toc-entry-without-item"} <= codes(made)


def test_markdown_headings_make_sections_items_and_sub_headings() -> None:
    text = (
        "# 样刊\n\n## 【要闻】\n\n### 第一条\n\n正文。\n\n#### 小标题\n\n又一段。\n\n"
        f"{SOURCE}\n\n### 没有来源的一条\n\n正文。\n\n"
        f"## 新栏目\n\n### 第三条\n\n正文。\n\n{SOURCE}\n"
    )
    issue = parsed(text, "a.md").issue
    assert issue.masthead == "样刊"
    assert [(one.name, len(one.items)) for one in issue.sections] == [("要闻", 2), ("新栏目", 1)]
    assert Subheading("小标题") in issue.items[0].body
    assert issue.items[1].source_line is None


def test_lists_lose_their_markers_and_nothing_else() -> None:
    assert body("- 甲\n- 乙\n\n3. 丙\n4. 丁\n") == (
        ListBlock(("甲", "乙")),
        ListBlock(("丙", "丁"), ordered=True, start=3),
    )
    assert body("办法如下：\n\n1、甲事；\n\n2、乙事。") == (
        Paragraph("办法如下："),
        ListBlock(("甲事；", "乙事。"), ordered=True, numeral="1、"),
    )


@pytest.mark.parametrize("markers", ["1. 2.", "3) 4)", "1、 2、", "（1） （2）"])
def test_the_numbers_of_a_list_stay_as_they_are_printed(markers: str) -> None:
    first, second = markers.split()
    text = f"{first} 甲事；\n\n{second} 乙事。"
    manuscript = parsed(f"【要闻】\n\n某地\n\n办法如下。\n\n{text}\n\n{SOURCE}\n")
    made = manuscript.issue.items[0].body[1]
    assert isinstance(made, ListBlock)
    assert [marker.strip() for marker in made.markers] == [first, second]
    assert to_json(manuscript)["sections"][0]["items"][0]["body"][1] == {
        "list": ["甲事；", "乙事。"]
    }


def test_numbers_in_two_styles_are_no_list() -> None:
    text = "1、甲事；\n\n（2）乙事。"
    assert body(text) == (Paragraph("1、甲事；"), Paragraph("（2）乙事。"))


@pytest.mark.parametrize("filename", ["a.md", "a.txt"])
def test_an_image_on_a_line_of_its_own_is_one_and_any_other_is_text(filename: str) -> None:
    picture = '![仓库](https://example.com/a.png "新仓")'
    assert body(f"第一段。\n\n{picture}\n\n第二段。", filename) == (
        Paragraph("第一段。"),
        Image("https://example.com/a.png", "仓库", "新仓"),
        Paragraph("第二段。"),
    )
    manuscript = parsed(f"【要闻】\n\n某地\n\n见{picture}。\n\n{SOURCE}\n", filename)
    assert to_json(manuscript)["sections"][0]["items"][0]["body"] == [f"见{picture}。"]


def test_running_numbering_stays_in_the_text() -> None:
    first, second = "一是扩大开放。", "（二）加强监管，保护消费者。"
    assert body(f"{first}\n\n{second}") == (Paragraph(first), Paragraph(second))


def test_short_lines_at_the_end_head_nothing() -> None:
    assert body("一、总的情况\n\n情况良好。\n\n二、名单\n\n甲公司\n\n乙公司") == (
        Subheading("一、总的情况"),
        *map(Paragraph, ("情况良好。", "二、名单", "甲公司", "乙公司")),
    )


@pytest.mark.parametrize("text", ["|地区|数量|\n|---|--:|\n|上海|3|", "地区\t数量\n上海\t3"])
def test_tables_are_read_from_pipes_and_from_tabs(text: str) -> None:
    assert body(text) == (Table((("地区", "数量"), ("上海", "3"))),)


def test_what_looks_like_markup_comes_out_as_printed() -> None:
    text = "价格 2*3*4，变量 a_b_c，见 [注]，用 <b>、`码` 与 C:\\new；&lt; 也是。"
    manuscript = parsed(f"【要闻】\n\n某地\n\n{text}\n\n{SOURCE}\n")
    assert to_json(manuscript)["sections"][0]["items"][0]["body"] == [text]


def test_bold_and_links_are_markup() -> None:
    text = "**一是甲。****二是乙。**见[公告](https://example.com/a)。"
    assert body(text) == (Paragraph(text),)


def test_a_paragraph_cut_by_a_page_is_joined_and_reported() -> None:
    first = "某部门日前印发通知，提出一批促进消费、扩大就业的办法，并要求各地抓紧落实到位，不得"
    manuscript = parsed(f"【要闻】\n\n某地\n\n{first}\n\n拖延。\n\n{SOURCE}\n")
    assert manuscript.issue.items[0].body == (Paragraph(f"{first}拖延。"),)
    joined = [f for f in manuscript.findings if f.code == "page-joined"]
    assert [finding.line for finding in joined] == [7]


@pytest.mark.parametrize("head", ["样刊", "2023年第8期", "《样刊》 2023 年第 8 期"])
def test_a_head_that_stands_once_beside_a_page_number_is_no_text(head: str) -> None:
    source = SOURCE.replace(" 2023", f"\n第 1 页\n{head}\n2023")
    manuscript = parsed(f"【要闻】\n某地\n正文。\n{source}\n另一地\n正文。\n{SOURCE}\n")
    assert [(one.title, one.date) for one in manuscript.issue.items] == [
        ("某地", DAY),
        ("另一地", DAY),
    ]
    assert "running-head" in codes(manuscript)


def test_book_notes_have_their_heading_and_need_no_source() -> None:
    text = "【书架】\n\n第一本书\n\n内容简介\n\n介绍。\n\n第二本书\n\n【内容简介】\n\n介绍。\n"
    manuscript = parsed(text)
    assert [(i.title, i.heading) for i in manuscript.issue.items] == [
        ("第一本书", "内容简介"),
        ("第二本书", "内容简介"),
    ]
    assert "source-missing" not in codes(manuscript)


def test_the_colophon_may_stand_on_one_line() -> None:
    line = "地址：某路 1 号 邮编：200000 电话：021-55 传真：021-66"
    manuscript = parsed(f"【要闻】\n某地\n正文。\n{SOURCE}\n{line}\n")
    assert manuscript.issue.colophon == Colophon("某路 1 号", "200000", None, "021-55")
    messages = [one.message for one in manuscript.findings if one.code == "text-unplaced"]
    assert messages[0].startswith("“传真：021-66”")


def test_the_json_contract_has_exactly_its_keys() -> None:
    made = to_json(parsed(f"样刊\n【要闻】\n某地\n正文。\n{SOURCE}\n"))
    assert list(made) == ["masthead", "host", "toc", "sections", "colophon", "findings"]
    (item,) = made["sections"][0]["items"]
    assert list(item) == ["title", "body", "source", "compiler", "date", "source_line"]
    assert item["date"] == "2023-02-07"
    keys = ["code", "severity", "line", "item", "message", "suggestion"]
    assert all(list(finding) == keys for finding in made["findings"])
