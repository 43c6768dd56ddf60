"""The sample issue imports cleanly and is what the first start promises to show."""

from __future__ import annotations

import csv
import datetime
import re
from collections import Counter

import pytest

from dongtai_mail.content import BOOK_NOTE_HEADING, Issue, ListBlock, Severity, Subheading, Table
from dongtai_mail.demo import sample_manuscript, sample_subscribers
from dongtai_mail.manuscript import Manuscript, read

RESERVED = re.compile(r"(?:[a-z0-9-]+\.)*(?:test|example\.(?:com|net|org))|[\w]+\.测试")


@pytest.fixture(scope="module")
def manuscript() -> Manuscript:
    return read(sample_manuscript().read_bytes(), sample_manuscript().name)


@pytest.fixture(scope="module")
def issue(manuscript: Manuscript) -> Issue:
    return manuscript.issue


def test_the_front_and_the_colophon_are_complete(issue: Issue) -> None:
    assert issue.masthead == "澜港电商观察"
    assert issue.number == "2026 年第 21 期（总第 312 期）"
    assert issue.date == datetime.date(2026, 11, 16)
    assert issue.host is not None
    assert issue.host.also == "澜港数字贸易服务中心"
    assert issue.colophon is not None
    assert None not in (issue.colophon.address, issue.colophon.postcode, issue.colophon.phone)


def test_all_five_sections_have_their_items(issue: Issue) -> None:
    assert [(section.name, len(section.items)) for section in issue.sections] == [
        ("行业资讯", 12),
        ("政策法规", 4),
        ("数据观察", 6),
        ("专家视点", 3),
        ("悦读电商", 2),
    ]


def test_every_item_says_where_it_comes_from(issue: Issue) -> None:
    *sections, books = issue.sections
    for item in (item for section in sections for item in section.items):
        assert item.date is not None
        assert datetime.date(2026, 11, 1) <= item.date <= datetime.date(2026, 11, 15)
        assert item.source or "编辑部" in str(item.source_line)
    assert {book.heading for book in books.items} == {BOOK_NOTE_HEADING}


def test_every_kind_of_block_is_there_to_see(issue: Issue) -> None:
    kinds = Counter(type(block) for item in issue.items for block in item.body)
    assert (kinds[Subheading], kinds[Table], kinds[ListBlock]) == (5, 2, 3)
    text = repr(issue.sections)
    assert text.count("](https://") == 3
    assert text.count("**") >= 20


def test_the_printed_contents_name_items_by_page(issue: Issue) -> None:
    titles = {item.title for item in issue.items}
    assert {entry.title for entry in issue.toc} <= titles
    pages = [entry.page for entry in issue.toc]
    assert None not in pages
    assert pages == sorted(pages, key=int)


def test_only_the_three_deliberate_slips_are_warned_of(manuscript: Manuscript) -> None:
    found = [f.code for f in manuscript.findings if f.severity is not Severity.INFO]
    assert sorted(found) == ["halfwidth-punctuation", "punctuation-doubled", "word-repeated"]
    assert all(f.severity is not Severity.ERROR for f in manuscript.findings)


def test_two_hundred_subscribers_stand_at_reserved_domains() -> None:
    with sample_subscribers().open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    addresses = [row["邮箱"] for row in rows]
    assert len(addresses) == len({address.lower() for address in addresses}) == 200
    assert all(row["姓名"] for row in rows)
    for local, _, domain in (address.rpartition("@") for address in addresses):
        assert local.isascii()
        assert RESERVED.fullmatch(domain), domain
    assert sum(not address.isascii() for address in addresses) == 2
