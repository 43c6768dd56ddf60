"""The sample issue as other hands would set it: what is still right, in exact numbers.

``test_real_issues`` does the same with the real ones, where they are present.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from dongtai_mail.content import Issue
from dongtai_mail.demo import sample_manuscript
from dongtai_mail.manuscript import read
from tests.manuscript.variants import contents, reset

SAMPLE = read(sample_manuscript().read_bytes()).issue
ITEMS = len(SAMPLE.items)
WIDTHS = (30, 37, 44, 52, 60, 72, 80)
SETTINGS = {
    "gaps": {"gap": 1},
    "trailing": {"gap": 0, "trailing": True},
    "indents": {"gap": 0, "indent": "　　"},
    "pages": {"gap": 1, "page": 40, "head": "澜港要闻速览", "number": "— {} —"},
}


def bare(text: str) -> str:
    return "".join(text.split())


def said(issue: Issue) -> list[str]:
    """What each item says, its spaces aside."""
    return [
        bare(repr((one.title, one.source, one.compiler, one.date, one.body))) for one in issue.items
    ]


def right(text: str) -> tuple[int, int]:
    """How many titles are right, and how many items in every word and break."""
    again = read(text.encode()).issue
    titles = {bare(one.title) for one in again.items}
    whole = set(said(again))
    return (
        sum(bare(one.title) in titles for one in SAMPLE.items),
        sum(item in whole for item in said(SAMPLE)),
    )


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("columns", WIDTHS)
def test_one_sign_of_a_paragraph_suffices_at_any_width(columns: int, setting: str) -> None:
    text = reset(SAMPLE, columns, **SETTINGS[setting])
    assert right(text) == (ITEMS, ITEMS)


# Where nothing but the width tells, a sentence that fills its line may end a paragraph or not.
@pytest.mark.parametrize(
    ("columns", "titles", "whole"),
    [(30, 26, 22), (37, 26, 19), (44, 27, 23), (52, 27, 25), (60, 27, 27), (72, 27, 22)],
)
def test_the_width_alone_tells_most(columns: int, titles: int, whole: int) -> None:
    found = right(reset(SAMPLE, columns, gap=0))
    assert found[0] >= titles
    assert found[1] >= whole


def test_breaks_that_were_guessed_are_reported() -> None:
    def codes(**setting: object) -> set[str]:
        text = reset(SAMPLE, 44, **setting)
        return {finding.code for finding in read(text.encode()).findings}

    assert "break-guessed" in codes(gap=0)
    assert "break-guessed" not in codes(gap=0, trailing=True)
    assert "break-guessed" not in codes(gap=0, indent="　　")


@pytest.mark.parametrize("columns", [30, 37])
def test_the_printed_contents_tell_every_title(columns: int) -> None:
    titles, _ = right(contents(SAMPLE, columns) + reset(SAMPLE, columns, gap=0))
    assert titles == ITEMS


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("：", ":"),
        lambda text: re.sub(r"(\d{4}) 年 (\d+) 月 (\d+) 日$", r"\1-\2-\3", text, flags=re.M),
        lambda text: text.replace("【行业资讯】", "【海外来风】"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("“", '"').replace("”", '"'),
    ],
    ids=["half-width colons", "ISO dates", "a new section", "CRLF", "ASCII quotes"],
)
def test_another_hand_s_signs_change_no_title_and_no_paragraph(
    change: Callable[[str], str],
) -> None:
    issue = read(change(reset(SAMPLE, 60)).encode()).issue
    assert [bare(one.title) for one in issue.items] == [
        bare(change(one.title)) for one in SAMPLE.items
    ]
    assert [len(one.body) for one in issue.items] == [len(one.body) for one in SAMPLE.items]
    assert [one.date for one in issue.items] == [one.date for one in SAMPLE.items]


def test_a_missing_source_line_hides_few_titles() -> None:
    lines = reset(SAMPLE).split("\n")
    places = [number for number, line in enumerate(lines) if line.startswith("来源")]
    found = [right("\n".join(lines[:at] + lines[at + 1 :]))[0] for at in places]
    assert sum(found) >= len(places) * ITEMS - 5
