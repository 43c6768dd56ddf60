"""The desk's whole day on a real `dongtai up`: one editor, one reviewer, one sender.

The editor collects an item, puts it into the issue, orders, mends what the proof finds and asks for
a review; the reviewer returns it, then approves; the sender tests, sends, pauses, resumes and reads
the report. Every page is looked at on a phone and a desk, by day and by night, and by axe.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import BROWSER_SECONDS
from tests.e2e.looking import look
from tests.house.conftest import Up

pytestmark = pytest.mark.browser

READERS = 200
PER_MINUTE = 900
TITLE = "口岸夜航首日运送货物三百吨"
BODY = "本月起,口岸每晚增开四班货运航班，夜间到港的鲜活货物可在两小时内完成查验放行。"
RETURNED = "夜航一条请写明从哪一天起。"


def test_three_people_bring_an_issue_to_its_readers(running: Up, browser: Browser) -> None:
    editor, reviewer, sender = (
        _sign_in(browser, running.said, name) for name in ("editor", "reviewer", "sender")
    )
    _collect(editor)
    _put_in_and_order(editor)
    _mend(editor)
    _preview(editor)
    _ask_for_review(editor, "请看新收的一条。")
    _return(reviewer)
    _mend_as_told(editor)
    _approve(reviewer)
    _test(sender)
    _send(sender)
    _pause_and_resume(sender)
    _report(sender)


def _sign_in(browser: Browser, said: str, name: str) -> Page:
    """Each person has a browser of their own."""
    password = re.search(r"staff / (\S+)", said)
    address = re.search(r"desk +(http://[^/\s]+)", said)
    assert password
    assert address
    context = browser.new_context(locale="zh-CN", base_url=address[1])
    context.set_default_timeout(BROWSER_SECONDS * 1000)
    page = context.new_page()
    page.goto("/login/")
    page.get_by_label("用户名").fill(name)
    page.get_by_label("密码").fill(password[1])
    _follow(page, page.get_by_role("button", name="登录"))
    return page


def _collect(page: Page) -> None:
    _look(page, "01-issues")
    _follow(page, page.get_by_role("link", name="条目库"))
    page.keyboard.press("c")
    page.get_by_label("标题", exact=True).fill(TITLE)
    page.get_by_role("textbox", name="正文", exact=True).click()
    page.keyboard.type(BODY)
    page.get_by_label("来源", exact=True).fill("云港日报")
    expect(page.locator(".alike")).not_to_contain_text("输入标题或正文时")
    _look(page, "02-collect")
    _follow(page, page.get_by_role("button", name="收进条目库"))
    expect(page.get_by_text(f"已收下：{TITLE}")).to_be_visible()
    page.goto("/publications/langang/pool/")
    _look(page, "03-pool")


def _put_in_and_order(page: Page) -> None:
    _follow(page, page.get_by_role("link", name=TITLE))
    _look(page, "04-pool-item")
    _follow(page, page.get_by_role("button", name="放进", exact=True))
    page.goto("/publications/langang/")
    _follow(page, page.get_by_role("table").get_by_role("link").first)
    page.set_viewport_size({"width": 1440, "height": 900})
    own = page.locator(".outline-title", has_text=TITLE)
    own.click()
    expect(page.get_by_label("标题", exact=True)).to_have_value(TITLE)
    before = _place(page)
    for step in (1, 2):
        page.locator("[data-open]", has_text=TITLE).focus()
        page.keyboard.press("Alt+ArrowUp")
        expect(page.locator(".outline-title").nth(before - step)).to_have_text(TITLE)
    assert _place(page) == before - 2


def _place(page: Page) -> int:
    return page.locator(".outline-title").all_inner_texts().index(TITLE)


def _mend(page: Page) -> None:
    """Take what is suggested, and ignore something with a reason."""
    own = page.locator("#proofs .findings > li", has_text=TITLE)
    comma = own.filter(has_text="半角标点")
    line = own.filter(has_text="没有来源行")
    expect(comma).to_be_visible()
    _look(page, "05-editor")
    page.set_viewport_size({"width": 1440, "height": 900})
    comma.get_by_role("button", name="改为").click()
    expect(comma).to_have_count(0)
    expect(page.locator(".rich")).to_contain_text("本月起，口岸")
    line.locator("summary").click()
    line.get_by_label("为什么可以不改").fill("编辑部自己写的，不列来源。")
    line.get_by_role("button", name="忽略这一处").click()
    expect(page.locator("#ignored > summary", has_text="已忽略 1 处")).to_be_visible()


def _preview(page: Page) -> None:
    _follow(page, page.get_by_role("link", name="预览与送审"))
    expect(page.frame_locator("iframe").get_by_role("heading").first).to_be_visible()
    _look(page, "06-preview")
    _follow(page, page.get_by_role("link", name="去送审"))
    _look(page, "07-ask")


def _ask_for_review(page: Page, note: str) -> None:
    page.get_by_label("给审核的话").fill(note)
    _follow(page, page.get_by_role("button", name="送审", exact=True))
    expect(page.get_by_role("heading", name="等待审核")).to_be_visible()


def _return(page: Page) -> None:
    _open_review(page)
    _look(page, "08-review")
    page.get_by_label("批注").fill(RETURNED)
    _follow(page, page.get_by_role("button", name="退回修改"))


def _mend_as_told(page: Page) -> None:
    page.reload()
    expect(page.get_by_text(RETURNED)).to_be_visible()
    _look(page, "09-returned")
    page.goto("/publications/langang/")
    _follow(page, page.get_by_role("table").get_by_role("link").first)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator(".outline-title", has_text=TITLE).click()
    expect(page.get_by_label("标题", exact=True)).to_have_value(TITLE)
    page.locator(".rich").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("夜航从十五日起。")
    expect(page.locator(".saving-state[data-state=saved]")).to_be_visible()
    _follow(page, page.get_by_role("link", name="预览与送审"))
    _follow(page, page.get_by_role("link", name="去送审"))
    _ask_for_review(page, "写明了日期。")


def _approve(page: Page) -> None:
    _open_review(page)
    expect(page.get_by_text("夜航从十五日起。").first).to_be_visible()
    _look(page, "10-review-again")
    _follow(page, page.get_by_role("button", name="批准这一版"))
    expect(page.get_by_role("heading", name="已批准")).to_be_visible()
    _look(page, "11-approved")


def _open_review(page: Page) -> None:
    page.goto("/publications/langang/")
    _follow(page, page.get_by_role("table").get_by_role("link").first)
    _follow(page, page.get_by_role("link", name="预览与送审"))
    _follow(page, page.get_by_role("link", name="看审核"))


def _test(page: Page) -> None:
    page.goto("/publications/langang/")
    _follow(page, page.get_by_role("table").get_by_role("link").first)
    _follow(page, page.get_by_role("link", name="预览与送审"))
    _follow(page, page.get_by_role("link", name="发测试邮件"))
    page.get_by_label("发给").fill("proof@langang.example")
    _follow(page, page.get_by_role("button", name="发送测试邮件"))
    expect(page.get_by_role("row", name="proof@langang.example").first).to_contain_text("已接收")
    _look(page, "12-test")
    mail = page.context.new_page()
    mail.goto("/catcher/?q=proof@langang.example")
    _follow(mail, mail.get_by_role("table").get_by_role("link").first)
    expect(mail.get_by_text("【测试】").first).to_be_visible()
    expect(mail.frame_locator("iframe").get_by_text("夜航从十五日起。")).to_be_visible()
    _look(mail, "13-test-mail")
    mail.close()


def _send(page: Page) -> None:
    _follow(page, page.get_by_role("link", name="预览", exact=True))
    _follow(page, page.get_by_role("link", name="去发送"))
    page.get_by_label("每分钟最多几封").fill(str(PER_MINUTE))
    page.get_by_label("每分钟最多几封").press("Tab")
    expect(page.locator(".sentence")).to_contain_text(f"每分钟最多 {PER_MINUTE} 封")
    _look(page, "14-send")
    _follow(page, page.get_by_role("button", name="下一步：核对"))
    _look(page, "15-send-last")
    page.get_by_role("button", name="现在发送").hover()
    with page.expect_navigation(url="**/mailings/*/"):
        page.mouse.down()
    page.mouse.up()


def _pause_and_resume(page: Page) -> None:
    progress = page.get_by_role("progressbar")
    expect(progress).not_to_have_attribute("value", "0")
    page.get_by_role("button", name="暂停").click()
    expect(page.get_by_role("button", name="继续发送")).to_be_visible()
    assert int(progress.get_attribute("value") or "") < READERS
    _look(page, "16-paused")
    _follow(page, page.get_by_role("button", name="继续发送"))
    expect(page.get_by_text("已完成")).to_be_visible()
    _look(page, "17-finished")
    expect(page.locator("#equation")).to_have_text(re.compile(r"目标 200 = \s*已接收 200"))
    expect(page.get_by_text("合计，等于目标人数")).to_be_visible()


def _report(page: Page) -> None:
    _follow(page, page.get_by_role("navigation").get_by_role("link", name="报告"))
    _look(page, "18-reports")
    _follow(page, page.get_by_role("main").get_by_role("link").first)
    expect(page.locator(".sentence")).to_contain_text(re.compile(r"200 人，100\s%\s已接收"))
    _look(page, "19-report")
    page.goto("/publications/langang/")
    _look(page, "20-dashboard")
    page.goto("/publications/langang/doctor/")
    _look(page, "21-doctor")


def _follow(page: Page, link: Locator) -> None:
    """Click what leads to another page, and wait until that one is whole."""
    with page.expect_navigation():
        link.click()


def _look(page: Page, name: str) -> None:
    look(page, f"desk/{name}", ((375, 812), (1440, 900)))
