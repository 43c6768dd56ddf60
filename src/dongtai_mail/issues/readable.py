"""A body as it reads, so that a difference can be shown to people who don't read Markdown.

Owns: lists with their bullets and numbers, tables with bars, links with their addresses, and what
is set in bold or italics in a line of its own where that changed. Promises: bodies that differ are
shown to differ: where all that reads is the same, the Markdown is shown. Fails: never.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from django.utils.translation import gettext as _

from dongtai_mail.content import Block, Image, ListBlock, Paragraph, Subheading, Table
from dongtai_mail.issues import markdown
from dongtai_mail.issues.differences import Run, runs
from dongtai_mail.rendering.inline import Piece, inline_piece

_EMPHASIS = re.compile(r"<(strong|em)>(.*?)</\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


class _Read(NamedTuple):
    text: str
    emphasised: tuple[str, ...]


def field_runs(name: str, before: str, after: str) -> tuple[Run, ...]:
    """The way from one text of an item's field to the other."""
    return _body_runs(before, after) if name == "body" else runs(before, after)


def _body_runs(before: str, after: str) -> tuple[Run, ...]:
    old, new = _read(before), _read(after)
    was, now = old.text, new.text
    if old.emphasised != new.emphasised:
        was, now = _with_emphasis(old), _with_emphasis(new)
    return runs(was, now) if was != now else runs(before, after)


def _with_emphasis(read: _Read) -> str:
    words = _("加粗或斜体：%(words)s") % {"words": "、".join(read.emphasised) or "—"}
    return f"{read.text}\n\n（{words}）"


@lru_cache(maxsize=256)
def _read(body: str) -> _Read:
    emphasised: list[str] = []
    text = "\n\n".join(_said(block, emphasised) for block in markdown.parse(body))
    return _Read(text, tuple(emphasised))


def _said(block: Block, emphasised: list[str]) -> str:
    def said(text: str) -> str:
        piece = inline_piece(text, lambda _finding: None)
        emphasised.extend(_emphasised(piece))
        return piece.text

    match block:
        case Paragraph(text):
            return said(text)
        case Subheading(text):
            return f"【{said(text)}】"
        case ListBlock():
            return "\n".join(f"{mark} {said(item)}" for mark, item in _marked(block))
        case Table(rows):
            return "\n".join(" | ".join(map(said, row)) for row in rows)
        case Image(src, alt, caption):
            return " ".join(filter(None, (f"［{alt}］", caption, f"<{src}>")))


def _marked(block: ListBlock) -> Iterator[tuple[str, str]]:
    for number, item in enumerate(block.items, block.start):
        yield (f"{number}." if block.ordered else "•"), item


def _emphasised(piece: Piece) -> Iterator[str]:
    for _tag, inside in _EMPHASIS.findall(piece.html):
        yield html.unescape(_TAG.sub("", inside))
