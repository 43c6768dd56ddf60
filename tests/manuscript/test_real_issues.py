"""The two real issues come out complete and right, and so do other settings of them."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from dongtai_mail.content import Block, Issue, Paragraph, Subheading
from dongtai_mail.manuscript import Manuscript, Role, read
from tests.manuscript.conftest import real_bytes
from tests.manuscript.variants import reset

pytestmark = pytest.mark.manuscripts


def bare(text: str) -> str:
    return "".join(text.split())


def digest(texts: list[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def said(issue: Issue) -> list[object]:
    """What an issue says, its spaces aside."""
    return [
        (bare(item.title), item.source, item.compiler, item.date, *map(block, item.body))
        for item in issue.items
    ]


def block(one: Block) -> tuple[str, str]:
    text = one.text if isinstance(one, Paragraph | Subheading) else repr(one)
    return type(one).__name__, bare(text)


def codes(manuscript: Manuscript) -> Counter[str]:
    return Counter(finding.code for finding in manuscript.findings)


def test_every_item_of_the_pdf_like_issue_is_found(pdf_like: Manuscript) -> None:
    counts = [len(section.items) for section in pdf_like.issue.sections]
    assert counts == [35, 2, 14, 3, 2]
    assert digest([item.title for item in pdf_like.issue.items]) == "a9ba33896afb"


def test_every_item_of_the_markdown_like_issue_is_found(markdown_like: Manuscript) -> None:
    counts = [len(section.items) for section in markdown_like.issue.sections]
    assert counts == [41, 3, 17, 3, 2]
    assert digest([item.title for item in markdown_like.issue.items]) == "224284bc6d51"


def test_paragraphs_and_sub_headings_are_as_seen_by_eye(
    pdf_like: Manuscript, markdown_like: Manuscript
) -> None:
    for manuscript, subheadings, seen in (
        (pdf_like, 7, "7d443972853f"),
        (markdown_like, 1, "38d19d482a6e"),
    ):
        blocks = [one for item in manuscript.issue.items for one in item.body]
        assert sum(isinstance(one, Subheading) for one in blocks) == subheadings
        assert digest([repr(one) for one in blocks]) == seen


def test_sources_compilers_and_dates_are_as_seen_by_eye(
    pdf_like: Manuscript, markdown_like: Manuscript
) -> None:
    for manuscript, outside, seen in (
        (pdf_like, 25, "4c0965f2d7ca"),
        (markdown_like, 36, "095d0dc00add"),
    ):
        items = manuscript.issue.items
        said = [f"{item.source}|{item.compiler}|{item.date}" for item in items]
        assert sum(item.source is not None for item in items) == outside
        assert digest(said) == seen


def test_bold_runs_stay(markdown_like: Manuscript) -> None:
    texts = [one.text for item in markdown_like.issue.items for one in item.body]
    assert sum(text.count("**") for text in texts) == 16


def test_the_cover_and_the_colophon_are_read(markdown_like: Manuscript) -> None:
    issue = markdown_like.issue
    assert issue.host is not None
    assert issue.colophon is not None
    assert issue.host.also == "联合国贸易网络上海中心"
    assert issue.colophon.organisation == issue.host.name
    assert issue.colophon.postcode == "200011"
    assert [entry.page for entry in issue.toc][-2:] == [28, 31]
    assert sum(item.featured for item in issue.items) == len(issue.toc) == 16


def test_what_the_pdf_like_issue_lacks_is_not_invented(pdf_like: Manuscript) -> None:
    issue = pdf_like.issue
    assert (issue.masthead, issue.number, issue.date, issue.host, issue.colophon) == (None,) * 5
    assert codes(pdf_like)["masthead-missing"] == 1


@pytest.mark.parametrize("prefix", ["000", "002"])
def test_every_character_of_the_file_is_accounted_for(prefix: str) -> None:
    data = real_bytes(prefix)
    used = "".join(bare(use.text) for use in read(data).uses)
    assert used == bare(data.decode())


@pytest.mark.parametrize("prefix", ["000", "002"])
def test_the_content_holds_what_the_account_says(prefix: str) -> None:
    manuscript = read(real_bytes(prefix))
    written = [use.text for use in manuscript.uses if use.role in (Role.BODY, Role.SUBHEADING)]
    blocks = [one for item in manuscript.issue.items for one in item.body]
    assert bare("".join(written)) == bare("".join(one.text for one in blocks))


def test_the_findings_are_those_that_an_editor_confirmed(
    pdf_like: Manuscript, markdown_like: Manuscript
) -> None:
    assert codes(pdf_like) == {
        "colophon-missing": 1,
        "compiler-missing": 5,
        "facts-repeated": 1,
        "halfwidth-punctuation": 2,
        "host-missing": 1,
        "issue-date-missing": 1,
        "issue-number-missing": 1,
        "lookalike-character": 4,
        "masthead-missing": 1,
        "page-joined": 13,
        "paragraph-unfinished": 2,
        "punctuation-doubled": 2,
        "sentence-repeated": 1,
        "space-stray": 3,
        "title-punctuation": 1,
    }
    assert codes(markdown_like) == {
        "clause-repeated": 1,
        "compiler-missing": 5,
        "facts-repeated": 1,
        "halfwidth-punctuation": 3,
        "issue-date-missing": 1,
        "issue-number-missing": 1,
        "item-not-in-toc": 50,
        "page-joined": 11,
        "paragraph-unfinished": 1,
        "spacing-mixed": 12,
        "subheading-alone": 1,
        "word-repeated": 2,
        "word-stray": 1,
    }


@pytest.mark.parametrize("prefix", ["000", "002"])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_encoding_makes_no_difference(prefix: str, encoding: str) -> None:
    data = real_bytes(prefix)
    again = data.decode().replace("\n", "\r\n").encode(encoding)
    assert read(again).issue == read(data).issue


@pytest.mark.parametrize("prefix", ["000", "002"])
def test_the_empty_lines_may_be_lost(prefix: str) -> None:
    data = real_bytes(prefix)
    lines = [line for line in data.decode().split("\n") if line]
    assert read("\n".join(lines).encode()).issue == read(data).issue


def test_without_trailing_spaces_only_full_last_lines_are_doubtful(pdf_like: Manuscript) -> None:
    text = "\n".join(line.rstrip() for line in real_bytes("000").decode().split("\n"))
    again = read(text.encode()).issue
    assert [item.title for item in again.items] == [item.title for item in pdf_like.issue.items]
    differing = sum(a != b for a, b in zip(said(again), said(pdf_like.issue), strict=True))
    assert differing <= 3


@pytest.mark.parametrize("prefix", ["000", "002"])
@pytest.mark.parametrize("columns", [None, 36, 60, 90])
@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"gap": 0, "trailing": True},
        {"gap": 0, "trailing": True, "page": 40, "head": "要闻速览", "number": "— {} —"},
        {"page": 41, "head": "电子商务动态 第 1 期", "trailing": True},
        {"gap": 0, "trailing": True, "page": 40, "head": "速览快报", "number": "{}", "feed": True},
    ],
)
def test_another_setting_says_the_same(
    prefix: str, columns: int | None, setting: dict[str, object]
) -> None:
    issue = read(real_bytes(prefix)).issue
    again = read(reset(issue, columns, **setting).encode())
    assert said(again.issue) == said(issue)


@pytest.mark.parametrize("prefix", ["000", "002"])
@pytest.mark.parametrize("columns", [60, 76, 90])
def test_indents_alone_tell_nearly_all_paragraphs(prefix: str, columns: int) -> None:
    issue = read(real_bytes(prefix)).issue
    again = read(reset(issue, columns, gap=0, indent="　　").encode()).issue
    differing = sum(a != b for a, b in zip(said(again), said(issue), strict=True))
    assert differing <= 1


@pytest.mark.parametrize("prefix", ["000", "002"])
@pytest.mark.parametrize("columns", [60, 100])
def test_the_wrap_width_alone_tells_all_titles(prefix: str, columns: int) -> None:
    issue = read(real_bytes(prefix)).issue
    again = read(reset(issue, columns, gap=0).encode()).issue
    assert [bare(one.title) for one in again.items] == [bare(one.title) for one in issue.items]
    differing = sum(a != b for a, b in zip(said(again), said(issue), strict=True))
    assert differing <= 0.25 * len(issue.items)


def test_most_items_without_a_source_line_are_still_found() -> None:
    """Each source line is taken out in turn; the next title must be recognised as one."""
    for prefix, needed in (("000", 50), ("002", 50)):
        lines = real_bytes(prefix).decode().split("\n")
        places = [i for i, line in enumerate(lines) if line.lstrip().startswith("来源")][::4]
        found = sum(
            len(read("\n".join(lines[:i] + lines[i + 1 :]).encode()).issue.items)
            == (56 if prefix == "000" else 66)
            for i in places
        )
        assert found * 66 >= needed * len(places)
