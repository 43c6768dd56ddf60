"""What came of a mailing: shares, days, providers, lists, and how earlier issues did.

Promises: every number comes from the rows that are the truth, or from the tallies that the database
keeps of them; none costs more for a larger audience. Percentages are
of what they are named for: bounces of all that was handed over or refused for good, complaints
and unsubscribes of what was accepted.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Count, Min, QuerySet, Sum
from django.db.models.functions import TruncDate, TruncDay, TruncHour

from dongtai_mail.database import one_moment
from dongtai_mail.delivery import mailings
from dongtai_mail.delivery.mailings import Ledger
from dongtai_mail.delivery.models import Delivery, Mailing, ReturnedMessage, Tally
from dongtai_mail.issues.models import ClickCount, EditionLink, Publication
from subscribers.models import SubscriberList, Subscription, SubscriptionEvent

# After so many days, what readers do is hardly about this mailing any more.
DAYS = 30
EARLIER = 8
# How many on each day.
Daily = Counter[datetime.date]
_LEFT = Subscription.State.UNSUBSCRIBED
State = Delivery.State


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums of one mailing; shares are of one, None where there is nothing to divide by."""

    mailing: Mailing
    targeted: int
    accepted: int
    bounced: int
    complaints: int
    unsubscribes: int

    @property
    def accepted_share(self) -> float | None:
        return _share(self.accepted, self.targeted)

    @property
    def bounced_share(self) -> float | None:
        return _share(self.bounced, self.accepted + self.bounced)

    @property
    def complaint_share(self) -> float | None:
        return _share(self.complaints, self.accepted)

    @property
    def unsubscribe_share(self) -> float | None:
        return _share(self.unsubscribes, self.accepted)


@dataclass(frozen=True, slots=True)
class Row:
    """A provider's or a list's part; ``name`` is "" for all small providers together."""

    name: str
    targeted: int
    accepted: int
    bounced: int
    other: int

    @property
    def share(self) -> float | None:
        return _share(self.accepted, self.targeted)


@dataclass(frozen=True, slots=True)
class Day:
    day: datetime.date
    bounced: int
    complaints: int
    unsubscribes: int


@dataclass(frozen=True, slots=True)
class Hour:
    hour: datetime.datetime
    accepted: int


@dataclass(frozen=True, slots=True)
class Clicks:
    """How often links were followed, the most followed first; of the edition, not of a mailing."""

    total: int
    sections: list[tuple[str, int]]
    items: list[tuple[str, int]]
    sources: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Report:
    figures: Figures
    hours: list[Hour]
    days: list[Day]
    providers: list[Row]
    lists: list[Row]
    earlier: list[Figures]
    clicks: Clicks | None


def report(mailing: Mailing) -> Report:
    """All of one moment: mail that is going out meanwhile is in every sum or in none."""
    with one_moment():
        complained, left = _complaint_days(mailing), _leaving_days(mailing)
        sums = _summed(mailing, mailings.ledger(mailing), complained.total(), left.total())
        return Report(
            figures=sums,
            hours=_hours(mailing),
            days=_days(mailing, complained, left),
            providers=_providers(mailing),
            lists=_lists(mailing),
            earlier=_earlier(sums),
            clicks=_clicks(mailing),
        )


def figures(mailing: Mailing) -> Figures:
    return _figures([mailing])[0]


def _figures(rows: Sequence[Mailing]) -> list[Figures]:
    """Those of several mailings at once, in their order."""
    ids = [row.pk for row in rows]
    ledgers = mailings.ledgers(ids)
    complaints = dict(
        _complaints(rows).values_list("delivery__mailing").annotate(count=Count("pk")).order_by()
    )
    return [
        _summed(
            row,
            ledgers[row.pk],
            complaints.get(row.pk, 0),
            _unsubscribes(row).values("subscription").distinct().count(),
        )
        for row in rows
    ]


def _summed(mailing: Mailing, ledger: Ledger, complaints: int, unsubscribes: int) -> Figures:
    return Figures(
        mailing=mailing,
        targeted=mailing.targeted,
        accepted=ledger["accepted"],
        bounced=ledger["bounced"],
        complaints=complaints,
        unsubscribes=unsubscribes,
    )


def latest(publication: Publication, at_most: int) -> list[Figures]:
    """The last mailings that began, the newest first."""
    begun = Mailing.objects.filter(
        subscriber_list__publication=publication, started_at__isnull=False
    ).select_related("edition__issue__publication", "subscriber_list")
    return _figures(list(begun.order_by("-started_at")[:at_most]))


def lines(said: Report) -> Iterator[list[str]]:
    """The report as a table for spreadsheets: what, of which, and the number."""
    sums = said.figures
    yield ["part", "name", "measure", "value"]
    for name in ("targeted", "accepted", "bounced", "complaints", "unsubscribes"):
        yield ["mailing", str(sums.mailing.pk), name, str(getattr(sums, name))]
    for part, rows in (("provider", said.providers), ("list", said.lists)):
        for row in rows:
            for name in ("targeted", "accepted", "bounced", "other"):
                yield [part, row.name or "others", name, str(getattr(row, name))]
    if said.clicks:
        for part in ("sections", "items", "sources"):
            for name, count in getattr(said.clicks, part):
                yield [part, name, "clicks", str(count)]
    for hour in said.hours:
        yield ["hour", hour.hour.isoformat(), "accepted", str(hour.accepted)]
    for day in said.days:
        for name in ("bounced", "complaints", "unsubscribes"):
            yield ["day", day.day.isoformat(), name, str(getattr(day, name))]


