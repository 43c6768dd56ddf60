"""The README's walk in a real browser: `dongtai up`, then from the sample issue to "unsubscribed".

Everything is real: the processes that `dongtai up` starts, the mails in its catcher, the pages.
Each stop leaves screenshots for a person to look at, in a folder that is not committed.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, expect

from tests.house.conftest import Up

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parents[2] / "screenshots" / "walk"
READERS = 200
# Asking also makes each frame take on its new size and colours before its picture is taken.
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


def test_from_the_printed_address_to_one_reader_less(running: Up, visitor: BrowserContext) -> None:
    page = visitor.new_page()
    _sign_in(page, running.said)
    _preview(page)
    _send(page)
    _watch(page, accepted=READERS)
    reader = _open_a_mail(page)
    _unsubscribe(page)
    _send_again(page, running.said)
    _watch(page, accepted=READERS - 1)
    assert _mails_to(page, reader) == 1
    assert _mails_to(page, "") == 2 * READERS - 1


def _sign_in(page: Page, said: str) -> None:
    password = re.search(r"staff / (\S+)", said)
    assert password
    page.goto(_desk(said))
    _keep(page, "01-sign-in")
    page.get_by_label("用户名").fill("staff")
    page.get_by_label("密码").fill(password[1])
    _follow(page, page.get_by_role("button", name="登录"))
    _keep(page, "02-issues")


def _preview(page: Page) -> None:
    _follow(page, page.get_by_role("table").get_by_role("link").first)
    _keep(page, "03-issue")
    _follow(page, page.get_by_role("link", name="预览与送审"))
    title = page.frame_locator("iframe").get_by_role("heading").first
    expect(title).to_be_visible()
    _keep(page, "04-preview")
    for part in ("纯文本", "源码"):
        _follow(page, page.get_by_role("link", name=part))
        _keep(page, f"05-preview-{part}")
    _follow(page, page.get_by_role("link", name="去发送"))


def _send(page: Page) -> None:
    _keep(page, "06-send")
    _follow(page, page.get_by_role("button", name="下一步：核对"))
    _keep(page, "06-send-last")
    _hold(page)


def _watch(page: Page, accepted: int) -> None:
    """The bar moves by itself: nobody reloads the page."""
    _keep(page, f"07-sending-{accepted}")
    progress = page.get_by_role("progressbar")
    expect(progress).to_have_attribute("max", str(accepted))
    expect(progress).to_have_attribute("value", str(accepted))
    ledger = page.get_by_role("row", name="已接收")
    expect(ledger.get_by_role("cell").last).to_have_text(str(accepted))
    expect(page.get_by_text("已完成")).to_be_visible()
    _keep(page, f"08-sent-{accepted}")


def _open_a_mail(page: Page) -> str:
    """Look at one mail from all sides; answers whose it is."""
    _follow(page, page.get_by_role("main").get_by_role("link", name="收件箱"))
    expect(page.get_by_role("heading", name="收件箱")).to_be_visible()
    _keep(page, "09-inbox")
    line = page.get_by_role("table").get_by_role("row").nth(1)
    reader = line.get_by_role("cell").first.inner_text()
    _follow(page, line.get_by_role("link"))
    expect(_mail(page).get_by_role("heading").first).to_be_visible()
    _keep(page, "10-mail")
    _follow(page, page.get_by_role("link", name="邮件头"))
    expect(page.get_by_role("rowheader", name="List-Unsubscribe-Post")).to_be_visible()
    _keep(page, "11-mail-headers")
    _follow(page, page.get_by_role("link", name="源码"))
    expect(page.locator("pre")).to_contain_text("DKIM-Signature:")
    _keep(page, "12-mail-source")
    _follow(page, page.get_by_role("link", name="呈现"))
    return reader


def _unsubscribe(page: Page) -> None:
    with page.expect_popup() as opened:
        _mail(page).get_by_role("link", name="退订").click()
    leaving = opened.value
    leaving.wait_for_load_state()
    _keep(leaving, "13-unsubscribe")
    _follow(leaving, leaving.get_by_role("button", name="确认退订"))
    expect(leaving.get_by_role("heading", name="已退订")).to_be_visible()
    _keep(leaving, "14-unsubscribed")
    _follow(leaving, leaving.get_by_role("link", name="管理我的订阅"))
    _keep(leaving, "15-preferences")
    leaving.close()


def _send_again(page: Page, said: str) -> None:
    page.goto(_desk(said))
    _follow(page, page.get_by_role("table").get_by_role("link").first)
    _follow(page, page.get_by_role("link", name="预览与送审"))
    _follow(page, page.get_by_role("link", name="去发送"))
    expect(page.get_by_text("这一期发送过")).to_be_visible()
    _keep(page, "16-send-again")
    _follow(page, page.get_by_role("button", name="下一步：核对"))
    _hold(page)


def _hold(page: Page) -> None:
    """Hold the button down for as long as it asks."""
    page.get_by_role("button", name="现在发送").hover()
    with page.expect_navigation():
        page.mouse.down()
    page.mouse.up()


def _mails_to(page: Page, reader: str) -> int:
    page.goto(page.url.split("/mailings/")[0].split("/catcher/")[0] + f"/catcher/?q={reader}")
    said = page.get_by_text(re.compile("找到" if reader else "共")).first.inner_text()
    number = re.search(r"(\d+) 封", said)
    assert number
    return int(number[1])


def _follow(page: Page, link: Locator) -> None:
    """Click what leads to another page, and wait until that one is whole."""
    with page.expect_navigation():
        link.click()


def _mail(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def _desk(said: str) -> str:
    address = re.search(r"desk +(http\S+)", said)
    assert address
    return address[1]


def _keep(page: Page, name: str) -> None:
    """On a phone and a desk, by day and by night; nothing may scroll sideways."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for width, height in ((375, 812), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for frame in page.frames:
                wide, room = frame.evaluate(WIDTHS)
                assert wide <= room, (name, width, frame.url)
            page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png")
