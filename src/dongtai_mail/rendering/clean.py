"""Characters that no mail should carry, and their removal with a finding each.

Owns: which characters are removed from an issue before it is rendered: control characters and
noncharacters (XML and MJML refuse them) and bidirectional marks (they let text pose as other text).
Promises: every other character comes through, also those beyond the basic plane.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from dongtai_mail.content import Finding, Severity

_CONTROLS = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    + "".join(chr(plane * 0x10000 + last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF))
)
_BIDI_MARKS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_LINE_ENDS = "\r\x85\u2028\u2029"
_REMOVED = {
    "control-character": re.compile(f"[{_CONTROLS}]"),
    "bidi-mark": re.compile(f"[{_BIDI_MARKS}]"),
}
_NAMES = {"control-character": "控制字符", "bidi-mark": "文字方向控制符"}
_NEWLINE = re.compile(f"\r\n|[{_LINE_ENDS}]")
_SUSPECT = re.compile(f"[{_CONTROLS}{_BIDI_MARKS}{_LINE_ENDS}]")

Report = Callable[[Finding], None]


def clean(text: str, report: Report, item: str | None = None) -> str:
    """The text without what no mail should carry; line ends become ``\\n``."""
    if text.isprintable() or not _SUSPECT.search(text):
        return text
    text = _NEWLINE.sub("\n", text)
    text = _without("control-character", text, report, item)
    return _without("bidi-mark", text, report, item)


def _without(code: str, text: str, report: Report, item: str | None) -> str:
    found = _REMOVED[code].findall(text)
    if not found:
        return text
    points = "、".join(sorted({f"U+{ord(character):04X}" for character in found}))
    message = f"去掉了 {len(found)} 个{_NAMES[code]}（{points}）"
    report(Finding(code, Severity.WARNING, message, item=item))
    return _REMOVED[code].sub("", text)
