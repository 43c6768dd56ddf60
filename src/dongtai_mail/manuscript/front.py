"""The front of an issue: masthead, number, date, host organisation and table of contents.

Owns: everything before the first section, and the recognition of section headers.
Promises: what is not recognised is kept as unplaced and reported; nothing is invented.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dongtai_mail.content import Host, TocEntry
from dongtai_mail.manuscript import sourceline
from dongtai_mail.manuscript.model import Line, Role, Use
from dongtai_mail.manuscript.script import HAN, columns, glue, is_finished

USUAL_SECTIONS = frozenset(("行业资讯", "政策法规", "数据观察", "专家视点", "悦读电商"))
_NO_SECTION = re.compile(
    r"(?:编者按|编者的话|摘要|导读|内容简介|内容提要|作者简介|目录|关键词|背景|相关链接|链接|延伸阅读|注|附|附件|新闻背景)[:：]?$"
)
_BRACKETED = re.compile(r"(?:#{1,6}\s*|\*\*)?[【〖]\s*([^【】〖〗]{1,20}?)\s*[】〗]\s*(?:\*\*)?$")
_BULLET = re.compile(r"[●◆■▲★○◎▶◇□▪]\s*(\S.{0,19})$")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_ENTRY = re.compile(
    r"(?:[-*•·+]\s+)?(?P<title>.*?\S)\s*(?:(?:[.．。·…•_—‥-]\s?){3,}|[…‥]+|\t+|\s{3,})\s*[(（]?(?P<page>\d{1,4})[)）]?$"
)
_PAGE = re.compile(r"(?:(?:[.．。·…•_—‥-]\s?){3,}|[…‥]+)\s*[(（]?\d{1,4}[)）]?$")
_ITEM = re.compile(r"[-*•·+]\s+(\S.*)$")
_CONTENTS = re.compile(
    r"(?:#{1,6}\s*|\*\*|【)?\s*(?:本期)?(?:目\s*录|要\s*目|导\s*读|内容)\s*(?:】|\*\*)?$|CONTENTS$",
    re.I,
)
_NUMBER = re.compile(
    r"[(（]?(?:\d{4}\s*年\s*)?(?:第\s*[\d〇零一二三四五六七八九十百]+\s*卷\s*)?"
    r"(?:总\s*)?第\s*[\d〇零一二三四五六七八九十百]+\s*期(?:\s*[(（]\s*总\s*第?\s*\d+\s*期\s*[)）])?[)）]?"
)
_HOST = re.compile(r"主\s*办(?:\s*单\s*位)?\s*[:：]?\s*(.*)$")
_ALSO = re.compile(r"[(（](.+)[)）]$")
_COUNT = "一二三四五六七八九十"
_NUMBERED = re.compile(rf"[{_COUNT}]、\S.{{1,13}}")
_LABELLED = re.compile(r"[\u4e00-\u9fff\s]{2,8}[:：]")
_SPREAD = re.compile(rf"[{HAN}](?:[ \u3000]+[{HAN}])+$")
_LONGEST_ENTRY = 300


@dataclass(slots=True)
class Front:
    """What stands before the first section; ``end`` is the index of the first body line."""

    masthead: str | None = None
    number: str | None = None
    date: datetime.date | None = None
    host: Host | None = None
    toc: list[TocEntry] = field(default_factory=list)
    toc_lines: list[int] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    end: int = 0


def heading(text: str) -> tuple[int, str] | None:
    """A Markdown heading's level and text."""
    match = _HEADING.match(text) if text[0] == "#" and len(text) < _LONGEST_ENTRY else None
    return (len(match[1]), match[2].strip("*")) if match else None


def section_name(text: str, known: frozenset[str]) -> str | None:
    """The section whose header the line is; ``known`` names need no brackets."""
    if not 0 < len(text) <= 32:
        return None
    match = _BRACKETED.match(text) if text[0] in "【〖#*" else None
    if match:
        return None if _NO_SECTION.match(match[1]) else match[1]
    bullet = _BULLET.match(text)
    bare = (bullet[1] if bullet else text).strip("#* ")
    return bare if bare in known else None


def read(lines: Sequence[Line], newsletter: str | None) -> Front:
    """Read the front of an issue; ``newsletter`` is its name, where the items tell it."""
    front = Front()
    start, end = _toc_span(lines[: _first_of_the_body(lines)])
    if end:
        _read_toc(front, lines[start:end], lines[end:])
    known = USUAL_SECTIONS | {entry.section for entry in front.toc}
    body = _body_start(lines, end, known, newsletter)
    before = lines[:start] if end else lines[:body]
    _read_cover(front, before, newsletter)
    if end:
        front.uses.extend(_toc_uses(lines[start:end]))
        _read_cover(front, lines[end:body], newsletter)
    front.end = body
    return front


