"""Each finding: what it catches, and what is right as it stands."""

from __future__ import annotations

import pytest

from dongtai_mail.content import Finding
from dongtai_mail.manuscript import check, findings_against, read

SOURCE = "来源：《晨报》 编选：《样刊》编辑部 2023 年 02 月 07 日"
TAIL = "".join(map(chr, range(0x4E00, 0x4E60))) + "。"
OTHER_TAIL = "".join(map(chr, range(0x5E00, 0x5E60))) + "。"
FACTS = "数据显示，截至 2023 年 1 月 5 日平台安装量达到 1080 万次，同比增长 37.5%，居全国第一。"


def issue(paragraph: str = "正文。", title: str = "某地推出新办法", source: str = SOURCE) -> str:
    return f"【要闻】\n\n{title}\n\n{paragraph}\n\n{source}\n"


def findings(text: str) -> dict[str, Finding]:
    return {finding.code: finding for finding in read(text.encode()).findings}


@pytest.mark.parametrize(
    ("code", "paragraph", "suggestion"),
    [
        ("punctuation-doubled", "某公司设立三大委员会。，随后开业。", "。"),
        ("paragraph-unfinished", "平台释放了居民消费的潜力和活力", "的潜力和活力。"),
        ("unbalanced", "他说“平台将继续增长。", None),
        ("unbalanced", "根据《办法》）的规定执行。", None),
        ("halfwidth-punctuation", "某地推出办法,各地跟进。", "，"),
        ("halfwidth-punctuation", "日本央行(BOJ)进行了实验。", "（BOJ）"),
        ("halfwidth-punctuation", '平台上线了 " 未来城 " 空间。', "“未来城”"),
        ("lookalike-character", "互联⽹岗位减少。", "网"),
        ("lookalike-character", "建设“5G﹢养老”平台。", "+"),
        ("lookalike-character", "试运营九十个自然曰。", "自然日"),
        ("lookalike-character", "１２３家企业参加。", "123"),
        ("word-repeated", "欧洲的电子电子商务收入下降。", "电子"),
        ("word-repeated", "它依旧是是第三大市场。", "是"),
        ("word-stray", "海外仓、综合服务 etc 新型企业。", "等"),
        ("placeholder", "会议将于 X 月 X 日举行。", None),
        (
            "clause-repeated",
            "平台应当配合主管部门加强监管；平台应当配合主管部门加强监管；加强培训。",
            None,
        ),
        ("space-stray", "估值为 122 亿元， 有一半处于初期。", "，有"),
        ("mojibake", "锟斤拷锟斤拷正文。", None),
        ("mojibake", "ä¸­å\u009b½电商。", None),
        ("invisible-characters", "某地\u200b推出办法。", "某地推出办法。"),
    ],
)
def test_a_slip_is_found_at_its_line(code: str, paragraph: str, suggestion: str | None) -> None:
    finding = findings(issue(paragraph))[code]
    assert finding.line == 5
    assert finding.item == "某地推出新办法"
    assert finding.suggestion == suggestion


