"""The two real issues, where they are present, and what was seen in them by eye."""

from __future__ import annotations

from pathlib import Path

import pytest

from dongtai_mail.manuscript import Manuscript, read

REAL = Path(__file__).parents[3] / "shared" / "manuscripts"


def real_bytes(prefix: str) -> bytes:
    found = sorted(REAL.glob(f"{prefix}*.txt"))
    if not found:
        pytest.skip("the real manuscripts are not present")
    return found[0].read_bytes()


@pytest.fixture(scope="session")
def pdf_like() -> Manuscript:
    return read(real_bytes("000"))


@pytest.fixture(scope="session")
def markdown_like() -> Manuscript:
    return read(real_bytes("002"))
