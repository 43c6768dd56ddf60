"""How the parts look and sound: widths, schemes, images off; axe; pictures for a person."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from dongtai_mail.content import Issue, Item, Paragraph, Section, Table
from dongtai_mail.rendering import Kind, Rendered, render
from tests.rendering.browser import WIDTHS, keep, node_package, open_page
from tests.rendering.samples import FRAME, issue_of, manuscript, small_issue

pytestmark = pytest.mark.browser
SCHEMES = ("light", "dark")


def _pages(rendered: Rendered) -> dict[str, str]:
    return {rendered.kind.value: rendered.html, "web": rendered.web_html}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(browser: Browser, kind: Kind, scheme: str) -> None:
    axe = node_package("axe-core") / "axe.min.js"
    for name, html in _pages(render(small_issue(), FRAME, kind)).items():
        page = open_page(browser, html, 640, scheme=scheme)
        page.add_script_tag(path=axe)
        violations = page.evaluate("axe.run().then(result => result.violations)")
        grave = [v["id"] for v in violations if v["impact"] in ("serious", "critical")]
        assert (name, grave) == (name, [])
        page.close()


@pytest.mark.parametrize("width", [320, *WIDTHS])
def test_nothing_scrolls_sideways(browser: Browser, width: int) -> None:
    wide = Table((tuple(f"第{n}列" for n in range(9)), tuple("1234567.89" for _ in range(9))))
    long = Paragraph("https://a.test/" + "x" * 300 + " " + "《" * 60)
    issue = issue_of(wide, long, title="标" * 60 + "W" * 80)
    for kind in Kind:
        for html in _pages(render(issue, FRAME, kind)).values():
            page = open_page(browser, html, width)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.close()


def test_images_off_loses_no_words(browser: Browser) -> None:
    page = open_page(browser, render(small_issue(), FRAME).html, 375, images=False)
    assert page.get_by_alt_text("《码头账本》封面").is_visible()
    assert page.get_by_text("图 1").is_visible()
    page.close()


def test_a_cover_stands_beside_the_note_on_wide_screens_only(browser: Browser) -> None:
    html = render(small_issue(), FRAME).html
    for width, beside in ((375, False), (640, True)):
        page = open_page(browser, html, width)
        cover = page.get_by_alt_text("《码头账本》封面").bounding_box()
        words = page.get_by_text("一部写给小店经营者").bounding_box()
        assert cover
        assert words
        assert (words["y"] < cover["y"] + cover["height"]) is beside
        page.close()


@pytest.mark.parametrize("name", ["small", "one", "002", "000"])
def test_pictures_are_kept_for_a_person_to_look_at(browser: Browser, name: str) -> None:
    one = Issue(sections=(Section("资", (Item("题", (Paragraph("文。"),)),)),))
    issue = {"small": small_issue, "one": lambda: one}.get(name, lambda: manuscript(name))()
    parts = {kind.value: render(issue, FRAME, kind).html for kind in Kind}
    parts["web"] = render(issue, FRAME).web_html
    for part, html in parts.items():
        for width in WIDTHS:
            page = open_page(browser, html, width)
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                keep(page, f"{name}-{part}-{width}-{scheme}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.close()
