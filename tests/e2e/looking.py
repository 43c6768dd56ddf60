"""Looking at a page: pictures for a person, widths that hold, and axe.

The pictures go to a folder that is not committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page

from tests.rendering.browser import node_package

SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
SIZES = ((320, 640), (375, 812), (1440, 900))
_WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


def look(page: Page, name: str, sizes: Sequence[tuple[int, int]] = SIZES) -> None:
    """By day and by night, from the smallest phone to a desk; axe finds nothing serious.

    ``name`` is the picture's, below the folder.
    """
    (SCREENSHOTS / name).parent.mkdir(parents=True, exist_ok=True)
    assert page.locator("body script").count() == 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width, height in sizes:
            page.set_viewport_size({"width": width, "height": height})
            assert not too_wide(page), (name, width)
            picture = SCREENSHOTS / f"{name}-{width}-{scheme}.png"
            page.screenshot(path=picture, full_page=True)
        found = grave(page)
        assert not found, (name, scheme, found)


def too_wide(page: Page) -> list[str]:
    """The frames that scroll sideways.

    Asking also makes each take on its size and colours before a picture is taken.
    """
    widths = [(frame.url, *frame.evaluate(_WIDTHS)) for frame in page.frames]
    return [url for url, wide, room in widths if wide > room]


def grave(page: Page) -> list[str]:
    if not page.evaluate("'axe' in window"):
        # The page's own policy lets no script in; the debugger may bring axe all the same.
        page.evaluate((node_package("axe-core") / "axe.min.js").read_text())
    violations = page.evaluate("axe.run().then(result => result.violations)")
    grave = [each for each in violations if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['html'][:200]}" for each in grave for node in each["nodes"]]
