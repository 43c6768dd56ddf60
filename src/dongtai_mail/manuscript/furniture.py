"""Furniture: running heads, page numbers and rules, which belong to the sheet, not to the text.

Owns: their recognition.
Promises: linear in the lines; each line taken for furniture is reported. A head or a
number is taken only on two grounds together: it looks like one, and it comes back or stands at a
page's edge.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from dongtai_mail.content import Finding, Severity
from dongtai_mail.manuscript import sourceline
from dongtai_mail.manuscript.model import Line, Role
from dongtai_mail.manuscript.script import is_finished, shortened

_DASHES = "-—–―－·•~～*_|"
_MAY_BEGIN = frozenset(_DASHES + "第Pp〔[")
_BARE = re.compile(r"\d{1,4}")
_DECORATED = re.compile(
    rf"(?:[{_DASHES}]+\s*\d{{1,4}}\s*[{_DASHES}]+|第\s*\d{{1,4}}\s*页(?:[\s,，/／]*共\s*\d{{1,4}}\s*页)?"
    r"|[Pp]age\s*\d{1,4}(?:\s*of\s*\d{1,4})?|\d{1,4}\s*[/／]\s*\d{1,4}|[〔\[]\s*\d{1,4}\s*[〕\]])"
)
_RULE = re.compile(r"([-*_=~─━—])(?:\s*\1){2,}")
_ISSUE_NUMBER = re.compile(r"(?:\d{4}\s*年\s*)?(?:总\s*)?第\s*\d+\s*期")
_DIGITS = re.compile(r"\d+")
_SIDE_NUMBER = re.compile(r"^\d{1,4}\s{2,}|\s{2,}\d{1,4}$|[\s|—-]+第?\s*\d{1,4}\s*页?$")
_NEWSLETTER = re.compile(r"《([^《》]{2,20})》\s*编辑部")
_DATE_PIECE = re.compile(r"[\d\s年月日号./-]+")
_LONGEST = 60
_LONGEST_NUMBER = 40
_STRUCTURE = re.compile(
    r"[【●#|>+]|[-*•]\s|\d{1,3}[.、]|内容简介|主办|承办|协办|目\s*录|地址|邮|电话"
)


def newsletter_name(lines: Iterable[Line]) -> str | None:
    """The newsletter as its own source lines name it most often: 《name》编辑部."""
    counts: dict[str, int] = defaultdict(int)
    for line in lines:
        if "编辑部" in line.text:
            for name in _NEWSLETTER.findall(line.text):
                counts[name] += 1
    return max(counts, key=lambda name: counts[name]) if counts else None


def find(lines: Sequence[Line], name: str | None) -> dict[int, Role]:
    """Indexes of the lines that are furniture."""
    taken = _running_heads(lines, name)
    taken.update(_page_numbers(lines, taken))
    taken.update(_lone_heads(lines, taken, name))
    taken.update((i, Role.RULE) for i, line in enumerate(lines) if _RULE.fullmatch(line.text))
    return taken


def findings(lines: Sequence[Line], taken: dict[int, Role]) -> list[Finding]:
    """One finding for each running head and one for all page numbers."""
    groups: dict[tuple[Role, str], list[Line]] = defaultdict(list)
    for index, role in taken.items():
        text = _DIGITS.sub("#", lines[index].text) if role is Role.RUNNING_HEAD else ""
        groups[role, text].append(lines[index])
    return [_finding(role, group) for (role, _), group in groups.items()]


def _finding(role: Role, group: list[Line]) -> Finding:
    shown = "、".join(str(line.number) for line in group[:8]) + ("等" if len(group) > 8 else "")
    if role is Role.PAGE_NUMBER:
        message = f"第 {shown} 行共 {len(group)} 处页码，没有放进正文。"
        return Finding("page-number", Severity.INFO, message, group[0].number)
    if role is Role.RULE:
        message = f"第 {shown} 行共 {len(group)} 条分隔线，没有放进正文。"
        return Finding("rule-line", Severity.INFO, message, group[0].number)
    message = (
        f"“{shortened(group[0].text)}”在第 {shown} 行共出现 {len(group)} 次，"
        "按页眉页脚处理，没有放进正文。"
    )
    return Finding("running-head", Severity.INFO, message, group[0].number)


def _running_heads(lines: Sequence[Line], name: str | None) -> dict[int, Role]:
    return {
        index: Role.RUNNING_HEAD
        for key, group in _repeated(lines)
        if len(group) > 1 and _runs(lines, key, group, name)
        for index in group[_cover(lines, group) :]
    }


def _repeated(lines: Sequence[Line]) -> Iterator[tuple[str, list[int]]]:
    """The short lines that stand more than once, their numbers aside."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, line in enumerate(lines):
        if len(line.text) <= _LONGEST:
            groups[_key(line.text)].append(index)
    for key, group in groups.items():
        if len(group) > 1:
            yield key, [index for index in group if _may_run(lines[index].text)]


