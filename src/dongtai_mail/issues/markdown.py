"""Item bodies as Markdown text, which is what editors keep, and as content blocks.

Owns: both directions between ``content.Block`` and Markdown. Promises: ``parse(write(blocks))``
says what ``blocks`` said, and any text at all parses: what isn't a heading, list, table or image
is a paragraph, and so is the whole of a text that would take seconds to read. Inline marks are not
touched here; they stay Markdown in the blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, list_block
from markdown_it.token import Token

from dongtai_mail.content import Block, Image, ListBlock, Paragraph, Subheading, Table
from dongtai_mail.manuscript.inline import image


def _list_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Lists nested deeper than the parser's limit are text, which it would else leave out."""
    return state.level <= _DEEPEST and list_block(state, start, end, silent)


# Quotes, code and HTML are no blocks of ours: they stay the paragraphs that they are.
_parser = MarkdownIt("zero").enable(["heading", "list", "table"])
# Inline marks stay as they are, so nobody reads them here.
_parser.disable(["inline", "text_join"])
_DEEPEST = _parser.options.maxNesting - 4
_parser.block.ruler.at("list", _list_rule, {"alt": ["paragraph", "reference", "blockquote"]})

# Ten times the longest item. Reading takes time by lines, however short, and by marks in a line.
LONGEST = 200_000
MOST_LINES = 5_000

_HEADING_OR_BULLET = re.compile(r"(#{1,6}|[-+*])(?=\s|$)")
_NUMBER = re.compile(r"(\d{1,9})([.)])(?=\s|$)")
_ESCAPED = re.compile(r"\\(#{1,6}|[-+*])(?=\s|$)")
_ESCAPED_NUMBER = re.compile(r"(\d{1,9})\\([.)])(?=\s|$)")
_DELIMITER_ROW = re.compile(r"[|:\-\s]+$")


def write(blocks: Iterable[Block]) -> str:
    """Blocks as Markdown, a blank line between them."""
    written: list[str] = []
    previous: Block | None = None
    alternate = False
    for block in blocks:
        # Two lists in a row need different markers, or they would be one.
        alternate = not alternate if isinstance(previous, ListBlock) else False
        written.append(_write(block, alternate))
        previous = block
    return "\n\n".join(filter(None, written))


def _write(block: Block, alternate: bool) -> str:
    match block:
        case Paragraph(text):
            return _protect(text)
        case Subheading(text):
            # Trailing number signs would be read as the heading's own closing ones.
            return re.sub(r"( )(#+)$", r"\1\\\2", f"### {_one_line(text)}".rstrip())
        case ListBlock():
            # Numbers that Markdown has no list for are text, set as they are printed.
            printed = block.as_printed
            if printed is None:
                return _write_list(block, alternate)
            return "\n\n".join(map(_protect, printed))
        case Table(rows):
            return _write_table(rows)
        case Image(src, alt, caption):
            title = f' "{_quote(caption)}"' if caption else ""
            return f"![{_bracket(alt)}]({src}{title})"


def _write_list(block: ListBlock, alternate: bool) -> str:
    lines = []
    for number, item in enumerate(block.items, block.start):
        marker = f"{number}{').'[not alternate]}" if block.ordered else "-*"[alternate]
        lines.append(f"{marker} {_protect(_one_line(item))}".rstrip())
    return "\n".join(lines)


def _write_table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    width = max(len(row) for row in rows)
    lines = [_write_row(row, width) for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _write_row(row: Sequence[str], width: int) -> str:
    cells = [_one_line(cell).replace("|", "\\|") for cell in row] + [""] * (width - len(row))
    return "| " + " | ".join(cells) + " |"


def _protect(text: str) -> str:
    """Keep a paragraph a paragraph where its lines look like headings, lists or tables."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "\n".join(_protect_line(line) for line in lines)


def _protect_line(line: str) -> str:
    if _HEADING_OR_BULLET.match(line):
        return "\\" + line
    if _DELIMITER_ROW.match(line) or image(line):
        return "\\" + line
    return _NUMBER.sub(r"\1\\\2", line, count=1) if _NUMBER.match(line) else line


def _unprotect(text: str) -> str:
    return "\n".join(_unprotect_line(line) for line in text.split("\n"))


def _unprotect_line(line: str) -> str:
    if _ESCAPED.match(line):
        return line[1:]
    if line.startswith("\\") and (_DELIMITER_ROW.match(line[1:]) or image(line[1:])):
        return line[1:]
    if _ESCAPED_NUMBER.match(line):
        return _ESCAPED_NUMBER.sub(r"\1\2", line, count=1)
    return line


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quote(text: str) -> str:
    return _one_line(text).replace("\\", "\\\\").replace('"', '\\"')


def _bracket(text: str) -> str:
    return re.sub(r"([\[\]\\])", r"\\\1", _one_line(text))


@lru_cache(maxsize=2_048)
def parse(text: str) -> tuple[Block, ...]:
    """Markdown as blocks; never fails."""
    if excessive(text):
        return (Paragraph(text),)
    tokens = iter(_parser.parse(text))
    return tuple(_blocks(tokens))


def excessive(text: str) -> bool:
    return len(text) > LONGEST or text.count("\n") >= MOST_LINES


def _blocks(tokens: Iterator[Token]) -> Iterator[Block]:
    for token in tokens:
        if token.type == "paragraph_open":
            yield _paragraph(_inline(tokens, "paragraph_close"))
        elif token.type == "heading_open":
            yield Subheading(_inline(tokens, "heading_close"))
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            yield _list(token, tokens)
        elif token.type == "table_open":
            yield _table(tokens)


def _paragraph(text: str) -> Block:
    return image(text) or Paragraph(_unprotect(text))


def _inline(tokens: Iterator[Token], end: str) -> str:
    parts = []
    for token in tokens:
        if token.type == end:
            break
        parts.append(token.content)
    return "".join(parts)


def _list(opening: Token, tokens: Iterator[Token]) -> ListBlock:
    """Lists within lists are flattened: an email has no room for more than one indent."""
    items: list[str] = []
    depth = 1
    for token in tokens:
        if token.type.endswith("list_open"):
            depth += 1
        elif token.type.endswith("list_close"):
            depth -= 1
            if not depth:
                break
        elif token.type == "list_item_open":
            items.append("")
        elif token.type == "inline":
            items[-1] = f"{items[-1]} {_unprotect(token.content)}".strip()
    ordered = opening.type == "ordered_list_open"
    return ListBlock(tuple(items), ordered, int(opening.attrGet("start") or 1) if ordered else 1)


def _table(tokens: Iterator[Token]) -> Table:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(token.content)
    return Table(tuple(tuple(row) for row in rows))
