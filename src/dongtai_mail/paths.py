"""Where the files that are not Python live: in the wheel or in the checkout.

Owns: the one answer to "where are the templates". Fails: with FileNotFoundError naming both places
when the installation is broken.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def templates_dir() -> Path:
    """The wheel's ``dongtai_mail/templates`` where it exists, else the checkout's ``templates``."""
    candidates = (_PACKAGE / "templates", _PACKAGE.parent.parent / "templates")
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"no templates in {candidates[0]} nor in {candidates[1]}; reinstall")
