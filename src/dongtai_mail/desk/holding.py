"""The button that can't be slipped on: held for a while, or confirmed by typing the number.

Owns: what such a form has to bring. The script that lets the button be held fills in what
otherwise is typed, so that the server asks the same of both.
"""

from __future__ import annotations

import re

from django.http import HttpRequest
from django.utils.translation import gettext as _

_KEY = re.compile(r"[0-9A-Za-z]{16,64}")
# So much may change while somebody reads the page without their being asked again.
SMALL_CHANGE, SMALL_PART = 5, 0.01


class NotConfirmed(Exception):
    """Nothing was done; the text says what is missing."""


def request_key(request: HttpRequest) -> str:
    """What the page carries, so that the same page handed in twice is one mailing; "" if none."""
    key = request.POST.get("request_key", "")
    return key if _KEY.fullmatch(key) else ""


def number(text: str) -> int:
    """12,480 as people and pages write it; 0 for what is no number."""
    digits = "".join(text.replace(",", "").replace("，", "").split())
    return int(digits) if digits.isdecimal() and len(digits) < 12 else 0


def confirm(request: HttpRequest, readers: int) -> None:
    """Raises NotConfirmed unless the person means ``readers``, as far as the page told them."""
    shown = number(request.POST.get("shown", ""))
    if number(request.POST.get("readers", "")) != shown or not shown:
        raise NotConfirmed(
            _("还没有发送：请按住按钮，或输入人数 %(count)s 来确认。") % {"count": f"{readers:,}"}
        )
    if abs(readers - shown) > max(SMALL_CHANGE, SMALL_PART * shown):
        values = {"shown": f"{shown:,}", "now": f"{readers:,}"}
        raise NotConfirmed(
            _("还没有发送：人数变了，刚才 %(shown)s，现在 %(now)s。请看清楚再确认一次。") % values
        )