@pytest.mark.parametrize(
    "paragraph",
    [
        "壹玖壹玖、拼多多、钉钉、脉脉、多多买菜与快手都在其列。",
        "人人皆学、处处能学、时时可学，天天进步，常常反思，往往有得。",
        "妈妈说谢谢，大家一一作答，纷纷讨论讨论、研究研究，层层落实。",
        "1—11 月份，总额为 301.9 万亿元，同比增长 3.4%。",
        "日前（12 月 28 日）发布《报告（2022）》，称“‘双十一’有看头”。",
        "他问：“真的吗？！”她答：“是的……”",
        "现在在线办公普及，还是是否必要之争仍在，就就业问题再作讨论。",
        "的的确确如此，大数据数据量巨大，是是非非自有公论。",
        "App Store 与 Google Play 位列第一；Trip.com 上线 A/B 测试。",
        "（作者系某大学教授，本文仅代表个人观点）",
        "1）甲；2）乙；It’s fine，价格为 3,000 元（约 1:10）。",
        "商务部：“办法”（征求意见稿）第 3 条、第 4 条自 2023-02-07 起施行。",
    ],
)
def test_what_is_right_as_it_stands_is_left_alone(paragraph: str) -> None:
    about_words = {code for code, one in findings(issue(paragraph)).items() if one.line == 5}
    assert about_words == set()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("source-missing", issue(source="")),
        ("compiler-missing", issue(source="来源：《晨报》 2023 年 2 月 7 日")),
        ("source-unnamed", issue(source="来源： 2023 年 2 月 7 日")),
        ("date-missing", issue(source="来源：《晨报》 编选：《样刊》编辑部")),
        ("date-impossible", issue(source=SOURCE.replace("02 月 07", "13 月 07"))),
        ("item-empty", f"【要闻】\n\n某地\n\n{SOURCE}\n"),
        ("section-repeated", issue() + issue(title="另一条")),
        ("section-empty", f"【空】\n\n{issue()}"),
        ("section-missing", f"某地推出新办法\n\n正文。\n\n{SOURCE}\n"),
        ("title-long", issue(title="某地推出新办法" * 15)),
        ("title-punctuation", issue(title="岗位量减少 50.4%，")),
        ("item-repeated", issue() + f"\n某地推出新办法\n\n别的。\n\n{SOURCE}\n"),
        ("facts-repeated", issue(FACTS + TAIL) + f"\n第二条\n\n{FACTS}{OTHER_TAIL}\n\n{SOURCE}\n"),
        ("sentence-repeated", issue(f"{FACTS}\n\n{FACTS}")),
        ("subheading-alone", issue("第一段。\n\n小标题\n\n第二段。")),
        ("items-missing", "样刊\n\n【要闻】\n"),
    ],
)
def test_a_fault_of_the_skeleton_is_found(code: str, text: str) -> None:
    assert code in findings(text)


def test_what_the_manuscript_leaves_out_says_where_it_comes_from() -> None:
    found = findings(issue())
    assert found["host-missing"].message.endswith("将使用刊物设置里的。")
    for code in ("issue-number-missing", "issue-date-missing"):
        assert found[code].message.endswith("导入以后，请在“期刊信息”里填上。")


def test_shared_facts_are_quoted_as_they_are_printed() -> None:
    text = issue(FACTS + TAIL) + f"\n第二条\n\n又及：{FACTS}{OTHER_TAIL}\n\n{SOURCE}\n"
    assert "“数据显示，截至 2023 年 1 月 5 日平台" in findings(text)["facts-repeated"].message


def test_what_is_quoted_in_part_ends_in_an_ellipsis() -> None:
    finding = findings(issue(f"{FACTS}\n\n{FACTS}"))["sentence-repeated"]
    assert f"：“{FACTS[:29]}…”" in finding.message


def test_a_date_of_another_year_is_outside_the_period() -> None:
    items = [f"第{n}条\n\n正文。\n\n{SOURCE}\n" for n in "一二三四五"]
    wrong = f"\n错的一条\n\n正文。\n\n{SOURCE.replace('2023', '2022')}\n"
    found = findings("【要闻】\n\n" + "\n".join(items) + wrong)
    assert found["date-outside-period"].item == "错的一条"


def test_two_spacing_styles_in_one_issue_are_reported_where_the_rarer_is() -> None:
    spaced = "有 1 个、2 个、3 个、4 个、5 个和 6 个。"
    other = f"\n第二条\n\n有1个、2个和3个。\n\n{SOURCE}\n"
    assert findings(issue(spaced) + other)["spacing-mixed"].item == "第二条"


def test_a_clean_issue_has_only_information() -> None:
    found = findings(issue("近日，某地推出新办法，自 3 月起施行。"))
    assert {finding.severity for finding in found.values()} == {"info"}


def test_an_earlier_issue_is_compared_by_titles_and_by_facts() -> None:
    earlier = read(issue(FACTS + TAIL).encode()).issue
    same = read(issue("别的。").encode()).issue
    facts = read(issue(FACTS + OTHER_TAIL, title="别的标题").encode()).issue
    other = read(issue("毫不相干的内容。", title="别的标题").encode()).issue
    assert [one.code for one in findings_against(same, [earlier])] == ["item-repeated-earlier"]
    assert [one.code for one in findings_against(facts, [earlier])] == ["facts-repeated-earlier"]
    assert findings_against(other, [earlier]) == ()


def test_an_edited_issue_is_checked_without_a_file() -> None:
    edited = read(issue("它依旧是是第三大市场。").encode()).issue
    finding = next(one for one in check(edited) if one.code == "word-repeated")
    assert (finding.line, finding.item) == (None, "某地推出新办法")
