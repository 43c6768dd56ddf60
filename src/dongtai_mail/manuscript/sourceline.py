"""Source lines: 来源, 编选 and a date, in the ways that hands write them.

Owns: the grammar of a source line and of dates in Chinese text.
Promises: the line as printed is kept; what it says is read from a normalised copy. A date that
the calendar does not have is told apart from no date.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from functools import lru_cache

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    "Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    "|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?"
)
_DIGITS = "〇零一二三四五六七八九"
_DATE = re.compile(
    r"(?<!\d)(?P<year>\d{4})\s*(?:年|[-/.])\s*(?P<month>\d{1,2})\s*(?:月|[-/.])\s*"
    r"(?P<day>\d{1,2})(?!\d)\s*[日号]?"
)
_HAN_DATE = re.compile(
    r"(?P<year>[〇零○一二三四五六七八九]{4})\s*年\s*(?P<month>[一二三四五六七八九十]{1,2})\s*月\s*"
    r"(?P<day>[一二三四五六七八九十]{1,3})\s*[日号]"
)
_COMPACT = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?!\d)"
)
_ENGLISH = re.compile(
    rf"(?<![A-Za-z\d])(?:(?P<month>{_MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?"
    rf"|(?P<day_first>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<month_next>{_MONTH})\.?,?)"
    r"\s+(?P<year>\d{4})(?!\d)",
    re.I,
)
_WEEKDAY = re.compile(r"[(（]\s*(?:星期|周)[一二三四五六日天]\s*[)）]|星期[一二三四五六日天]")
_LABEL = r"(?:信息|稿件|文章|资料)?[来來]\s*源\s*[:：]"
_START = re.compile(rf"^[(（\[【>*_\s—-]{{0,6}}{_LABEL}")
_INLINE = re.compile(rf"(?:(?<=[。！？!?…”）)*])|(?<=\s))[(（\[【*]{{0,3}}{_LABEL}")
_COMPILER = re.compile(r"(?:[编編]\s*[选選]|选\s*编|编\s*译|摘\s*编|整\s*理)(?:\s*者)?\s*[:：]")
_LINK = re.compile(r"\[([^\[\]]{1,100})\]\(https?://[^\s()]{1,500}\)")
_EDGES = " \t\u3000,，;；、|｜·/*_>"
_QUOTES = ("“”", '""', "”“", "「」", "『』", "‘’", "''", "””", "““")
_FULL_WIDTH = re.compile("[\uff0d-\uff19]")
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_DATE_ENDS = frozenset("日号0123456789０１２３４５６７８９")
_INLINE_LONGEST = 160


@dataclass(frozen=True, slots=True)
class SourceLine:
    """What a source line says; ``impossible`` tells of a date that the calendar lacks."""

    source: str | None
    compiler: str | None
    date: datetime.date | None
    impossible: bool = False


def starts(text: str) -> bool:
    """Whether the text is a source line from its start."""
    return "源" in text and _START.match(text) is not None


def inline_start(text: str) -> int:
    """Where a source line begins at the end of a body paragraph, or -1."""
    tail = max(0, len(text) - _INLINE_LONGEST)
    if text.find("源", tail) < 0:
        return -1
    last = -1
    for match in _INLINE.finditer(text, tail):
        last = match.start()
    return last if last > 0 and _ends_as_source(text[last:]) else -1


def ends_with_date(text: str) -> bool:
    return text[-1:] in _DATE_ENDS and _date_in(_plain(text[-40:]), at_end=True) is not None


@lru_cache(maxsize=1024)
def parse(text: str) -> SourceLine:
    """What a source line as printed says."""
    said = _LINK.sub(r"\1", _unwrapped(_START.sub("", text, count=1), text))
    said = _WEEKDAY.sub(" ", said)
    match = _date_in(_plain(said))
    rest = said if match is None else said[: match.start()] + " " + said[match.end() :]
    source, compiler = _parties(rest)
    date = None if match is None else _calendar(match)
    return SourceLine(source, compiler, date, impossible=match is not None and date is None)


def names_compiler(text: str, wrap: int) -> bool:
    """Whether 编选： stands at the wrap, or is divided by it."""
    match = _COMPILER.search(text)
    return match is not None and match.start() <= wrap < match.end()


def find_date(text: str) -> tuple[datetime.date | None, tuple[int, int] | None]:
    """The last date in a text and where it stands; a date out of the calendar is None."""
    match = _date_in(_plain(text))
    return (None, None) if match is None else (_calendar(match), match.span())


def unquoted(text: str) -> str:
    """A name without the quotes around the whole of it; 《》 belong to the name."""
    stripped = text.strip(_EDGES)
    for pair in _QUOTES:
        inner = stripped[1:-1]
        if len(stripped) > 2 and stripped[0] + stripped[-1] == pair and pair[0] not in inner:
            return inner.strip()
    return stripped


def _ends_as_source(tail: str) -> bool:
    rest = _START.sub("", tail, count=1).strip()
    if ends_with_date(rest.rstrip("）)】]*。 ")):
        return True
    return rest[:1] in tuple('《“"「『‘') and "。" not in rest.rstrip("。") and len(rest) < 60


def _plain(text: str) -> str:
    """Full-width digits and signs as ASCII ones, character for character."""
    return text.translate(_HALF_WIDTH) if _FULL_WIDTH.search(text) else text


def _unwrapped(rest: str, whole: str) -> str:
    if whole.lstrip("*_> ")[:1] in tuple("（([【") and rest.rstrip("*_ 。")[-1:] in tuple("）)]】"):
        return rest.rstrip("*_ 。")[:-1]
    return rest


def _date_in(plain: str, *, at_end: bool = False) -> re.Match[str] | None:
    last = None
    for pattern in (_ENGLISH, _COMPACT, _HAN_DATE, _DATE):
        for match in pattern.finditer(plain):
            last = match
    if last is None or (at_end and plain[last.end() :].strip()):
        return None
    return last


def _calendar(match: re.Match[str]) -> datetime.date | None:
    said = match.groupdict()
    month, day = (
        said["month"] or said.get("month_next", ""),
        said["day"] or said.get("day_first", ""),
    )
    try:
        return datetime.date(_number(said["year"]), _number(month), _number(day))
    except ValueError:
        return None


def _number(text: str) -> int:
    if text.isdigit():
        return int(text)
    if text[:3].lower() in _MONTHS:
        return _MONTHS.index(text[:3].lower()) + 1
    if "十" not in text:
        return int("".join(str(max(0, _DIGITS.find(char) - 1)) for char in text))
    tens, _, ones = text.partition("十")
    return 10 * (_number(tens) if tens else 1) + (_number(ones) if ones else 0)


def _parties(rest: str) -> tuple[str | None, str | None]:
    match = _COMPILER.search(rest)
    if match is None:
        return unquoted(rest) or None, None
    return unquoted(rest[: match.start()]) or None, unquoted(rest[match.end() :]) or None
