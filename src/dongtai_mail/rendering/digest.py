"""The digest's words: of each item its first sentence.

Owns: where a first sentence ends. Promises: a sentence is whole unless it is far too long for a
digest; then it ends at a comma, and an ellipsis says so.
"""

from __future__ import annotations

import re

from dongtai_mail.rendering.view import ItemView, View

_SENTENCE = re.compile(r".*?[。！？!?](?:[”’」』）)》]*)", re.DOTALL)
_LONGEST = 120
_PAUSES = "，；、：,; "


def ledes(view: View) -> dict[str, str]:
    """The first sentence of each item by anchor; empty where there is no paragraph."""
    return {item.anchor: _lede(item) for item in view.items}


def _lede(item: ItemView) -> str:
    first = next((block.piece for block in item.blocks if block.kind == "p" and block.piece), None)
    if first is None:
        return ""
    text = " ".join(first.plain.split())
    sentence = _SENTENCE.match(text)
    return _shortened(sentence[0] if sentence else text)


def _shortened(sentence: str) -> str:
    if len(sentence) <= _LONGEST:
        return sentence
    end = max(sentence.rfind(pause, 0, _LONGEST) for pause in _PAUSES)
    return sentence[: end if end > _LONGEST // 3 else _LONGEST] + "……"
