"""The small issue's parts, byte for byte; a change of theme shows here as a diff to look at.

``DONGTAI_UPDATE_GOLDEN=1 pytest tests/rendering/test_golden.py`` writes the files anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dongtai_mail.rendering import Kind, render
from tests.rendering.samples import FRAME, small_issue

GOLDEN = Path(__file__).parent / "golden"


def _parts() -> dict[str, str]:
    editions = {kind: render(small_issue(), FRAME, kind) for kind in Kind}
    parts = {
        f"{kind}.{part}": getattr(editions[kind], part)
        for kind in Kind
        for part in ("html", "text")
    }
    return {
        **parts,
        "full.mjml": editions[Kind.FULL].mjml,
        "web.html": editions[Kind.FULL].web_html,
    }


@pytest.mark.parametrize("name", sorted(_parts()))
def test_a_part_is_as_it_was(name: str) -> None:
    part = _parts()[name]
    if os.environ.get("DONGTAI_UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / name).write_text(part, encoding="utf-8")
    assert part == (GOLDEN / name).read_text(encoding="utf-8")
