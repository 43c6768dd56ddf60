"""Recurring slots: short months, changes of the clock, and what staff may write."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest

from dongtai_mail.issues import slots

BEIJING = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
FORTNIGHT = [slots.slot("1, 16", "9:00")]


def _upcoming(which, zone, after, count=3) -> list[str]:
    found = slots.upcoming(which, zone, datetime.datetime.fromisoformat(after), count)
    return [at.isoformat() for at in found]


def test_the_next_slots_of_a_fortnightly():
    assert _upcoming(FORTNIGHT, BEIJING, "2026-12-02T00:00+08:00") == [
        "2026-12-16T09:00:00+08:00",
        "2027-01-01T09:00:00+08:00",
        "2027-01-16T09:00:00+08:00",
    ]


def test_a_slot_that_begins_now_is_over():
    assert _upcoming(FORTNIGHT, BEIJING, "2026-12-01T09:00+08:00", 1) == [
        "2026-12-16T09:00:00+08:00"
    ]
    assert _upcoming(FORTNIGHT, BEIJING, "2026-12-01T08:59+08:00", 1) == [
        "2026-12-01T09:00:00+08:00"
    ]


def test_now_is_read_in_the_publications_zone():
    assert _upcoming(FORTNIGHT, BEIJING, "2026-11-30T16:30+00:00", 1) == [
        "2026-12-01T09:00:00+08:00"
    ]


def test_a_day_that_a_month_lacks_is_its_last():
    assert _upcoming([slots.slot("31", "9:00")], BEIJING, "2027-01-31T12:00+08:00") == [
        "2027-02-28T09:00:00+08:00",
        "2027-03-31T09:00:00+08:00",
        "2027-04-30T09:00:00+08:00",
    ]
    assert _upcoming([slots.slot("31", "9:00")], BEIJING, "2028-02-01T00:00+08:00", 1) == [
        "2028-02-29T09:00:00+08:00"
    ]


def test_two_days_that_fall_together_are_one_slot():
    end = [slots.slot("29, 30, 31", "9:00"), slots.slot("31", "9:00")]
    assert _upcoming(end, BEIJING, "2027-02-01T00:00+08:00", 2) == [
        "2027-02-28T09:00:00+08:00",
        "2027-03-29T09:00:00+08:00",
    ]


def test_several_slots_stand_in_order():
    both = [slots.slot("16", "20:00"), slots.slot("16", "7:30")]
    assert _upcoming(both, BEIJING, "2026-12-02T00:00+08:00", 2) == [
        "2026-12-16T07:30:00+08:00",
        "2026-12-16T20:00:00+08:00",
    ]


def test_the_wall_clock_stays_when_summer_time_begins_and_ends():
    days = [slots.slot("1", "9:00")]
    assert _upcoming(days, BERLIN, "2027-03-01T00:00+01:00", 2) == [
        "2027-03-01T09:00:00+01:00",
        "2027-04-01T09:00:00+02:00",
    ]


def test_a_time_that_is_left_out_is_as_much_later():
    spring = [slots.slot("28", "2:30")]
    assert _upcoming(spring, BERLIN, "2027-03-27T00:00+01:00", 1) == ["2027-03-28T03:30:00+02:00"]


def test_a_time_that_comes_twice_is_the_first():
    autumn = [slots.slot("31", "2:30")]
    assert _upcoming(autumn, BERLIN, "2027-10-30T00:00+02:00", 1) == ["2027-10-31T02:30:00+02:00"]


def test_no_slots_have_no_next():
    assert slots.upcoming([], BEIJING, datetime.datetime.now(datetime.UTC), 3) == []


@pytest.mark.parametrize(
    ("days", "time", "kept"),
    [
        ("16，1", "9:00", {"days": [1, 16], "time": "09:00"}),
        ("1日、16日", "09：05", {"days": [1, 16], "time": "09:05"}),
        (" 31 ", " 23:59 ", {"days": [31], "time": "23:59"}),
    ],
)
def test_what_staff_write_is_understood(days, time, kept):
    assert slots.slot(days, time) == kept


@pytest.mark.parametrize(
    ("days", "time"),
    [
        ("0", "9:00"),
        ("32", "9:00"),
        ("", "9:00"),
        ("a", "9:00"),
        ("1", "24:00"),
        ("1", ""),
        ("²", "9:00"),
    ],
)
def test_what_makes_no_sense_is_explained(days, time):
    with pytest.raises(slots.SlotError, match="请写成"):
        slots.slot(days, time)
