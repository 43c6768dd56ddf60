"""Item bodies as Markdown, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dongtai_mail.content import Block, Image, ListBlock, Paragraph, Subheading, Table
from dongtai_mail.issues.markdown import LONGEST, MOST_LINES, parse, write
from dongtai_mail.issues.pasting import to_html
from dongtai_mail.manuscript.inline import from_manuscript
from dongtai_mail.rendering.inline import inline_piece

SIGNS = "字数据，。（）“”《》 #-+*_|=>`~\\<&![]():;.)12a、"
# One line with its markup escaped, as a manuscript's reader yields it.
_line = (
    st.text(st.sampled_from(SIGNS), min_size=1, max_size=30)
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
    .map(from_manuscript)
)
_lines = st.lists(_line, min_size=1, max_size=4).map(tuple)
_blocks = st.one_of(
    _line.map(Paragraph),
    _line.map(Subheading),
    _lines.map(ListBlock),
    st.builds(ListBlock, _lines, ordered=st.just(True), start=st.integers(1, 20)),
    st.lists(st.tuples(_line, _line), min_size=2, max_size=4).map(lambda rows: Table(tuple(rows))),
)


def _said(block: Block) -> object:
    """A block with its inline text as readers see it."""
    match block:
        case Paragraph(text) | Subheading(text):
            return type(block), _html(text)
        case ListBlock(items, ordered, start):
            return ordered, start, [_html(item) for item in items]
        case Table(rows):
            return [[_html(cell) for cell in row] for row in rows]
        case Image():
            return block


def _html(text: str) -> str:
    return str(inline_piece(text, lambda finding: None).html)


@pytest.mark.parametrize(
    "block",
    [
        Paragraph("**粗体**在前的一段"),
        Paragraph("# 不是标题"),
        Paragraph("1. 不是列表"),
        Paragraph("- 也不是"),
        Paragraph("| 不是表 |"),
        Paragraph("|---|"),
        Paragraph("---"),
        Paragraph("> 不是引用"),
        Paragraph("```"),
        Paragraph("![不是图](https://example.com/a.png)"),
        Subheading("小标题"),
        ListBlock(("甲", "乙")),
        ListBlock(("甲", "- 乙"), ordered=True, start=3),
        Table((("年份", "交易额"), ("2025", "a|b"), ("", "7"))),
        Image("https://example.com/a.png", "图[1]", '说明"甲"'),
        Image("https://example.com/a.png", ""),
    ],
)
def test_a_block_comes_back_as_it_was(block: Block) -> None:
    assert parse(write([block])) == (block,)


def test_numbers_that_markdown_has_no_list_for_stay_as_printed() -> None:
    block = ListBlock(("甲；", "乙。"), ordered=True, numeral="（1）")
    assert parse(write([block])) == (Paragraph("（1）甲；"), Paragraph("（2）乙。"))


@pytest.mark.parametrize(
    "text",
    ["- " * 30 + "深", "\n".join("  " * level + f"- 深{level}" for level in range(40))],
)
def test_text_in_lists_however_deep_is_kept(text: str) -> None:
    said = str(parse(text))
    assert [word for word in text.split() if word != "-" and word not in said] == []


@pytest.mark.parametrize("text", ["- a\n" * MOST_LINES, "- " * (LONGEST // 2 + 1)])
def test_more_than_can_be_read_at_once_stays_text(text: str) -> None:
    assert parse(text) == (Paragraph(text),)
    assert "<ul>" not in to_html(text)


def test_two_lists_in_a_row_stay_two() -> None:
    blocks = (ListBlock(("甲",)), ListBlock(("乙",)), ListBlock(("丙",)))
    assert parse(write(blocks)) == blocks


@given(st.lists(_blocks, max_size=6))
def test_blocks_come_back_and_say_the_same(blocks: list[Block]) -> None:
    back = parse(write(blocks))
    assert [_said(block) for block in back] == [_said(block) for block in blocks]


@given(st.text())
def test_any_text_parses_and_can_be_written_again(text: str) -> None:
    blocks = parse(text)
    assert len(parse(write(blocks))) <= len(blocks)
