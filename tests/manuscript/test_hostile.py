"""Whatever bytes come in: nothing gets lost, nothing but one clear error comes out."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dongtai_mail.content import Paragraph
from dongtai_mail.manuscript import ManuscriptError, outline, read, to_json
from dongtai_mail.manuscript.inline import as_json, as_printed, from_manuscript

_LINES = (
    "【要闻】|● 要闻|来源：|编选：|《晨报》|2023年2月7日|内容简介|目录|标题....3|主办单位：|地址："
    "|近日，某地推出新办法。|没有结尾的一行文字|- |1. |1、|# |**|《|”|（|12|\\\\|[a](http://b)"
)
_SIGNS = "\t \f\u3000\n\r\u202e\u200b\U00020bb7\u0301|"
PIECES = st.sampled_from([*_LINES.split("|"), *_SIGNS, "\n\n", "\r\n", "|a|b|"])
TEXTS = st.lists(PIECES, max_size=60).map("".join)


def bare(text: str) -> str:
    return "".join(text.split())


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    try:
        manuscript = read(data)
    except ManuscriptError:
        return
    else:
        json.dumps(to_json(manuscript))
        assert outline(manuscript)


@given(TEXTS, st.sampled_from(["a.txt", "a.md"]))
@example("【要闻】\n\n# # ", "a.txt")
@example("【要闻】\f12", "a.txt")
@example("【要闻】12\f12", "a.txt")
@example("标题....3\n【要闻】\n目录", "a.txt")
@example("● 要闻\f【要闻】\f● 要闻", "a.txt")
@example("某书\n\n内容简介\n\n内容简介", "a.txt")
@settings(max_examples=200, deadline=None)
def test_nothing_that_goes_in_gets_lost(text: str, filename: str) -> None:
    try:
        manuscript = read(text.encode(), filename)
    except ManuscriptError:
        assert not bare(text)
    else:
        assert bare("".join(use.text for use in manuscript.uses)) == bare(text)


@given(st.text(alphabet="甲a1*_`[]()<>&~\\ .！", max_size=40))
@settings(max_examples=200, deadline=None)
def test_text_without_markup_is_printed_as_it_was(text: str) -> None:
    content = from_manuscript(text)
    if "**" not in text:
        assert as_printed(content) == text
        assert as_json(content) == text


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "空的"),
        (b" \n\t\r\n", "空的"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04...", "Word"),
        (bytes(range(256)) * 20, "不是可读的文字"),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(data: bytes, says: str) -> None:
    with pytest.raises(ManuscriptError, match=says):
        read(data)


def test_a_few_broken_bytes_are_marked_and_block_sending() -> None:
    text = ("【要闻】\n\n某地\n\n" + "近日，某地推出新办法。" * 9 + "\n").encode()
    manuscript = read(text[:60] + b"\xff" + text[60:])
    finding = manuscript.findings[0]
    assert (finding.code, finding.severity, finding.line) == ("bytes-undecodable", "error", 5)


def test_big5_is_told_from_gb18030_by_what_it_says() -> None:
    text = "【要聞】\n\n某地\n\n近日，某地推出新辦法，並為中小企業提供資金。\n\n來源：《晨報》\n"
    manuscript = read(text.encode("big5"))
    (item,) = manuscript.issue.items
    assert item.body == (Paragraph("近日，某地推出新辦法，並為中小企業提供資金。"),)
    assert item.source == "《晨報》"
    broken = read(text.encode("big5") + b"\xff")
    assert broken.encoding == manuscript.encoding
    assert "bytes-undecodable" in {one.code for one in broken.findings}


def test_control_characters_go_and_are_reported() -> None:
    manuscript = read("【要闻】\n\n某地\n\n近日，\x00某地\x07推出新办法。\n".encode())
    assert manuscript.issue.items[0].body == (Paragraph("近日，某地推出新办法。"),)
    assert [f.line for f in manuscript.findings if f.code == "control-characters"] == [5]


@pytest.mark.parametrize(
    "text",
    [
        *("汉" * 200_000, "（" * 60_000, "**a " * 20_000, "，" * 60_000, "来源：" * 20_000),
        *("a\t" * 20_000, "短\n" * 4_000, "句子没完，\n\n" * 3_000, "# 标\n" * 4_000),
        *("标题....3\n" * 4_000, "- 条\n" * 4_000),
    ],
)
def test_long_and_deep_texts_take_time_in_proportion(text: str) -> None:
    started = time.perf_counter()
    read(f"【要闻】\n标题\n{text}".encode())
    assert time.perf_counter() - started < 20
