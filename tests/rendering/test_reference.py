"""npm ``mjml``, the reference compiler: it accepts our MJML, and its pixels equal ours."""

from __future__ import annotations

import io
import json
import re
import subprocess

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser

from dongtai_mail.rendering import Kind, Rendered, render
from dongtai_mail.rendering.colour import PAPER, PAPER_DARK, legible
from dongtai_mail.rendering.compiler import stylesheet
from dongtai_mail.rendering.edition import INLINED
from dongtai_mail.rendering.inliner import inline_css
from tests.rendering.browser import NODE, WIDTHS, node_package, open_page
from tests.rendering.samples import FRAME, small_issue


def _reference(mjml: str) -> dict[str, object]:
    node_package("mjml")
    done = subprocess.run(
        ["node", "compile.js"], cwd=NODE, input=mjml, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def _inlined(html: str, kind: Kind) -> str:
    accents = [legible(FRAME.accent, paper) for paper in (PAPER, PAPER_DARK)]
    return inline_css(html, "".join(stylesheet(name, *accents) for name in INLINED[kind]))


@pytest.mark.parametrize("kind", list(Kind))
def test_the_reference_compiler_accepts_our_mjml(kind: Kind) -> None:
    assert _reference(render(small_issue(), FRAME, kind).mjml)["errors"] == []


def test_the_reference_compiler_refuses_what_ours_lets_pass() -> None:
    mjml = render(small_issue(), FRAME).mjml.replace("<mj-column>", '<mj-column colour="x">')
    assert _reference(mjml)["errors"] != []


@pytest.mark.browser
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", list(Kind))
def test_pixels_equal_the_reference(browser: Browser, kind: Kind, width: int) -> None:
    rendered = render(small_issue(), FRAME, kind)
    theirs = _inlined(str(_reference(rendered.mjml)["html"]), kind)
    assert _difference(browser, rendered, theirs, width) is None


def _difference(
    browser: Browser, ours: Rendered, theirs: str, width: int
) -> tuple[int, int, int, int] | None:
    pictures = [_picture(browser, html, width) for html in (ours.html, theirs)]
    assert pictures[0].size == pictures[1].size
    return ImageChops.difference(*pictures).getbbox()


def _picture(browser: Browser, html: str, width: int) -> Image.Image:
    page = open_page(browser, re.sub(r"<link [^>]*>", "", html), width)
    picture = page.screenshot(full_page=True)
    page.close()
    return Image.open(io.BytesIO(picture)).convert("RGB")
