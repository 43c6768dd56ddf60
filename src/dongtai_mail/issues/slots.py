"""When a publication goes out: its recurring slots, as points in time.

Owns: the meaning of ``Publication.slots``, such as ``[{"days": [1, 16], "time": "09:00"}]``.
Promises: they are in the publication's zone; a day that a month doesn't have is its last day; a
time that a clock change leaves out is as much later as the clock is put forward, one that it
brings twice is the first. Fails: ``SlotError`` for slots that make no sense, with what to change.
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypedDict
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

MOST = 10
_TIME = re.compile(r"([01]?\d|2[0-3])[:：]([0-5]\d)")


class Slot(TypedDict):
    days: list[int]
    time: str


class SlotError(ValueError):
    """The slot makes no sense; the text says what to change."""


def slot(days: str, time: str) -> Slot:
    """What staff wrote as ``1, 16`` and ``9:00``."""
    numbers = re.split(r"[\s,，、;；]+", days.strip().replace("日", " ").replace("号", " ").strip())
    if not all(number.isdecimal() and 1 <= int(number) <= 31 for number in numbers):
        raise SlotError(_("日期请写成 1 到 31 的数，用逗号隔开，例如 1, 16。"))
    clock = _TIME.fullmatch(time.strip())
    if clock is None:
        raise SlotError(_("时间请写成 09:00 这样。"))
    return {
        "days": sorted(set(map(int, numbers))),
        "time": f"{int(clock[1]):02}:{clock[2]}",
    }


def upcoming(
    slots: Sequence[Slot], zone: ZoneInfo, after: datetime.datetime, count: int
) -> list[datetime.datetime]:
    """The next ``count`` moments later than ``after``, the nearest first, in the zone."""
    if not slots:
        return []
    later = (at for at in _moments(slots, zone, after) if at > after)
    return list(islice(later, count))


def _moments(
    slots: Sequence[Slot], zone: ZoneInfo, after: datetime.datetime
) -> Iterator[datetime.datetime]:
    """Month by month; every slot has a day in every month, so there always is a next one."""
    today = after.astimezone(zone).date()
    # From the month before: a clock change can move a moment past midnight.
    month = today.year * 12 + today.month - 2
    while True:
        year, number = divmod(month, 12)
        yield from sorted({at for each in slots for at in _in_month(each, zone, year, number + 1)})
        month += 1


def _in_month(each: Slot, zone: ZoneInfo, year: int, month: int) -> list[datetime.datetime]:
    last = calendar.monthrange(year, month)[1]
    clock = datetime.time.fromisoformat(each["time"])
    days = {min(day, last) for day in each["days"]}
    return [_local(datetime.date(year, month, day), clock, zone) for day in days]


def _local(day: datetime.date, clock: datetime.time, zone: ZoneInfo) -> datetime.datetime:
    """By way of UTC, which knows no hour that is left out."""
    meant = datetime.datetime.combine(day, clock, zone)
    return meant.astimezone(datetime.UTC).astimezone(zone)