def _first_of_the_body(lines: Sequence[Line]) -> int:
    """The first line that no table of contents can hold."""
    for index, line in enumerate(lines):
        if sourceline.starts(line.text):
            return index
        following = lines[index + 1].text if index + 1 < len(lines) else ""
        if section_name(line.text, frozenset()) and not (following and _is_toc_line(following)):
            return index
    return len(lines)


def numbered_sections(lines: Sequence[Line], known: frozenset[str]) -> frozenset[str]:
    """Headers such as 一、要闻, in a file without any other kind: each stands above an item."""
    names: list[str] = []
    before = ""
    for line in lines:
        text = line.text
        if section_name(text, known) or heading(text):
            return frozenset()
        above = not before or sourceline.starts(before) or sourceline.ends_with_date(before)
        if above and _NUMBERED.fullmatch(text) and not is_finished(text):
            names.append(text)
        before = text
    counted = [name.startswith(count + "、") for name, count in zip(names, _COUNT, strict=False)]
    return frozenset(names if len(names) > 1 and all(counted) else ())


def _toc_span(lines: Sequence[Line]) -> tuple[int, int]:
    """Where the table of contents starts and ends; (0, 0) without one."""
    marks = [i for i, line in enumerate(lines) if _is_toc_line(line.text)]
    entries = [i for i in marks if _entry(lines[i].text) or _PAGE.match(lines[i].text)]
    bullets = [i for i in marks if _BULLET.match(lines[i].text)]
    announced = next((i for i in marks if _CONTENTS.match(lines[i].text)), None)
    if not entries and (announced is None and not _lists_titles(lines, bullets)):
        return 0, 0
    return _span(lines, marks, entries, announced)


def _lists_titles(lines: Sequence[Line], bullets: list[int]) -> bool:
    return any(i + 1 < len(lines) and _ITEM.match(lines[i + 1].text) for i in bullets)


def _span(
    lines: Sequence[Line], marks: list[int], entries: list[int], announced: int | None
) -> tuple[int, int]:
    first = min(entries[:1] + marks[:1]) if announced is None else announced
    first = _with_section_above(lines, first)
    last = max(entries, default=first)
    position = last + 1
    while position < len(lines) and _ITEM.match(lines[position].text):
        position += 1
    if not entries:
        position = first + 1
        while position < len(lines) and _belongs_without_pages(lines[position].text):
            position += 1
    return first, max(position, first + 1)


def _with_section_above(lines: Sequence[Line], first: int) -> int:
    above = lines[first - 1].text if first else ""
    return first - 1 if above and section_name(above, USUAL_SECTIONS) else first


def _belongs_without_pages(text: str) -> bool:
    return bool(_ITEM.match(text) or (_BULLET.match(text) and not _BRACKETED.match(text)))


def _is_toc_line(text: str) -> bool:
    if len(text) > _LONGEST_ENTRY:
        return False
    kinds = (_ITEM, _BULLET, _CONTENTS, _PAGE)
    return bool(_entry(text) or any(kind.match(text) for kind in kinds))


def _entry(text: str) -> re.Match[str] | None:
    if text[-1] not in "0123456789)）" or len(text) > _LONGEST_ENTRY:
        return None
    match = _ENTRY.match(text)
    return match if match and match["title"].strip(" .·…-") else None


def _read_toc(front: Front, lines: Sequence[Line], rest: Sequence[Line]) -> None:
    known = USUAL_SECTIONS | frozenset(_header_names(rest))
    section, pending, first = "", "", 0
    for line in lines:
        name = _toc_section(line.text, known)
        if name is not None or (pending and _ITEM.match(line.text)):
            _add_entry(front, section, pending, first)
            pending = ""
        if name is not None:
            section = name
            continue
        first = first if pending else line.number
        pending += (glue(pending, line.text, spaced=True) if pending else "") + line.text
        if _entry(pending):
            _add_entry(front, section, pending, first)
            pending = ""
    _add_entry(front, section, pending, first)


def _header_names(lines: Sequence[Line]) -> list[str]:
    """The names of sections: in brackets, else the highest of several levels of headings."""
    bracketed = [name for line in lines if (name := section_name(line.text, frozenset()))]
    found = [made for line in lines if (made := heading(line.text))]
    levels = {level for level, _ in found}
    if bracketed or len(levels) < 2:
        return bracketed
    return [text for level, text in found if level == min(levels)]


