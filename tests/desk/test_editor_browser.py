"""The issue editor in a real browser: nothing typed is lost, nobody is overwritten unseen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from dongtai_mail.issues import editing, reviewing
from dongtai_mail.issues.models import Issue, Item, Review
from tests.desk.conftest import make_issue, sign_in
from tests.e2e.looking import look

# A live server and a test share SQLite's memory, and then each other's table locks.
pytestmark = [
    pytest.mark.browser,
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]

WORD = """<p class=MsoNormal style='mso-pagination:none'>贴来的<b>话</b><o:p></o:p></p>
<p class=MsoListParagraph style='mso-list:l0 level1 lfo1'><span style='mso-list:Ignore'>·</span>
一点</p><img src=x onerror="document.title='ran'"><script>document.title='ran'</script>"""
WECHAT = """<section data-tool="135" style="font-size:16px"><p style="text-align:center"><strong
style="color:red">贴来的<span style="font-weight:bold">话</span></strong></p><section>
<svg viewBox="0 0 1 1"><image href="https://x.example/1.png"/></svg></section><p><br/></p>
<ul class="list-paddingleft-1"><li><p><span leaf="">一点</span></p></li></ul>
<mpvoice onclick="document.title='ran'"></mpvoice></section>"""
PASTE = """html => {
  const data = new DataTransfer();
  data.setData('text/html', html);
  const event = {clipboardData: data, bubbles: true, cancelable: true};
  document.querySelector('.rich').dispatchEvent(new ClipboardEvent('paste', event));
}"""


@pytest.fixture
def address(publication) -> str:
    """要闻: 甲, 乙, 丙."""
    issue = make_issue(publication, "甲", body="第一段。\n\n- 一\n- 二")
    for position, title in enumerate("乙丙", 1):
        Item.objects.create(
            section=issue.sections.get(), position=position, title=title, body="正文。"
        )
    return f"/issues/{issue.pk}/"


@pytest.fixture
def page(context, desk, address) -> Page:
    sign_in(context, desk)
    return _open(context, address)


def _open(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    expect(page.locator(".rich")).to_be_visible()
    return page


def _title(page: Page) -> object:
    return page.locator(".item-form [name=title]")


def _state(page: Page, state: str) -> None:
    expect(page.locator(f".saving-state[data-state={state}]")).to_be_visible()


def _titles(page: Page) -> str:
    return "".join(page.locator(".outline-title").all_inner_texts())


def test_what_is_typed_is_saved_by_itself_and_the_rest_stays_as_it_was(page) -> None:
    _title(page).fill("甲改")
    _state(page, "saved")
    assert Item.objects.get(title="甲改").body == "第一段。\n\n- 一\n- 二"
    assert _titles(page) == "甲改乙丙"
    page.locator(".rich").click()
    page.keyboard.press("Control+Home")
    page.keyboard.press("Control+b")
    page.keyboard.type("粗")
    _state(page, "waiting")
    _state(page, "saved")
    assert Item.objects.get(title="甲改").body == "**粗**第一段。\n\n- 一\n- 二"


@pytest.mark.parametrize(
    ("html", "first"), [(WORD, "贴来的**话**"), (WECHAT, "**贴来的话**")], ids=["word", "wechat"]
)
def test_what_is_pasted_is_clean_and_runs_nothing(page, html, first) -> None:
    page.locator(".rich").click()
    page.keyboard.press("Control+a")
    page.evaluate(PASTE, html)
    expect(page.locator(".rich li")).to_have_text(["一点"])
    expect(page.locator(".rich [style], .rich [class], .rich section")).to_have_count(0)
    _state(page, "saved")
    assert Item.objects.get(title="甲").body == f"{first}\n\n- 一点"
    assert page.title() != "ran"


def test_a_lost_connection_loses_nothing(context, page) -> None:
    context.set_offline(True)
    _title(page).fill("断线时写的")
    _state(page, "lost")
    context.set_offline(False)
    _state(page, "saved")
    assert Item.objects.filter(title="断线时写的").exists()


def test_an_ended_session_loses_nothing(context, page, address, desk) -> None:
    context.clear_cookies()
    _title(page).fill("登录结束后写的")
    _state(page, "ended")
    page.close(run_before_unload=False)
    sign_in(context, desk)
    again = _open(context, address)
    expect(_title(again)).to_have_value("登录结束后写的")
    _state(again, "saved")
    assert Item.objects.filter(title="登录结束后写的").exists()


def test_a_note_that_no_session_took_is_there_again(context, page, address, desk, settings) -> None:
    page.goto(f"{address}review/")
    page.get_by_label("给审核的话").fill("请看第一条")
    context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="送审").click()
    expect(page).to_have_url(re.compile("/login/.next=/issues/"))
    sign_in(context, desk)
    page.goto(f"{address}review/")
    expect(page.get_by_label("给审核的话")).to_have_value("请看第一条")
    page.get_by_role("button", name="送审").click()
    expect(page.get_by_text("已送审")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).filter(key => key.includes('request'))") == []


def test_a_comment_is_kept_until_it_is_taken_and_no_longer(page) -> None:
    field = page.locator("#item-comments textarea")
    field.fill("请核对数字")
    page.reload()
    expect(field).to_have_value("请核对数字")
    page.get_by_role("button", name="发表批注").first.click()
    expect(page.locator("#item-comments .comments")).to_contain_text("请核对数字")
    expect(field).to_have_value("")
    page.reload()
    expect(page.locator("#item-comments .comments")).to_contain_text("请核对数字")
    expect(field).to_have_value("")


def test_a_change_that_ends_the_approval_says_so_beside_the_text(page, editor) -> None:
    row = reviewing.request(Issue.objects.get(), editor)
    Review.objects.filter(pk=row.pk).update(state=Review.State.APPROVED)
    page.reload()
    expect(page.locator("#standing")).to_contain_text("已批准")
    _title(page).fill("甲改")
    expect(page.locator("#standing")).to_contain_text("批准已失效")


def test_what_somebody_else_wrote_in_another_field_is_joined(page) -> None:
    editing.save_item(Item.objects.get(title="甲"), 1, {"source": "晚报"}, "王")
    _title(page).fill("甲改")
    _state(page, "joined")
    expect(page.locator("[name=source]")).to_have_value("晚报")
    assert Item.objects.get(title="甲改").source == "晚报"


def test_what_two_wrote_differently_is_shown_and_chosen(page) -> None:
    editing.save_item(Item.objects.get(title="甲"), 1, {"title": "王的题"}, "王")
    _title(page).fill("我的题")
    _state(page, "differs")
    expect(page.locator(".conflict del")).to_have_text("王")
    assert Item.objects.filter(title="王的题").exists()
    page.get_by_label("用对方的").check()
    page.get_by_role("button", name="按所选保存").click()
    expect(_title(page)).to_have_value("王的题")
    assert not Item.objects.filter(title="我的题").exists()


def test_items_are_put_in_order_by_keyboard_and_by_dragging(page) -> None:
    page.locator("[data-open]").first.focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator(".outline-title").first).to_have_text("乙")
    assert page.evaluate("document.activeElement.closest('li').innerText").startswith("甲")
    expect(page.locator("#moved")).to_have_text("“甲”现在是【要闻】的第 2 条")
    page.locator(".part-new summary").press("Enter")
    page.locator("#new-section").press_sequentially("数据\n")
    expect(page.locator(".part")).to_have_count(2)
    expect(page.locator("#new-section")).to_be_focused()
    page.locator(".part-menu summary").nth(1).press("Enter")
    page.locator(".part").nth(1).get_by_role("button", name="上移").press("Enter")
    expect(page.locator(".part").first).to_have_attribute("aria-label", "数据")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    rows = page.locator(".part li")
    with page.expect_response("**/place/"):
        rows.nth(2).drag_to(rows.nth(0), target_position={"x": 20, "y": 2})
    expect(page.locator(".outline-title").first).to_have_text("丙")
    titles = Item.objects.order_by("position").values_list("title", flat=True)
    assert "".join(titles) == "丙乙甲"


def test_items_are_dragged_from_the_pool_and_back(page, publication) -> None:
    pooled = Item.objects.create(publication=publication, title="池", body="正文。")
    page.reload()
    place = "**/place/"
    row = page.locator(f"#item-{pooled.pk}")
    with page.expect_response(place):
        row.drag_to(page.locator(".part li").nth(1), target_position={"x": 20, "y": 2})
    expect(page.locator("#moved")).to_have_text("“池”现在是【要闻】的第 2 条")
    assert [each.title for each in Item.objects.exclude(section=None).order_by("position")] == [
        *"甲池乙丙"
    ]
    with page.expect_response(place):
        row.drag_to(page.locator(".pool-part ol"))
    expect(page.locator("#moved")).to_have_text("“池”放回了条目库")
    expect(page.locator(".pool-part li")).to_have_text(["池"])
    assert Item.objects.get(pk=pooled.pk).section is None


def test_another_item_is_opened_in_place_and_what_was_typed_is_saved_first(page) -> None:
    _title(page).fill("甲改")
    page.locator("[data-open]").nth(1).click()
    expect(_title(page)).to_have_value("乙")
    assert "?item=" in page.url
    page.go_back()
    expect(_title(page)).to_have_value("甲改")


def test_the_outline_marks_findings_and_weighs_sections(page) -> None:
    meter = page.locator(".part .meter")
    expect(meter).to_have_attribute("aria-label", re.compile(r"^\d[\d,]* B$"))
    assert float(meter.locator(".filled").get_attribute("width")) > 0
    dot = page.locator("[data-open][aria-current] .dot")
    expect(dot).to_have_class("dot severity-warning")
    page.locator(".rich").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(dot).to_have_class("dot severity-error")
    expect(dot).to_have_text("■")


def test_what_an_earlier_issue_says_is_shown_while_typing(page, publication) -> None:
    said = "本月起，云港口岸每晚增开四班货运航班，夜间到港的鲜活货物可在两小时内完成查验放行。"
    make_issue(publication, "口岸夜航", number="6", body=said)
    alike = page.locator("#item-alike")
    expect(alike).to_be_hidden()
    page.locator(".rich").click()
    page.keyboard.type(said)
    expect(alike.get_by_role("link", name="口岸夜航")).to_be_visible()
    page.locator("[data-open]").nth(1).click()
    expect(alike).to_be_hidden()


def test_the_page_looks_right_and_is_accessible(page) -> None:
    expect(page.locator("#proofs")).to_be_visible()
    look(page, "editor/editor")
    page.set_viewport_size({"width": 375, "height": 812})
    page.get_by_role("tab", name="正文").click()
    expect(page.locator(".rich")).to_be_visible()
    look(page, "editor/editor-item")
