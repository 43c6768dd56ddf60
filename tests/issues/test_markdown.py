"""Item bodies as Markdown, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dongtai_mail.content import Block, Image, ListBlock, Paragraph, Subheading, Table
from dongtai_mail.issues.markdown import parse, write

_words = st.text(st.sampled_from("电商 ab1.)#-+*|:=`~>_<!\\"), min_size=1, max_size=12).map(
    lambda text: " ".join(text.split())
)
_line = _words.filter(lambda text: bool(text.strip("\\ ")) and not text.endswith("\\"))
_blocks = st.one_of(
    _line.map(Paragraph),
    _line.filter(lambda text: "#" not in text).map(Subheading),
    st.lists(_line, min_size=1, max_size=3).map(lambda items: ListBlock(tuple(items))),
    st.lists(_line, min_size=1, max_size=3).map(
        lambda items: ListBlock(tuple(items), ordered=True, start=3)
    ),
)


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


def test_two_lists_in_a_row_stay_two() -> None:
    blocks = (ListBlock(("甲",)), ListBlock(("乙",)), ListBlock(("丙",)))
    assert parse(write(blocks)) == blocks


@given(st.lists(_blocks, max_size=6))
def test_blocks_come_back_as_many_and_of_the_same_kind(blocks: list[Block]) -> None:
    back = parse(write(blocks))
    assert [type(block) for block in back] == [type(block) for block in blocks]


@given(st.text())
def test_any_text_parses(text: str) -> None:
    blocks = parse(text)
    assert bool(blocks) <= bool(text.strip())
