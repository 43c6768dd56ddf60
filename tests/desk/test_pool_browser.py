"""The item pool in a real browser: keys, ticks, and words that outlive a closed page."""

from __future__ import annotations

import datetime

import pytest
from playwright.sync_api import expect

from dongtai_mail.issues import editing
from dongtai_mail.issues.models import Item
from tests.desk.conftest import make_issue
from tests.e2e.looking import look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

BODY = "本月起，云港口岸每晚增开四班货运航班，夜间到港的鲜活货物可在两小时内完成查验放行。"


@pytest.fixture
def pool(publication, editor) -> list[Item]:
    make_issue(publication, "云港口岸夜间货运航线开通", body=BODY)
    day = datetime.date(2026, 11, 12)
    long = "一个很长的标题：综合试验区前十个月进出口额同比增长两成，" + "出口占比超过七成" * 3
    paper = "《国际商报》和一家名称很长的地方报纸"
    items = [
        editing.new_item(
            publication,
            {
                "title": title,
                "body": BODY,
                "source": source,
                "date": day,
                "wanted_section": section,
                "tags": tags,
            },
            "editor",
        )
        for title, source, section, tags in (
            ("口岸夜航首日运送货物三百吨", "云港日报", "要闻", ["物流", "口岸"]),
            (
                long,
                paper,
                "政策与法规动态",
                ["综合试验区", "出口", "家电"],
            ),
            ("云", "", "", []),
        )
    ]
    Item.objects.filter(pk=items[0].pk).update(holder=editor)
    return items


def test_the_list_is_walked_and_ticked_by_keys(page, pool):
    page.goto("/publications/observer/pool/")
    look(page, "pool/list")
    page.set_viewport_size({"width": 1440, "height": 900})
    heights = page.eval_on_selector_all(
        ".pool tbody tr", "rows => rows.map(row => row.getBoundingClientRect().height)"
    )
    assert set(heights) == {40}
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-chosen]")).to_have_text("已选 2 条")
    look(page, "pool/list-ticked")
    page.locator("#q").press("x")
    expect(page.locator("[data-chosen]")).to_have_text("已选 2 条")
    page.get_by_role("button", name="丢弃（2 条）").press("Enter")
    expect(page.get_by_text("已丢弃 2 条")).to_be_visible()
    look(page, "pool/list-undo")
    page.get_by_role("button", name="取回").press("Enter")
    expect(page.get_by_text("已取回 2 条")).to_be_visible()
    page.locator("main").focus()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pool/*/")
    look(page, "pool/item")


def test_an_empty_pool(page, publication):
    page.goto("/publications/observer/pool/")
    look(page, "pool/empty")
    page.keyboard.press("c")
    page.wait_for_url("**/pool/new/")


def test_what_was_typed_outlives_a_closed_page_until_it_is_collected(page, pool):
    page.goto("/publications/observer/pool/new/")
    page.get_by_label("标题", exact=True).fill("口岸开通夜航")
    page.get_by_role("textbox", name="正文", exact=True).click()
    page.keyboard.type(BODY)
    expect(page.locator(".matches li").first).to_contain_text("云港口岸每晚增开四班货运航班")
    look(page, "pool/new-alike")
    page.goto("/publications/observer/pool/")
    page.goto("/publications/observer/pool/new/")
    expect(page.get_by_text("找回了上次没有收下的内容")).to_be_visible()
    expect(page.locator(".rich")).to_have_text(BODY)
    page.get_by_role("button", name="收进条目库").click()
    expect(page.get_by_text("已收下：口岸开通夜航")).to_be_visible()
    assert Item.objects.latest("pk").body == BODY
    page.reload()
    expect(page.get_by_label("标题", exact=True)).to_have_value("")
    expect(page.locator("[data-found]")).to_be_hidden()


def test_an_address_that_can_not_be_read_says_so_beside_what_was_typed(page, pool):
    page.goto("/publications/observer/pool/new/")
    page.get_by_label("标题", exact=True).fill("口岸开通夜航")
    page.get_by_label("原文网址").fill("http://127.0.0.1/secret")
    page.get_by_role("button", name="读取").press("Enter")
    expect(page.get_by_text("不在公开的互联网上")).to_be_visible()
    expect(page.get_by_label("标题", exact=True)).to_have_value("口岸开通夜航")
    expect(page.locator(".rich")).to_have_count(1)
    look(page, "pool/new-unread")