def _may_run(text: str) -> bool:
    if is_finished(text) or _STRUCTURE.match(text):
        return False
    if "编辑部" in text or _DATE_PIECE.fullmatch(text):
        return False
    return not (_is_number(text) or sourceline.starts(text) or sourceline.ends_with_date(text))


def _key(text: str) -> str:
    if text[-1] == "页" or text[-1].isdecimal() or text[0].isdecimal():
        text = _SIDE_NUMBER.sub("", text)
    return _DIGITS.sub("#", text)


def _runs(lines: Sequence[Line], key: str, group: list[int], name: str | None) -> bool:
    if name and name in key and len(key) <= len(name) + 24:
        return True
    if len(group) < 3 or len(key) < 2:
        return False
    at_edges = sum(_at_edge(lines, index) for index in group)
    return at_edges * 2 >= len(group) or any(_interrupts(lines, index) for index in group[1:])


def _cover(lines: Sequence[Line], group: list[int]) -> int:
    """1 where the first of the group is the masthead on the cover itself."""
    first = group[0]
    return int(first < 5 and not any(is_finished(line.text) for line in lines[:first]))


def _at_edge(lines: Sequence[Line], index: int) -> bool:
    near = lines[max(0, index - 1) : index + 2]
    return any(_is_number(line.text) for line in near) or any(
        line.new_page for line in lines[index : index + 2]
    )


def _interrupts(lines: Sequence[Line], index: int) -> bool:
    before = lines[index - 1].text
    if len(before) <= 24 or is_finished(before) or "源" in before:
        return False
    return not sourceline.ends_with_date(before)


def _lone_heads(lines: Sequence[Line], taken: dict[int, Role], name: str | None) -> dict[int, Role]:
    """Heads that stand once, as in short files, but beside a page's number."""
    numbers = [index for index, role in taken.items() if role is Role.PAGE_NUMBER]
    near = {index + step for index in numbers for step in (-1, 1)} - taken.keys()
    return {
        index: Role.RUNNING_HEAD
        for index in near
        if 0 < index < len(lines) and _is_head(lines[index].text, name)
    }


def _is_head(text: str, name: str | None) -> bool:
    rest = _ISSUE_NUMBER.sub("", text).replace(name or "", "")
    return len(text) <= _LONGEST and not rest.strip(_DASHES + " 《》（）()")


def _is_number(text: str) -> bool:
    if len(text) > _LONGEST_NUMBER or not (text[0] in _MAY_BEGIN or text[0].isdecimal()):
        return False
    return bool(_BARE.fullmatch(text) or _DECORATED.fullmatch(text))


def _page_numbers(lines: Sequence[Line], heads: dict[int, Role]) -> dict[int, Role]:
    found = [index for index, line in enumerate(lines) if _is_number(line.text)]
    decorated = {index for index in found if _DECORATED.fullmatch(lines[index].text)}
    return {
        index: Role.PAGE_NUMBER
        for position, index in enumerate(found)
        if index in decorated or _beside(lines, heads, index) or _counts_on(lines, found, position)
    }


def _beside(lines: Sequence[Line], heads: dict[int, Role], index: int) -> bool:
    following = lines[index + 1] if index + 1 < len(lines) else None
    if lines[index].new_page or following is None or following.new_page:
        return True
    return index - 1 in heads or index + 1 in heads


def _counts_on(lines: Sequence[Line], found: list[int], position: int) -> bool:
    """Whether the neighbours among the bare numbers are one less or one more."""
    own = _value(lines[found[position]].text)
    around = [found[i] for i in (position - 1, position + 1) if 0 <= i < len(found)]
    return any(abs(_value(lines[index].text) - own) == 1 for index in around)


def _value(text: str) -> int:
    match = _DIGITS.search(text)
    return int(match[0]) if match else -9
