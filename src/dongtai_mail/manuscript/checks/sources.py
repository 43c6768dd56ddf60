"""Source lines: every item names its source, who compiled it, and a date of this issue."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from dongtai_mail.content import Finding, Item, Severity
from dongtai_mail.manuscript import sourceline
from dongtai_mail.manuscript.model import Draft

_LABEL = re.compile(r"[来來]\s*源")
_PERIOD = datetime.timedelta(days=31)

_DIFFERENT = {
    "source": "来源行与“来源”一栏不同，读者看到的是来源行。请改成一样。",
    "compiler": "来源行与“编选”一栏不同，读者看到的是来源行。请改成一样。",
    "date": "来源行与“日期”一栏不同，读者看到的是来源行。请改成一样。",
}


def check(draft: Draft) -> Iterator[Finding]:
    middle = _middle([item.date for item in draft.issue.items if item.date])
    lines = zip(draft.issue.items, draft.item_lines, draft.source_lines, strict=True)
    for item, line, source_line in lines:
        if item.heading:
            continue
        if item.source_line is None:
            message = "这一条没有来源行。请在正文后补“来源：… 编选：… 年月日”。"
            yield Finding("source-missing", Severity.WARNING, message, line, item.title)
            continue
        yield from _parties(item, source_line)
        yield from _date(item, source_line, middle, draft.issue.date)
        yield from _agreement(item, source_line)


def _middle(dates: list[datetime.date]) -> datetime.date | None:
    return sorted(dates)[len(dates) // 2] if len(dates) >= 3 else None


def _parties(item: Item, line: int | None) -> Iterator[Finding]:
    if item.source and not item.compiler:
        message = f"来源是{item.source}，但没有写编选者。如果是本刊编选的，请补“编选：”。"
        yield Finding("compiler-missing", Severity.WARNING, message, line, item.title)
    said = sourceline.parse(item.source_line or "")
    if said.source is None:
        message = "来源行没有写出来源。请在“来源：”后补上。"
        yield Finding("source-unnamed", Severity.WARNING, message, line, item.title)


def _date(
    item: Item, line: int | None, middle: datetime.date | None, issued: datetime.date | None
) -> Iterator[Finding]:
    said = sourceline.parse(item.source_line or "")
    if said.impossible:
        message = "来源行的日期在日历上不存在。请核对。"
        yield Finding("date-impossible", Severity.ERROR, message, line, item.title)
    elif item.date is None and said.date is None:
        message = "来源行没有完整的日期。请补上年月日。"
        yield Finding("date-missing", Severity.WARNING, message, line, item.title)
    elif item.date is None:
        return
    elif issued and item.date > issued:
        message = f"日期 {item.date} 晚于出刊日期 {issued}。请核对。"
        yield Finding("date-outside-period", Severity.WARNING, message, line, item.title)
    elif middle and abs(item.date - middle) > _PERIOD:
        message = f"日期 {item.date} 离本期其他条目（{middle} 前后）太远。请核对年份和月份。"
        yield Finding("date-outside-period", Severity.WARNING, message, line, item.title)


def _agreement(item: Item, line: int | None) -> Iterator[Finding]:
    """Readers see the line; whoever mends a field beside it alone has mended nothing for them."""
    printed = item.source_line or ""
    said = sourceline.parse(printed)
    if said.impossible or len(_LABEL.findall(printed)) > 1:
        return
    for name, ours, theirs in (
        ("source", item.source, said.source),
        ("compiler", item.compiler, said.compiler),
    ):
        if ours and ours != theirs and ours not in printed:
            yield _differs(name, line, item.title)
    if item.date != said.date:
        yield _differs("date", line, item.title)


def _differs(name: str, line: int | None, title: str) -> Finding:
    return Finding("source-line-differs", Severity.WARNING, _DIFFERENT[name], line, title)