def _toc_section(text: str, known: frozenset[str]) -> str | None:
    if _CONTENTS.match(text):
        return ""
    if _entry(text):
        return None
    bullet = _BULLET.match(text)
    found = heading(text)
    if found:
        return found[1]
    if bullet:
        return bullet[1].strip()
    item = _ITEM.match(text)
    return section_name(item[1] if item else text, known)


def _add_entry(front: Front, section: str, text: str, line: int) -> None:
    match = _entry(text) if text else None
    title = match["title"] if match else text
    item = _ITEM.match(title)
    title = (item[1] if item else title).strip()
    if title:
        front.toc.append(TocEntry(section, title, int(match["page"]) if match else None))
        front.toc_lines.append(line)


def _toc_uses(lines: Sequence[Line]) -> Iterator[Use]:
    return (Use(line.number, Role.TOC, line.text) for line in lines)


def _body_start(
    lines: Sequence[Line], end: int, known: frozenset[str], newsletter: str | None
) -> int:
    for index in range(end, len(lines)):
        text = lines[index].text
        if section_name(text, known):
            return index
        if sourceline.starts(text) or is_finished(text):
            break
    return _after_known_front(lines, end, newsletter)


def _after_known_front(lines: Sequence[Line], end: int, newsletter: str | None) -> int:
    """Without a section header: only what is surely of the front is taken from the body."""
    position = end
    while position < len(lines):
        text = lines[position].text
        found = heading(text)
        if not (_is_front(text, newsletter) or (position == 0 and found and found[0] == 1)):
            return position
        position += 1
    return position


def _is_front(text: str, newsletter: str | None) -> bool:
    bare = text.strip("#* 《》")
    if bare == newsletter or _NUMBER.search(text[:60]) or _HOST.match(text):
        return True
    _, span = sourceline.find_date(text[:40])
    return span is not None and not (text[: span[0]] + text[span[1] : 40]).strip(" （）()")


def _read_cover(front: Front, lines: Sequence[Line], newsletter: str | None) -> None:
    masthead = _masthead_index(lines, newsletter) if front.masthead is None else None
    index = 0
    while index < len(lines):
        host = _HOST.match(lines[index].text.replace("**", ""))
        if host and front.host is None:
            index = _read_host(front, lines, index, host[1].strip())
            continue
        _read_cover_line(front, lines[index], is_masthead=index == masthead)
        index += 1


def _masthead_index(lines: Sequence[Line], newsletter: str | None) -> int | None:
    texts = [line.text.strip("#*《》 ") for line in lines]
    named = [i for i, text in enumerate(texts) if newsletter and _together(text) == newsletter]
    if named:
        return named[0]
    for index, text in enumerate(texts):
        if _is_front(text, None) or _LABELLED.match(text) or sourceline.find_date(text)[1]:
            continue
        return index if text and columns(text) <= 40 and not is_finished(text) else None
    return None


def _read_cover_line(front: Front, line: Line, *, is_masthead: bool) -> None:
    if is_masthead:
        front.masthead = _together(line.text.strip("#* ").removeprefix("《").removesuffix("》"))
        front.uses.append(Use(line.number, Role.MASTHEAD, line.text))
        return
    number = _NUMBER.search(line.text)
    date, span = sourceline.find_date(line.text)
    front.number = front.number or (number[0].strip() if number else None)
    front.date = front.date or date
    if number and front.masthead is None:
        front.masthead = _beside(line.text, number)
    role = Role.NUMBER if number else Role.DATE if span else Role.UNPLACED
    front.uses.append(Use(line.number, role, line.text))


def _beside(text: str, number: re.Match[str]) -> str | None:
    """The name that stands on one line with the number."""
    name = (text[: number.start()] + text[number.end() :]).strip("#*《》·|｜—- \u3000")
    return name if re.fullmatch(rf"[{HAN}A-Za-z ]{{2,20}}", name) else None


def _read_host(front: Front, lines: Sequence[Line], index: int, name: str) -> int:
    front.uses.append(Use(lines[index].number, Role.HOST, lines[index].text))
    index += 1
    if not name and index < len(lines):
        name = lines[index].text
        front.uses.append(Use(lines[index].number, Role.HOST, lines[index].text))
        index += 1
    also = _ALSO.match(lines[index].text) if index < len(lines) else None
    if also:
        front.uses.append(Use(lines[index].number, Role.HOST, lines[index].text))
        index += 1
    front.host = Host(name, also[1].strip() if also else None) if name else None
    return index


def _together(text: str) -> str:
    """A name set with a space between all its characters, as one word."""
    return re.sub(r"[ \u3000]+", "", text) if _SPREAD.match(text) else text
