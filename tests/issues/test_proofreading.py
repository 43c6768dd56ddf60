"""Findings about the issue as it stands: where they are, taking them, letting them stand."""

from __future__ import annotations

import datetime

import pytest

from dongtai_mail.content import Severity
from dongtai_mail.demo import sample_manuscript
from dongtai_mail.issues import editing, editions, proofreading
from dongtai_mail.issues.importing import import_manuscript
from dongtai_mail.issues.models import Issue, Item, Section
from tests import factories

pytestmark = pytest.mark.django_db


def _issue(*bodies: str, **fields: object) -> Issue:
    issue = Issue.objects.create(
        publication=factories.publication(), number="7", date=datetime.date(2026, 11, 16), **fields
    )
    section = Section.objects.create(issue=issue, position=0, name="要闻")
    for position, body in enumerate(bodies):
        Item.objects.create(
            section=section,
            position=position,
            title=f"第{position}条标题",
            body=body,
            source="云港日报",
            compiler="编辑部",
            source_line="来源：云港日报 编选：编辑部 2026 年 11 月 12 日",
            date=datetime.date(2026, 11, 12),
        )
    return issue


def _only(issue: Issue, code: str) -> proofreading.Found:
    (found,) = [each for each in proofreading.findings(issue) if each.finding.code == code]
    return found


def test_the_sample_has_its_three_slips_each_with_its_place():
    path = sample_manuscript()
    issue = import_manuscript(factories.publication(), path.read_bytes(), path.name)
    takable = [each for each in proofreading.findings(issue) if each.takable]
    assert {each.finding.code for each in takable} == {
        "punctuation-doubled",
        "halfwidth-punctuation",
        "word-repeated",
    }
    for found in takable:
        assert getattr(found.item, found.field)[slice(*found.span)] == found.wrong
    for found in takable:
        proofreading.take(issue, found.fingerprint, "编辑")
    assert not [each for each in proofreading.findings(issue) if each.takable]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("口岸**开通夜航。。**这是新的的航线。", "口岸**开通夜航。**这是新的的航线。"),
        ("- 一，，二。\n- 三，，四。", "- 一，二。\n- 三，，四。"),
        (
            "见[云港日报](https://a.example.org/x)，，详情。",
            "见[云港日报](https://a.example.org/x)，详情。",
        ),
    ],
    ids=["bold", "list", "link"],
)
def test_a_suggestion_changes_its_words_and_no_other(before, after):
    issue = _issue(before)
    found = next(
        each for each in proofreading.findings(issue) if each.finding.code == "punctuation-doubled"
    )
    item = proofreading.take(issue, found.fingerprint, "编辑")
    assert item.body == after
    assert item.version == 2
    assert item.changed_by == "编辑"


@pytest.mark.parametrize("empty", ["", None])
def test_a_source_line_is_made_of_what_the_item_says(empty):
    issue = _issue("正文。")
    Item.objects.update(source_line=empty)
    item = proofreading.take(issue, _only(issue, "source-missing").fingerprint, "编辑")
    assert item.source_line == "来源：云港日报 编选：编辑部 2026 年 11 月 12 日"
    codes = {each.finding.code for each in proofreading.findings(issue)}
    assert not codes & {"source-missing", "source-unnamed"}


@pytest.mark.parametrize(
    ("printed", "code", "better"),
    [
        (
            "来源：“云港日报” 编选：编辑部 2026 年 02 月 30 日",
            "date-impossible",
            "来源：“云港日报” 编选：编辑部 2026 年 11 月 12 日",
        ),
        (
            "来源：云港日报 编选：编辑部 2026-11-02",
            "source-line-differs",
            "来源：云港日报 编选：编辑部 2026-11-12",
        ),
        (
            "来源：云港日报 2026 年 11 月 12 日",
            "source-line-differs",
            "来源：云港日报 编选：编辑部 2026 年 11 月 12 日",
        ),
        (
            "来源：云港日报 编选：编辑部",
            "source-line-differs",
            "来源：云港日报 编选：编辑部 2026 年 11 月 12 日",
        ),
    ],
    ids=["impossible date", "another date", "no compiler", "no date"],
)
def test_a_field_mended_beside_the_line_that_readers_see_mends_that_line_too(printed, code, better):
    issue = _issue("正文。")
    Item.objects.update(source_line=printed)
    found = _only(issue, code)
    assert found.field == "source_line"
    item = proofreading.take(issue, found.fingerprint, "编辑")
    assert item.source_line == better
    assert not [each for each in proofreading.findings(issue) if each.field == "source_line"]


def test_a_date_in_the_line_alone_is_missed_in_its_field():
    issue = _issue("正文。")
    Item.objects.update(date=None)
    assert not _only(issue, "source-line-differs").takable


def test_text_that_was_taken_for_a_title_is_told_at_the_title():
    issue = _issue("正文。")
    Item.objects.update(title="港口" * 50)
    assert "title-long" not in {each.finding.code for each in proofreading.findings(issue)}
    Item.objects.update(title="港口" * 50 + "。")
    assert _only(issue, "title-long").field == "title"


