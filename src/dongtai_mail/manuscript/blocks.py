"""Blocks: paragraphs, sub-headings, lists and tables out of an item's body.

Owns: the markers of lists (``- ``, ``1. ``, runs of 1、 2、 and （1） （2）) and of tables (pipes,
tabs), which are syntax; other Chinese numbering (一是, （一）) stays in its text as printed.
An ordered list keeps how its numbers are printed.
Promises: every paragraph becomes part of exactly one block, in order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dongtai_mail.content import Block, ListBlock, Subheading, Table
from dongtai_mail.content import Paragraph as Text
from dongtai_mail.manuscript.inline import from_manuscript, image, without_bold
from dongtai_mail.manuscript.model import Role
from dongtai_mail.manuscript.paragraphs import Paragraph, is_cut
from dongtai_mail.manuscript.script import columns, is_connecting, is_finished, leads_on

_BULLET = re.compile(r"(?:[-*+]\s+|[•●■◆▪]\s*)(?=\S)")
_ORDERED = re.compile(r"[1-9][0-9]{0,2}[.)]\s+(?=\S)")
_HAN_ORDERED = re.compile(r"(?:[（(][1-9][0-9]?[）)]|[1-9][0-9]?、)\s*(?=\S)")
_NUMBER = re.compile("[0-9]+")
_MARKS = frozenset("-*+•●■◆▪(（")
_RULE = re.compile(r"\|?[\s|:-]*-[\s|:-]*\|?$")
_BAR = re.compile(r"(?<!\\)\|")
_HEADING_WIDEST = 80

Made = tuple[Block, Role, list[Paragraph]]


def build(body: Sequence[Paragraph], headings: frozenset[int], *, markdown: bool) -> Iterator[Made]:
    """The blocks of a body; ``headings`` are the line numbers of marked sub-headings."""
    last_text = max((i for i, one in enumerate(body) if not _is_short_line(one)), default=0)
    index = 0
    while index < len(body):
        made = (
            _table(body, index)
            or _list(body, index, markdown)
            or _single(body[index], body[index].number in headings, index < last_text, markdown)
        )
        yield made
        index += len(made[2])


def is_list_item(text: str) -> bool:
    if text[0] not in _MARKS and not text[0].isdecimal():
        return False
    return bool(_BULLET.match(text) or _ORDERED.match(text) or _HAN_ORDERED.match(text))


def is_heading_like(text: str) -> bool:
    """Short, with no end and no pause at its end: a title or a sub-heading."""
    if len(text) > _HEADING_WIDEST + 4:
        return False
    plain = text.strip("*") or text
    if is_finished(plain) or leads_on(plain) or is_connecting(plain) or is_cut(plain):
        return False
    if plain.startswith(("|", "![")) or "\t" in plain:
        return False
    return columns(plain) <= _HEADING_WIDEST


def _is_short_line(paragraph: Paragraph) -> bool:
    return is_heading_like(paragraph.text) and not is_list_item(paragraph.text)


def _single(paragraph: Paragraph, marked: bool, has_text_below: bool, markdown: bool) -> Made:
    """A paragraph, an image, or a sub-heading: short lines at an item's end head nothing."""
    picture = image(paragraph.text)
    if picture is not None:
        return picture, Role.IMAGE, [paragraph]
    if marked or (has_text_below and _is_short_line(paragraph)):
        text = without_bold(paragraph.text.lstrip("#").strip())
        return Subheading(from_manuscript(text, markdown=markdown)), Role.SUBHEADING, [paragraph]
    return Text(from_manuscript(paragraph.text, markdown=markdown)), Role.BODY, [paragraph]


def _list(body: Sequence[Paragraph], index: int, markdown: bool) -> Made | None:
    if not is_list_item(body[index].text):
        return None
    for pattern, shortest in ((_BULLET, 1), (_ORDERED, 1), (_HAN_ORDERED, 2)):
        run = _run(body, index, pattern)
        if len(run) >= shortest and not _is_numbered_heading(body, index, run, pattern):
            texts = tuple(
                from_manuscript(pattern.sub("", one.text, count=1), markdown=markdown)
                for one in run
            )
            numeral, start = _marker(pattern, run[0].text) or ("", 0)
            block = ListBlock(texts, True, start, numeral) if start else ListBlock(texts)
            return block, Role.LIST, run
    return None


def _run(body: Sequence[Paragraph], index: int, pattern: re.Pattern[str]) -> list[Paragraph]:
    """The list's paragraphs; ordered ones must count on in one style, Chinese ones from one."""
    first = _marker(pattern, body[index].text)
    if first is None or (pattern is _HAN_ORDERED and first[1] != 1):
        return []
    numeral, number = first
    end = index
    while end < len(body) and _marker(pattern, body[end].text) == (numeral, number):
        end += 1
        number += number > 0
    return list(body[index:end])


def _marker(pattern: re.Pattern[str], text: str) -> tuple[str, int] | None:
    """How the marker prints the number one, and its number; a bullet has neither."""
    match = pattern.match(text)
    if match is None:
        return None
    number = _NUMBER.search(match[0])
    if number is None:
        return "", 0
    numeral = match[0].replace(number[0], "1")
    numeral = numeral.rstrip() + " " * numeral[-1].isspace()
    return ("1." if numeral == "1. " else numeral), int(number[0])


def _is_numbered_heading(
    body: Sequence[Paragraph], index: int, run: list[Paragraph], pattern: re.Pattern[str]
) -> bool:
    """A single short numbered line above a paragraph is a sub-heading, not a list."""
    if len(run) != 1 or pattern is _BULLET or index + 1 >= len(body):
        return False
    return is_heading_like(run[0].text) and not is_heading_like(body[index + 1].text)


def _table(body: Sequence[Paragraph], index: int) -> Made | None:
    rows: list[list[str]] = []
    run: list[Paragraph] = []
    for position in range(index, len(body)):
        paragraph = body[position]
        cells = _cells(paragraph.text)
        if len(cells) < 2 or (rows and "\t" in paragraph.text and len(cells) != len(rows[0])):
            break
        run.append(paragraph)
        if not (paragraph.text[0] == "|" and _RULE.match(paragraph.text)):
            rows.append(cells)
    if len(run) < 2 or not rows:
        return None
    width = max(map(len, rows))
    padded = tuple(tuple(row + [""] * (width - len(row))) for row in rows)
    return Table(padded), Role.TABLE, run


def _cells(text: str) -> list[str]:
    if text[0] == "|":
        inner = text.removeprefix("|").removesuffix("|")
        parts = [cell.replace("\\|", "|") for cell in _BAR.split(inner)]
    elif "\t" in text:
        parts = re.split(r"\t+", text)
    else:
        return []
    return [from_manuscript(cell.strip()) for cell in parts]