def _complaints(rows: Sequence[Mailing]) -> QuerySet[ReturnedMessage]:
    return ReturnedMessage.objects.filter(
        delivery__mailing__in=[row.pk for row in rows], effect=ReturnedMessage.Effect.COMPLAINED
    )


def _unsubscribes(mailing: Mailing) -> QuerySet[SubscriptionEvent]:
    """Each time that somebody left by the mailing's own links, or by a letter about it."""
    if mailing.started_at is None:
        return SubscriptionEvent.objects.none()
    until = mailing.started_at + datetime.timedelta(days=DAYS)
    return SubscriptionEvent.objects.filter(
        state=_LEFT, mailing=mailing.pk, at__range=(mailing.started_at, until)
    )


def _hours(mailing: Mailing) -> list[Hour]:
    """When mail was accepted."""
    counted = _tallied(mailing, State.ACCEPTED, TruncHour)
    return [Hour(hour, count) for hour, count in sorted(counted.items())]


def _tallied(
    mailing: Mailing, state: int, part: type[TruncHour] | type[TruncDay]
) -> dict[datetime.datetime, int]:
    """How many deliveries came into a state in each hour or day of the publication's zone."""
    rows = Tally.objects.filter(mailing=mailing, state=state, quarter__isnull=False)
    at = part("quarter", tzinfo=mailing.edition.issue.publication.zone)
    counted = rows.annotate(at=at).order_by().values_list("at").annotate(count=Sum("delta"))
    return dict(counted.filter(count__gt=0))


def _days(mailing: Mailing, complained: Daily, left: Daily) -> list[Day]:
    """From the first day on which anything came back to the last, none left out."""
    zone = mailing.edition.issue.publication.zone
    bounced = _tallied(mailing, State.BOUNCED, TruncDay)
    counts = [{at.date(): count for at, count in bounced.items()}, complained, left]
    days = {day for count in counts for day in count}
    if not days or mailing.started_at is None:
        return []
    first = min(*days, mailing.started_at.astimezone(zone).date())
    length = (max(days) - first).days + 1
    every = [first + datetime.timedelta(days=number) for number in range(length)]
    return [Day(day, *(count.get(day, 0) for count in counts)) for day in every]


def _complaint_days(mailing: Mailing) -> Daily:
    zone = mailing.edition.issue.publication.zone
    received = _complaints([mailing]).order_by().annotate(day=TruncDate("received_at", tzinfo=zone))
    return Counter(dict(received.values_list("day").annotate(count=Count("pk"))))


def _leaving_days(mailing: Mailing) -> Daily:
    """Of each reader, who may have come back and left again, the first day."""
    zone = mailing.edition.issue.publication.zone
    left = _unsubscribes(mailing).order_by().values("subscription")
    times = left.annotate(first=Min("at")).values_list("first", flat=True)
    return Counter(at.astimezone(zone).date() for at in times)


def _providers(mailing: Mailing) -> list[Row]:
    lanes = mailings.ledger_by_lane(mailing)
    rows = [_row(lane, ledger.items()) for lane, ledger in lanes.items()]
    return sorted(rows, key=lambda row: (not row.name, -row.targeted))


def _lists(mailing: Mailing) -> list[Row]:
    """By the list that each reader was found on."""
    own = mailing.subscriber_list
    found = Tally.objects.filter(mailing=mailing).order_by().values_list("subscriber_list", "state")
    lists: dict[int, list[tuple[str, int]]] = {}
    for pk, state, count in found.annotate(sum=Sum("delta")):
        lists.setdefault(pk or own.pk, []).append((State(state).name.lower(), count))
    names = SubscriberList.objects.in_bulk(list(lists))
    rows = (_row(names[pk].name if pk in names else "—", parts) for pk, parts in lists.items())
    return sorted(rows, key=lambda row: -row.targeted)


def _row(name: str, parts: Iterable[tuple[str, int]]) -> Row:
    counts = dict(parts)
    total, accepted = sum(counts.values()), counts.get("accepted", 0)
    bounced = counts.get("bounced", 0)
    return Row(name, total, accepted, bounced, total - accepted - bounced)


def _earlier(sums: Figures) -> list[Figures]:
    """The mailings before this one, of other issues, the oldest first; this one is the last."""
    mailing = sums.mailing
    if mailing.started_at is None:
        return []
    before = Mailing.objects.filter(
        subscriber_list__publication=mailing.subscriber_list.publication_id,
        started_at__lt=mailing.started_at,
        targeted__gt=0,
    ).exclude(edition__issue=mailing.edition.issue_id)
    rows = before.select_related("edition__issue__publication", "subscriber_list")
    newest = list(rows.order_by("-started_at")[: EARLIER - 1])
    return [*_figures(newest[::-1]), sums]


def _clicks(mailing: Mailing) -> Clicks | None:
    """None where the edition's links are not counted."""
    if not EditionLink.objects.filter(edition=mailing.edition_id).exists():
        return None
    rows = ClickCount.objects.filter(link__edition=mailing.edition_id)
    sections, items, sources = (
        list(
            rows.order_by()
            .values_list(f"link__{name}")
            .annotate(sum=Sum("count"))
            .order_by("-sum", f"link__{name}")
        )
        for name in ("section", "item", "source")
    )
    return Clicks(sum(count for _, count in sections), sections, items, sources)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
