"""A reader's whole way in a real browser, on a real `dongtai up`.

Sign up, confirm from the mailbox, receive, change preferences and the address, leave by link, by
one click and by mail, take one's data along, be erased. After each step a mailing shows what the
step did: what ends something is done while mail still comes. Every page is looked at on phones and
desks, by day and by night, and by axe.
"""

from __future__ import annotations

import email
import email.policy
import http.client
import json
import re
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.looking import look
from tests.house.conftest import Up
from tests.installation import wait_until

pytestmark = pytest.mark.browser

READER, STEADY = "zhang.san@readers.example", "steady@readers.example"
MOVED = "zhang.new@readers.example"
EVERYBODY = (READER, STEADY, MOVED)
LIST = "trade-weekly"
SECONDS = 60


@dataclass
class House:
    """The installation as its operator and its mail server see it."""

    up: Up
    origin: str
    door: int

    def run(self, *arguments: str) -> str:
        command = _dongtai(self.up, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def mail(self) -> set[str]:
        """Mail the issue to the list once more; answers who got it."""
        before = {address: self.caught(address) for address in EVERYBODY}
        self.run("send", "1", "--list", LIST, "--again", "--wait")
        return {address for address, was in before.items() if self.caught(address) > was}

    def caught(self, address: str) -> int:
        said = re.search(
            r"找到 (\d+) 封", self.request("GET", f"/catcher/?q={quote(address)}")[1].decode()
        )
        assert said
        return int(said[1])

    def newest(self, address: str) -> EmailMessage:
        page = self.request("GET", f"/catcher/?q={quote(address)}")[1].decode()
        found = re.search(r'href="/catcher/(\d+)/', page)
        assert found
        raw = self.request("GET", f"/catcher/{found[1]}/message.eml")[1]
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message

    def request(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.origin).netloc, timeout=SECONDS)
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, path, body, kind)
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer


def _dongtai(up: Up, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "dongtai_mail", "up", "--data", str(up.data), "--run"]
    return [*command, *arguments]


@pytest.fixture(scope="module")
def house(running: Up) -> Iterator[House]:
    origin = re.search(r"desk +(http://[^/\s]+)", running.said)
    assert origin
    with subprocess.Popen(
        _dongtai(running, "returns", "--port", "0"), stdout=subprocess.PIPE, text=True
    ) as door:
        assert door.stdout is not None
        port = door.stdout.readline().strip().rpartition(":")[2]
        yield House(running, origin[1], int(port))
        door.terminate()


def test_from_signing_up_to_being_forgotten(
    house: House, visitor: BrowserContext, tmp_path: Path
) -> None:
    house.run("publication", "add-list", "langang", LIST, "电商周报", "--public")
    _import(house, tmp_path, STEADY)
    page = visitor.new_page()

    _sign_up(house, page)
    assert house.mail() == {STEADY}
    _confirm(house, page)
    assert house.mail() == {READER, STEADY}
    assert "张三" in str(house.newest(READER)["To"])

    _change_preferences(house, page)
    assert house.mail() == {STEADY}
    _end_the_pause(house, page)
    assert house.mail() == {READER, STEADY}
    assert "张三丰" in str(house.newest(READER)["To"])
    _switch_the_list(house, page)
    assert house.mail() == {STEADY}
    _switch_the_list(house, page)
    _move(house, page)
    assert house.mail() == {MOVED, STEADY}
    _take_the_move_back(house, page)
    assert house.mail() == {READER, STEADY}

    _leave_by_link(house, page)
    assert house.mail() == {STEADY}
    _come_back(page)
    assert house.mail() == {READER, STEADY}

    _leave_by_one_click(house)
    assert house.mail() == {STEADY}
    page.goto(_links(house)["unsubscribe"])
    _come_back(page)
    assert house.mail() == {READER, STEADY}

    _leave_by_mail(house)
    assert house.mail() == {STEADY}
    page.goto(_links(house)["unsubscribe"])
    _come_back(page)
    assert house.mail() == {READER, STEADY}

    own_page = _links(house)["preferences"]
    _take_the_data_along(house, page, own_page)
    _be_erased(page, own_page)
    report = _import(house, tmp_path, READER)
    assert "新增 0" in report
    assert house.mail() == {STEADY}
    exported = tmp_path / "readers.csv"
    house.run("subscribers", "export", str(exported), "--list", LIST)
    assert STEADY in exported.read_text("utf-8-sig")
    assert READER not in exported.read_text("utf-8-sig")


