"""Chromium for pictures: no network, images served from memory."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, sync_playwright

from tests.rendering.samples import ROOT

NODE = ROOT / "tests" / "node"
SCREENSHOTS = ROOT / "screenshots" / "rendering"
WIDTHS = (375, 640, 1200)
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


def open_page(
    browser: Browser, html: str, width: int, *, scheme: str = "light", images: bool = True
) -> Page:
    """The HTML in a page of this width; every request is answered from memory or refused."""
    page = browser.new_page(viewport={"width": width, "height": 1200}, color_scheme=scheme)

    def answer(route: Route) -> None:
        if route.request.resource_type == "image" and images:
            route.fulfill(body=_picture(), content_type="image/png")
        else:
            route.abort()

    page.route("**/*", answer)
    page.set_content(html)
    return page


def node_package(name: str) -> Path:
    path = NODE / "node_modules" / name
    if not path.is_dir():
        pytest.skip(f"node package {name} is not installed: run npm ci in tests/node")
    return path


def keep(page: Page, name: str) -> None:
    """A screenshot for a person to look at; the folder is not committed."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def _picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (256, 352), "#7a8fa6").save(buffer, "PNG")
    return buffer.getvalue()