def test_a_place_that_is_not_certain_is_not_taken():
    # What the page shows is one sign, what stands in the Markdown is another.
    issue = _issue("他说\\*\\*，，\\*\\*。另见“，，”。", "正文。")
    for found in proofreading.findings(issue):
        if found.span:
            assert getattr(found.item, found.field)[slice(*found.span)] == found.wrong


def test_two_items_of_one_title_keep_their_findings_apart():
    issue = _issue("第一，，条。", "第二条。。")
    Item.objects.update(title="同名")
    places = {
        each.item.body: each.finding.code
        for each in proofreading.findings(issue)
        if each.finding.code in ("punctuation-doubled", "item-repeated") and each.field == "body"
    }
    assert set(places) == {"第一，，条。", "第二条。。"}
    repeated = _only(issue, "item-repeated")
    assert repeated.item.body == "第二条。。"
    assert "第 1 条" in repeated.finding.message


def test_what_was_mended_is_gone_and_cannot_be_taken_again():
    issue = _issue("夜航开通。。")
    found = _only(issue, "punctuation-doubled")
    proofreading.take(issue, found.fingerprint, "甲")
    with pytest.raises(proofreading.FindingGone):
        proofreading.take(issue, found.fingerprint, "乙")


def test_a_finding_is_let_stand_with_a_reason_until_its_words_change():
    issue = _issue("夜航开通。。")
    found = _only(issue, "punctuation-doubled")
    proofreading.ignore(issue, found.fingerprint, "原文如此", "编辑")
    shown = _only(issue, "punctuation-doubled")
    assert shown.ignored.reason == "原文如此"
    assert not shown.takable
    item = Item.objects.get()
    editing.save_item(item, item.version, {"compiler": "王编辑"}, "编辑")
    assert _only(issue, "punctuation-doubled").ignored
    editing.save_item(Item.objects.get(), 2, {"body": "夜航昨天开通。。"}, "编辑")
    assert not _only(issue, "punctuation-doubled").ignored


def test_what_was_let_stand_can_be_looked_at_again():
    issue = _issue("夜航开通。。")
    found = _only(issue, "punctuation-doubled")
    proofreading.ignore(issue, found.fingerprint, "原文如此", "编辑")
    assert proofreading.look_again(issue, found.fingerprint).reason == "原文如此"
    assert not _only(issue, "punctuation-doubled").ignored


def test_an_error_is_not_let_stand_and_forbids_an_edition():
    issue = _issue("")
    found = _only(issue, "item-empty")
    assert found.blocks
    with pytest.raises(proofreading.NotIgnorable):
        proofreading.ignore(issue, found.fingerprint, "没关系", "编辑")
    with pytest.raises(editions.EditionRefused):
        editions.freeze(issue)


def test_what_only_looks_like_an_error_may_be_let_stand():
    issue = _issue("屏幕上满是“烫烫烫”，工程师一看就懂。")
    found = _only(issue, "mojibake")
    with pytest.raises(editions.EditionRefused):
        editions.freeze(issue)
    proofreading.ignore(issue, found.fingerprint, "说的就是乱码", "编辑")
    assert not proofreading.blocking(issue)
    assert editions.freeze(issue).findings is not None


def test_errors_of_the_file_end_when_the_text_is_mended():
    source = "来源：云港日报 编选：编辑部 2026年11月12日"
    text = f"【要闻】\n\n标题一条\n\n这是正文锟斤拷的一句话。\n\n{source}\n"
    issue = import_manuscript(factories.publication(), text.encode(), "稿.txt")
    assert proofreading.blocking(issue)
    item = Item.objects.get()
    editing.save_item(item, item.version, {"body": "这是正文的一句话。"}, "编辑")
    assert not proofreading.blocking(issue)
    assert editions.freeze(issue)


def test_news_from_outside_the_period_is_told():
    issue = _issue("正文。", period_from=datetime.date(2026, 11, 13))
    found = _only(issue, "date-outside-issue")
    assert found.field == "date"
    issue.period_from = datetime.date(2026, 11, 12)
    issue.save()
    codes = {each.finding.code for each in proofreading.findings(issue)}
    assert not any(code.startswith("date-outside") for code in codes)


def test_the_sections_weights_are_most_of_the_mail():
    issue = _issue(*("正文很长。" * 200 for _ in range(5)))
    Section.objects.create(issue=issue, position=1, name="空栏目")
    proof = proofreading.proof(issue)
    assert [weight.section for weight in proof.weights][:1] == ["要闻"]
    total = sum(weight.size for weight in proof.weights)
    assert 5 * 200 * 15 < total < proof.size


def test_an_empty_issue_says_so():
    issue = Issue.objects.create(publication=factories.publication())
    proof = proofreading.proof(issue)
    assert proof.errors
    assert all(found.finding.severity in Severity for found in proof.findings)