def _import(house: House, directory: Path, address: str) -> str:
    table = directory / f"{address}.csv"
    table.write_text(f"邮箱,姓名\n{address},读者\n", encoding="utf-8")
    command = _dongtai(house.up, "subscribers", "import", str(table), "--list", LIST)
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False).stdout


def _sign_up(house: House, page: Page) -> None:
    page.goto(f"{house.origin}/s/{LIST}/")
    look(page, "readers/01-sign-up")
    page.get_by_label("邮箱").fill("张三 at readers")
    page.locator("form").evaluate("form => form.noValidate = true")
    _press(page, "订阅")
    expect(page.locator(".errorlist")).to_be_visible()
    look(page, "readers/02-sign-up-refused")
    page.get_by_label("邮箱").fill("Zhang.San@Readers.EXAMPLE")
    page.get_by_label("称呼").fill("张三")
    _press(page, "订阅")
    expect(page.get_by_role("heading", name="还差一步")).to_be_visible()
    look(page, "readers/03-asked")
    # It must not arrive while mailings are counted.
    _await_mail(house, "请确认订阅")


def _confirm(house: House, page: Page) -> None:
    page = _open_mail(house, page, "去确认订阅", "请确认订阅")
    look(page, "readers/05-confirmation")
    _press(page, "确认订阅")
    expect(page.get_by_role("heading", name="已订阅")).to_be_visible()
    look(page, "readers/06-confirmed")


def _change_preferences(house: House, page: Page) -> None:
    page.goto(_links(house)["preferences"])
    look(page, "readers/07-preferences")
    page.get_by_label("称呼").fill("张三丰")
    page.get_by_label("暂停一段时间").select_option("30")
    _press(page, "保存")
    expect(page.get_by_role("status")).to_contain_text("已保存")
    look(page, "readers/08-preferences-saved")
    _follow(page, page.get_by_role("link", name="更换收信地址"))
    look(page, "readers/09-new-address")
    _follow(page, page.get_by_role("link", name="管理我的订阅"))
    _follow(page, page.get_by_role("link", name="English"))
    expect(page.get_by_role("button", name="Save")).to_be_visible()
    look(page, "readers/10-preferences-in-english")


def _end_the_pause(house: House, page: Page) -> None:
    page.goto(_links(house)["preferences"])
    page.get_by_label("暂停一段时间").select_option("")
    _press(page, "保存")


def _switch_the_list(house: House, page: Page) -> None:
    page.goto(_links(house)["preferences"])
    page.get_by_label("电商周报").click()
    _press(page, "保存")
    expect(page.get_by_role("status")).to_contain_text("已保存")
    page.reload()
    expect(page.get_by_label("称呼")).to_have_value("张三丰")


def _move(house: House, page: Page) -> None:
    page.goto(_links(house)["preferences"])
    _follow(page, page.get_by_role("link", name="更换收信地址"))
    page.get_by_label("新的邮箱").fill(MOVED)
    _press(page, "发确认邮件")
    look(page, "readers/30-move-asked")
    page = _open_mail(house, page, "去确认新地址", "请确认新的收信地址")
    look(page, "readers/31-new-address")
    _press(page, "确认新地址")
    expect(page.get_by_role("heading", name="地址已更换")).to_be_visible()
    look(page, "readers/32-moved")
    # It must not arrive while mailings are counted.
    _await_mail(house, "收信地址已更换")
    page.close()


def _take_the_move_back(house: House, page: Page) -> None:
    page = _open_mail(house, page, "改回原来的地址", "收信地址已更换", "readers/33-move-notice")
    look(page, "readers/34-taking-back")
    _press(page, "改回原来的地址")
    expect(page.get_by_role("status")).to_contain_text("已改回")
    look(page, "readers/35-taken-back")
    page.close()


