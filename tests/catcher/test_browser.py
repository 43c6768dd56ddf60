"""The pages in a real browser: what a reader can click works, what a mail must not do doesn't."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from dongtai_mail.catcher.store import Caught, Store

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SCREENSHOTS = Path(__file__).parents[2] / "screenshots" / "catcher"
MAIL = """<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>信</title>
<style>@media (prefers-color-scheme: dark) {{ body {{ background: #16181c; color: #e6e8eb }} }}
</style></head><body><h1>澜港电商观察</h1><p><a href="#end">到末尾</a></p>
<div style="height: 3000px">正文</div><p id="end">末尾</p><p><a href="{link}">退订</a></p>
<p><a href="javascript:opener.document.title='ran'">脚本</a></p>
<p><a href="/" target="_top">顶层</a></p>
<script>parent.document.title = document.title = "ran"</script>
<img src="x" onerror="document.body.dataset.ran = 1"></body></html>"""


class Readers(ThreadingHTTPServer):
    """The site behind the links in a mail: it remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def link(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/u/token"


class Answer(BaseHTTPRequestHandler):
    server: Readers

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _answer(self, body: str) -> None:
        self.server.requests.append((self.command, self.path, body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<title>answered</title>")

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output for failures."""


@pytest.fixture
def readers() -> Iterator[Readers]:
    with Readers() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def inbox(store: Store, readers: Readers) -> Store:
    message = EmailMessage()
    message["From"] = "澜港电商观察 <news@langang.example.org>"
    message["To"] = "顾闻溪 <wenxi@qq.example.test>"
    message["Subject"] = (
        "澜港电商观察 2026 年第 21 期：“双十一”网上零售额破两百亿，晚八点不再是唯一高峰"
    )
    message["List-Unsubscribe"] = f"<{readers.link}>, <mailto:u@langang.example.org>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content("澜港电商观察\n\n正文")
    message.add_alternative(MAIL.format(link=readers.link), subtype="html")
    store.add(
        Caught(
            1_794_700_000 + n * 7,
            f"v+{n:04}.k3j9@bounce.langang.example.org",
            (f"reader{n}@qq.example.test",),
            message["From"],
            message["Subject"],
            message.as_bytes(),
        )
        for n in range(1, 121)
    )
    return store


@pytest.fixture
def page(live_server: object, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="zh-CN", base_url=str(live_server))
    yield context.new_page()
    context.close()


def test_links_in_a_mail_open_beside_it_and_scripts_do_not_run(
    inbox: Store, readers: Readers, page: Page
) -> None:
    page.goto("/catcher/1/")
    mail = page.frame_locator("iframe")
    mail.get_by_text("到末尾").click()
    assert page.frames[1].url.endswith("/catcher/1/html#end")
    assert mail.get_by_text("末尾", exact=True).is_visible()
    mail.get_by_text("顶层").click()
    mail.get_by_text("脚本").click()
    with page.expect_popup(lambda popup: popup.url.startswith("http")) as opened:
        mail.get_by_text("退订").click()
    opened.value.wait_for_load_state()
    assert opened.value.title() == "answered"
    assert readers.requests[0] == ("GET", "/u/token", "")
    assert page.url.endswith("/catcher/1/")
    assert "ran" not in page.title()
    assert mail.locator("[data-ran]").count() == 0


def test_one_click_posts_what_rfc_8058_says(inbox: Store, readers: Readers, page: Page) -> None:
    page.goto("/catcher/1/")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="一键退订").click()
    opened.value.wait_for_load_state()
    assert readers.requests[0] == ("POST", "/u/token", "List-Unsubscribe=One-Click")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 768, 1440])
def test_no_page_scrolls_sideways(
    inbox: Store, page: Page, width: int, scheme: Literal["light", "dark"]
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    paths = ("", "?q=reader99", "?q=nobody", "1/", "1/?width=375", "1/headers", "1/source")
    for number, path in enumerate(paths):
        page.goto(f"/catcher/{path}")
        page.screenshot(path=SCREENSHOTS / f"{number}-{width}-{scheme}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
