"""Characters as Chinese typesetting sees them: width, final punctuation, spaces at a wrap.

Owns: the character classes which the parser and the checks share.
Promises: every function is linear in its text and never fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HAN = "\u3007\u2e80-\u2fdf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
OPENING = "（(《〈“‘「『【〔［[{｛"
CLOSING = "）)》〉”’」』】〕］]}｝"
SENTENCE_END = "。！？!?…"
CONNECTING = "，、；：,;:—（(《“‘「『【"

_CLOSERS = CLOSING + "\"'*"
_ENDS, _CONNECTS = tuple(SENTENCE_END), tuple(CONNECTING)
_MAY_END = frozenset(_CLOSERS + SENTENCE_END + ".")
_PAIRS = ("《》", "（）", "“”", "()", "【】", "「」")
_OPENED = re.compile("[《（“(【「]")
_HAN = re.compile(f"[{HAN}]")
# Each begins with what a search can skip to: the space, the letter or digit.
_SPACED = (
    re.compile(f" (?<=[{HAN}] )(?=[A-Za-z0-9])"),
    re.compile(f" (?<=[A-Za-z0-9] )(?=[{HAN}])"),
)
_TIGHT = (
    re.compile(f"[A-Za-z0-9](?<=[{HAN}].)"),
    re.compile(f"[A-Za-z0-9](?=[{HAN}])"),
)
_LATIN = re.compile(r"[A-Za-z0-9\u00c0-\u024f]")


def shortened(text: str, most: int = 30) -> str:
    """A text as it is quoted: whole, or its beginning with an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def columns(text: str) -> int:
    """The width on a fixed grid; GB 18030 spends the bytes that its characters are wide."""
    return len(text.encode("gb18030", "replace"))


def is_finished(text: str) -> bool:
    """Whether the text ends a sentence, closing quotes and brackets aside."""
    if text[-1:] not in _MAY_END:
        return False
    stem = text.rstrip(_CLOSERS)
    return stem.endswith(_ENDS) or (stem.endswith(".") and len(stem) > 1)


def leads_on(text: str) -> bool:
    """Whether the text announces or enumerates what follows, as ： and ； do."""
    return text.rstrip(_CLOSERS).endswith(("：", "；", ":", ";"))


def is_connecting(text: str) -> bool:
    """Whether nothing can end here: a comma, an opening bracket, a dash."""
    return text.rstrip("*").endswith(_CONNECTS)


def is_open(text: str) -> bool:
    """Whether a bracket or quote opened in the text is not closed in it."""
    if not _OPENED.search(text):
        return False
    return any(text.count(one[0]) > text.count(one[1]) for one in _PAIRS)


def spacing(texts: Iterable[str]) -> tuple[int, int]:
    """How often Chinese meets letters or digits with a space between, and without one."""
    text = "\n".join(texts)
    some, none = (sum(len(one.findall(text)) for one in pair) for pair in (_SPACED, _TIGHT))
    return some, none


def glue(before: str, after: str, *, spaced: bool, trailing: bool = False) -> str:
    """The space which a wrap between the two texts has swallowed: one or none.

    ``spaced`` is the text's habit between Chinese and letters or digits, ``trailing`` tells
    that the file still has a space at the wrap.
    """
    left, right = before.rstrip("*")[-1:], after.lstrip("*")[:1]
    if not left or not right or (left > "\u2e7f" and right > "\u2e7f"):
        return ""
    latin_left, latin_right = _LATIN.match(left), _LATIN.match(right)
    if latin_left and latin_right:
        return " " if trailing or not (left.isdigit() and right.isdigit()) else ""
    if (latin_left and _HAN.match(right)) or (latin_right and _HAN.match(left)):
        return " " if spaced or trailing else ""
    if latin_right and left in ",;:.!?" and not right.isdigit():
        return " "
    return " " if trailing and left < "\u2000" and right < "\u2000" else ""