def _leave_by_link(house: House, page: Page) -> None:
    page.goto(_links(house)["unsubscribe"])
    look(page, "readers/11-leaving")
    _press(page, "确认退订")
    expect(page.get_by_role("heading", name="已退订")).to_be_visible()
    look(page, "readers/12-left")
    page.get_by_label("愿意说说为什么吗").fill("每周一封就够了")
    _press(page, "告诉编辑部")
    expect(page.get_by_role("status")).to_contain_text("已记下")
    look(page, "readers/13-said-why")


def _come_back(page: Page) -> None:
    _press(page, "恢复订阅")
    expect(page.get_by_role("heading", name="已恢复订阅")).to_be_visible()
    look(page, "readers/14-back")


def _leave_by_one_click(house: House) -> None:
    """What a mail client does at one click (RFC 8058)."""
    message = house.newest(READER)
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = re.search(r"<(https?://[^>]+)>", str(message["List-Unsubscribe"]))
    assert address
    answer = house.request("POST", urlsplit(address[1]).path, "List-Unsubscribe=One-Click")
    assert answer[0] == 200


def _leave_by_mail(house: House) -> None:
    """What other mail clients do: a mail to the address in the header (RFC 2369)."""
    offered = re.search(r"<mailto:([^?>]+)[^>]*>", str(house.newest(READER)["List-Unsubscribe"]))
    assert offered
    message = f"From: <{READER}>\nTo: <{offered[1]}>\nSubject: unsubscribe\n\n"
    with smtplib.LMTP("127.0.0.1", house.door) as server:
        server.sendmail(READER, [offered[1]], message)


def _take_the_data_along(house: House, page: Page, own_page: str) -> None:
    page.goto(own_page)
    look(page, "readers/15-preferences-after-coming-back")
    _follow(page, page.get_by_role("link", name="下载我的资料"))
    look(page, "readers/16-data")
    _press(page, "把链接发给我")
    look(page, "readers/17-data-asked")
    page = _open_mail(house, page, "去下载", "资料可以下载")
    look(page, "readers/19-download")
    with page.expect_download() as started:
        page.get_by_role("button", name="下载").click()
    document = json.loads(Path(started.value.path()).read_text("utf-8"))
    assert (document["address"], document["name"]) == (READER, "张三丰")
    acts = [event["how"] for event in document["subscriptions"][0]["history"]]
    assert acts == [
        *("sign-up", "confirmation", "preferences", "preferences"),
        *("address change", "address change", "page", "reason", "page"),
        *("one-click", "page", "mailto", "page"),
    ]
    page.close()


def _be_erased(page: Page, own_page: str) -> None:
    page.goto(own_page)
    _follow(page, page.get_by_role("link", name="删除我的资料"))
    look(page, "readers/20-erasing")
    page.get_by_label("请输入这个邮箱的完整地址").fill(READER)
    _press(page, "删除，不能恢复")
    expect(page.get_by_role("heading", name="已删除")).to_be_visible()
    look(page, "readers/21-erased")
    page.goto(own_page)
    expect(page.get_by_role("heading", name="链接无效")).to_be_visible()
    look(page, "readers/22-link-of-nobody")


def _links(house: House) -> dict[str, str]:
    """Where the newest mail lets its reader go."""
    body = house.newest(READER).get_body(("plain",))
    assert body is not None
    text = body.get_content()
    return {
        name: re.findall(rf"https?://\S+/{letter}/\S+", text)[0]
        for name, letter in {"unsubscribe": "u", "preferences": "p"}.items()
    }


def _open_mail(house: House, page: Page, button: str, subject: str, picture: str = "") -> Page:
    """Find a mail in the catcher and press its button; answers the page that it opens."""
    _await_mail(house, subject)
    page.goto(f"{house.origin}/catcher/?q={subject}")
    _follow(page, page.get_by_role("table").get_by_role("link").first)
    if picture:
        look(page, picture)
    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("link", name=button).click()
    opened.value.wait_for_load_state()
    return opened.value


def _await_mail(house: House, subject: str) -> None:
    wait_until(lambda: house.caught(subject), f"“{subject}” arrives")


def _press(page: Page, name: str) -> None:
    _follow(page, page.get_by_role("button", name=name, exact=True))


def _follow(page: Page, link: Locator) -> None:
    """Click what leads to another page, and wait until that one is whole."""
    with page.expect_navigation():
        link.click()
