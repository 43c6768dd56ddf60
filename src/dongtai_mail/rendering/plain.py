"""The plain-text part, written from the content itself and laid out for wide characters.

Owns: rules as wide as what they underline, aligned tables, links beside their words.
Promises: the content stands between the first and the last line of ``RULE``; paragraphs are not
wrapped, because a mail client knows its own width; personal links stand at the very end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from unicodedata import east_asian_width

from dongtai_mail.rendering.digest import ledes
from dongtai_mail.rendering.inline import Piece
from dongtai_mail.rendering.model import Frame, Kind, Slots
from dongtai_mail.rendering.view import BlockView, ImageView, ItemView, View

WIDTH = 72
RULE = "=" * WIDTH


def plain_text(view: View, frame: Frame, slots: Slots, kind: Kind) -> str:
    """The whole text part; lines end in ``\\n``."""
    content = _digest(view, frame) if kind is Kind.DIGEST else _content(view)
    contents = () if kind is Kind.DIGEST else _contents(view)
    blocks = (
        *_masthead(view, frame),
        *contents,
        RULE,
        *content,
        RULE,
        *_footer(view, frame, slots),
    )
    return "\n\n".join(block for block in blocks if block) + "\n"


def width(text: str) -> int:
    """Columns on a terminal: two for a wide character."""
    return sum(2 if east_asian_width(character) in "WFA" else 1 for character in text)


def _underlined(text: str, rule: str) -> str:
    return f"{text}\n{rule * min(width(text), WIDTH)}"


def _masthead(view: View, frame: Frame) -> Iterable[str]:
    lines = []
    if view.masthead:
        lines.append(view.masthead.plain)
    if issued := " · ".join(piece.plain for piece in (view.number, view.date) if piece):
        lines.append(issued)
    if view.host:
        also = f"（{view.host_also.plain}）" if view.host_also else ""
        lines.append(f"主办单位：{view.host.plain}{also}")
    yield "\n".join(lines)
    yield f"在浏览器中阅读：\n{frame.web_url}"


def _contents(view: View) -> Iterable[str]:
    yield _underlined("本期目录", "-")
    for section in view.sections:
        if section.listed:
            titles = "\n".join(f"  · {item.title.plain}" for item in section.listed)
            yield f"{section.name.plain}\n{titles}"
        elif section.items:
            yield f"{section.name.plain}（{len(section.items)} 条）"


def _content(view: View) -> Iterable[str]:
    for section in view.sections:
        if not section.items:
            continue
        yield f"【{section.name.plain}】"
        for item in section.items:
            yield from _item(item)


def _item(item: ItemView) -> Iterable[str]:
    yield _underlined(item.title.plain, "-")
    if item.cover:
        yield _image(item.cover)
    if item.heading:
        yield item.heading.plain
    for block in item.blocks:
        yield _block(block)
    if item.source_line:
        yield item.source_line.plain


def _block(block: BlockView) -> str:
    match block.kind:
        case "ul":
            return "\n".join(f"- {piece.text}" for piece in block.pieces)
        case "ol":
            numbered = enumerate(block.pieces, block.start)
            return "\n".join(f"{number}. {piece.text}" for number, piece in numbered)
        case "table":
            return _table(block.table.rows) if block.table else ""
        case "img":
            return _image(block.image) if block.image else ""
        case _:
            return block.piece.text if block.piece else ""


def _table(rows: Sequence[Sequence[Piece]]) -> str:
    """Rows of cells; in columns where they fit, else divided by bars."""
    cells = [[" ".join(piece.text.split()) for piece in row] for row in rows]
    columns = max(map(len, cells), default=0)
    widths = [
        max((width(row[at]) for row in cells if at < len(row)), default=0) for at in range(columns)
    ]
    if sum(widths) + 3 * columns > WIDTH:
        return "\n".join(" | ".join(row) for row in cells)
    lines = [" | ".join(map(_padded, row, widths)).rstrip() for row in cells]
    lines.insert(1, "-" * (sum(widths) + 3 * (columns - 1)))
    return "\n".join(lines)


def _padded(cell: str, columns: int) -> str:
    return cell + " " * (columns - width(cell))


def _image(image: ImageView) -> str:
    shown = f"[图片：{image.alt}] <{image.src}>"
    return f"{shown}\n{image.caption.plain}" if image.caption else shown


def _digest(view: View, frame: Frame) -> Iterable[str]:
    sentences = ledes(view)
    for section in view.sections:
        if not section.items:
            continue
        yield f"【{section.name.plain}】"
        for item in section.items:
            lines = (
                item.title.plain,
                sentences[item.anchor],
                f"<{frame.web_url}#{item.anchor}>",
            )
            yield "\n".join(line for line in lines if line)


def _footer(view: View, frame: Frame, slots: Slots) -> Iterable[str]:
    yield "\n".join(piece.plain for piece in view.colophon)
    yield frame.reason
    yield f"退订：\n{slots.unsubscribe}\n\n管理订阅：\n{slots.preferences}"
