"""A mailing as it goes, for its page: by state, by provider, how fast, how long yet, and why not.

Promises: nothing here reads the deliveries one by one, so that a million of them cost no more than
ten; without Redis the page is only without rates and pauses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import redis
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dongtai_mail.delivery import gauges, mailings, pace
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.delivery.pace import Pace
from dongtai_mail.desk import words
from subscribers.models import SubscriberList

State = Delivery.State
# Begun and not over, whether or not anything goes out at the moment.
UNDER_WAY = (Mailing.State.SENDING, Mailing.State.PAUSED, Mailing.State.STOPPED)
LANES_SHOWN = 20
# A part of the bar is marked with its shape from so many per cent on, and with its word.
LEAST_SHAPE, LEAST_WORD = 6, 25


@dataclass(frozen=True, slots=True)
class Part:
    """One state in the ledger and its part of the bar, in per cent from the left."""

    word: words.Word
    count: int
    start: float
    share: float

    @property
    def middle(self) -> float:
        return round(self.start + self.share / 2, 3)

    @property
    def label(self) -> str:
        """As much as there is room for on a phone."""
        if self.share < LEAST_SHAPE:
            return ""
        return self.word.shape if self.share < LEAST_WORD else f"{self.word.shape} {self.word.word}"


@dataclass(frozen=True, slots=True)
class Lane:
    """A receiving provider; ``name`` is "" for all the small ones together."""

    name: str
    ledger: Mapping[str, int]
    rate: float
    pace: Pace

    @property
    def total(self) -> int:
        return sum(self.ledger.values())

    @property
    def waiting(self) -> int:
        return self.ledger["queued"] + self.ledger["leased"]

    @property
    def other(self) -> int:
        """Whatever has no column of its own; with the columns it adds up to ``total``."""
        return self.ledger["suppressed"] + self.ledger["unconfirmed"] + self.ledger["cancelled"]

    @property
    def per_minute(self) -> int:
        return round(self.rate)

    @property
    def paused_minutes(self) -> int:
        return math.ceil(self.pace.paused_for / 60)

    @property
    def percent(self) -> int:
        return round(100 * self.pace.factor)


@dataclass(frozen=True, slots=True)
class Progress:
    parts: list[Part]
    ledger: dict[str, int]
    lanes: list[Lane]
    blind: bool
    over: bool

    @property
    def total(self) -> int:
        return sum(self.ledger.values())

    @property
    def used(self) -> list[Part]:
        """The states that anybody is in, for the equation."""
        return [part for part in self.parts if part.count]

    @property
    def rest(self) -> int:
        return self.ledger["queued"] + self.ledger["deferred"]

    @property
    def settled(self) -> int:
        """What nothing more happens to by itself."""
        doubtful = 0 if self.over else self.ledger["unconfirmed"]
        return self.total - self.rest - self.ledger["leased"] - doubtful

    @property
    def missed(self) -> int:
        return self.total - self.ledger["accepted"]

    @property
    def per_minute(self) -> int:
        return round(sum(lane.rate for lane in self.lanes))

    @property
    def minutes_left(self) -> float | None:
        """How long the slowest provider still needs at its rate; None when nobody knows."""
        known = [lane.waiting / lane.rate for lane in self.lanes if lane.waiting and lane.rate]
        return max(known, default=None)

    @property
    def time_left(self) -> str:
        return duration(self.minutes_left) if self.minutes_left is not None else ""

    @property
    def resting(self) -> list[Lane]:
        """Providers that are paused by themselves and still have readers waiting."""
        return [lane for lane in self.lanes if lane.pace.paused_for and lane.waiting]


def progress(mailing: Mailing) -> Progress:
    by_lane = mailings.ledger_by_lane(mailing)
    ledger = {state.name.lower(): 0 for state in State}
    for counts in by_lane.values():
        for name, count in counts.items():
            ledger[name] += count
    rates, paces = _told(mailing, list(by_lane))
    lanes = [
        Lane(name, counts, rates.get(name, 0.0), paces.get(name, Pace()))
        for name, counts in by_lane.items()
    ]
    lanes.sort(key=lambda lane: (not lane.name, -lane.waiting, -lane.total, lane.name))
    return Progress(_parts(ledger), ledger, lanes, blind=not paces, over=mailing.over)


def _told(mailing: Mailing, lanes: list[str]) -> tuple[dict[str, float], dict[str, Pace]]:
    """What workers say; nothing of a mailing that is over, or while Redis is away."""
    if mailing.over:
        return {}, {lane: Pace() for lane in lanes}
    try:
        client = pace.client()
        return gauges.rates(client, mailing.pk), pace.paces(client, lanes)
    except redis.RedisError:
        return {}, {}


def _parts(ledger: Mapping[str, int]) -> list[Part]:
    total, start, parts = sum(ledger.values()), 0.0, []
    for state, word in words.DELIVERIES.items():
        count = ledger[state.name.lower()]
        share = 100 * count / total if total else 0.0
        parts.append(Part(word, count, round(start, 3), round(share, 3)))
        start += share
    return parts


def duration(minutes: float) -> str:
    """Roughly, as people say it."""
    whole = max(1, math.ceil(minutes))
    if whole < 90:
        return ngettext("约 %(count)s 分钟", "约 %(count)s 分钟", whole) % {"count": whole}
    hours = round(whole / 60)
    return ngettext("约 %(count)s 小时", "约 %(count)s 小时", hours) % {"count": hours}


@dataclass(frozen=True, slots=True)
class Stage:
    """``css`` and ``shape`` as of ``words.Word``; ``size`` is None before the start."""

    name: str
    size: int | None
    word: words.Word


def stages(mailing: Mailing) -> list[Stage]:
    slugs = [stage["list"] for stage in mailing.stages if "list" in stage]
    names = dict(SubscriberList.objects.filter(slug__in=slugs).values_list("slug", "name"))
    rows = []
    for number, stage in enumerate(mailing.stages):
        slug = stage.get("list")
        name = names.get(slug, slug) if slug else _part_name(stage["percent"])
        rows.append(Stage(name, stage.get("size"), _stage_word(mailing, number)))
    return rows


def _part_name(percent: float) -> str:
    return _("全部") if percent == 100 else f"{percent:g} %"


def _stage_word(mailing: Mailing, number: int) -> words.Word:
    if mailing.started_at is None or number > mailing.stage:
        return words.STAGE_AHEAD
    if number < mailing.stage or mailing.state == Mailing.State.FINISHED:
        return words.STAGE_OVER
    return words.STAGE_OPEN if mailing.stage_over_at is None else words.STAGE_WAITS
