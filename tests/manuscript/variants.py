"""Other hands' versions of a manuscript: the same words, set otherwise.

Owns: mechanical changes of layout, which leave what an issue says as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dongtai_mail.content import Issue, ListBlock, Paragraph, Subheading, Table

_BREAKING = re.compile(r"[A-Za-z0-9.%+\-]+|.", re.DOTALL)


def lines_of(issue: Issue) -> Iterator[tuple[str, str]]:
    """An issue's body as (role, one paragraph)."""
    for section in issue.sections:
        yield "section", f"【{section.name}】"
        for item in section.items:
            yield "title", item.title
            if item.heading:
                yield "heading", item.heading
            for block in item.body:
                if isinstance(block, Paragraph | Subheading):
                    yield "body" if isinstance(block, Paragraph) else "sub", block.text
                elif isinstance(block, ListBlock):
                    yield from (("list", mark + text) for mark, text in _marked(block))
                elif isinstance(block, Table):
                    yield from (("table", "\t".join(row)) for row in block.rows)
            if item.source_line:
                yield "source", item.source_line


def _marked(block: ListBlock) -> Iterator[tuple[str, str]]:
    marks = [f"{mark} " for mark in block.markers] or ["- "] * len(block.items)
    return zip(marks, block.items, strict=True)


def wrap(text: str, columns: int) -> list[str]:
    """Greedy wrapping on a grid, as word processors do it: words and numbers stay whole."""
    lines, current, width = [], "", 0
    for token in _BREAKING.findall(text):
        wide = len(token.encode("gb18030"))
        hangs = token in "，。、；：？！”）》"
        if current and width + wide > columns and not hangs:
            lines.append(current.strip())
            current, width = "", 0
            if token == " ":
                continue
        current += token
        width += wide
    return [*lines, current.strip()]


def reset(
    issue: Issue,
    columns: int | None = None,
    *,
    gap: int = 1,
    inner_gap: int = 0,
    indent: str = "",
    trailing: bool = False,
    page: int = 0,
    head: str = "",
    number: str = "{}",
    feed: bool = False,
) -> str:
    """An issue's text set anew, with pages of ``page`` lines under a running head."""
    out: list[str] = []
    count, pages = 0, 1
    for role, text in lines_of(issue):
        wrapped = wrap(text, columns) if columns and role != "table" else [text]
        for index, line in enumerate(wrapped):
            first, last = index == 0, index == len(wrapped) - 1
            lead = indent if first and role in ("body", "list") else ""
            out.append(lead + line + (" " if trailing and last else ""))
            out.extend([""] * (gap if last else inner_gap))
            count += 1
            if page and count % page == 0:
                pages += 1
                out.append(number.format(pages - 1))
                out.append(("\f" if feed else "") + head)
    return "\n".join(out) + "\n"


def contents(issue: Issue, columns: int) -> str:
    """A cover with a table of contents that names every second item, wrapped like the text."""
    lines, page = ["样刊", "目录"], 1
    for section in issue.sections:
        lines.append(f"● {section.name}")
        for item in section.items[::2]:
            page += 1
            lines += wrap(f"- {item.title}.....{page}", columns)
    return "\n".join(lines) + "\n"
