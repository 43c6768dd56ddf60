"""What a publication's people want to know first: what goes out next, what is in its way, how the
last one went, whether the lists grow, and whether sending works.

Promises: a handful of queries whose cost doesn't grow with the lists' history; while Redis is away
the page stands and says so.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import redis
from django.db.models import Count, Q
from django.utils import timezone

from dongtai_mail.delivery import gauges, mailings, pace, reports, scheduling
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.delivery.reports import Figures
from dongtai_mail.desk.live import UNDER_WAY
from dongtai_mail.issues import editions, proofreading, reviewing, slots
from dongtai_mail.issues.models import Issue, Publication, Review
from subscribers import tally
from subscribers.models import ImportRun, Subscription, SubscriptionEvent

DAYS = 30
MOST_OTHERS = 3
_WAITING = ("queued", "leased", "deferred")


@dataclass(frozen=True, slots=True)
class Growth:
    """Readers now, and what the last days added and took; imports counted apart."""

    readers: int
    joined: int
    imported: int
    left: int


@dataclass(frozen=True, slots=True)
class Machines:
    """``workers`` is None while nobody can tell; ``resting`` are relays that some can't reach."""

    workers: int | None = None
    resting: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnderWay:
    """``per_minute`` is None while nobody can tell."""

    mailing: Mailing
    waiting: int
    per_minute: int | None


@dataclass(frozen=True, slots=True)
class Today:
    """``preparing`` is the issue that is not sent yet, ``review`` what holds of it now or, where
    nothing does, how it was returned.

    ``errors`` are those that keep it from review; ``held`` says that what is planned won't go out.
    ``others`` are other issues' reviews that wait for a reviewer, or for a sender.
    """

    publication: Publication
    planned: Mailing | None
    held: bool
    slot: datetime.datetime | None
    preparing: Issue | None
    errors: int
    review: Review | None
    others: list[Review]
    under_way: list[UnderWay]
    missed: list[Mailing]
    last: Figures | None
    growth: Growth
    machines: Machines


def today(publication: Publication) -> Today:
    ours = Mailing.objects.filter(subscriber_list__publication=publication).select_related(
        "edition__issue__publication", "subscriber_list"
    )
    preparing = _preparing(publication)
    planned = ours.filter(state=Mailing.State.SCHEDULED).order_by("scheduled_at").first()
    review = _review(preparing) if preparing else None
    holds = review is not None and review.state in reviewing.OPEN
    last = ours.filter(started_at__isnull=False).order_by("-started_at").first()
    return Today(
        publication=publication,
        planned=planned,
        held=planned is not None and _held(planned),
        slot=_slot(publication),
        preparing=preparing,
        errors=proofreading.proof(preparing).errors if preparing and not holds else 0,
        review=review,
        others=_others(publication, preparing),
        under_way=[_under_way(each) for each in ours.filter(state__in=UNDER_WAY)[:5]],
        missed=list(ours.filter(state=Mailing.State.MISSED)[:5]),
        last=reports.figures(last) if last else None,
        growth=_growth(publication),
        machines=_machines(),
    )


def _slot(publication: Publication) -> datetime.datetime | None:
    upcoming = slots.upcoming(publication.slots, publication.zone, timezone.now(), 1)
    return upcoming[0] if upcoming else None


def _preparing(publication: Publication) -> Issue | None:
    """The issue in hand, unless it has been sent or is about to be."""
    issue = editions.in_hand(publication)
    mailed = Mailing.objects.filter(edition__issue=issue).exclude(state=Mailing.State.CANCELLED)
    return None if issue is None or mailed.exists() else issue


def _review(issue: Issue) -> Review | None:
    standing = reviewing.standing(issue)
    last = standing or issue.reviews.first()
    return last if standing or (last and last.state == Review.State.RETURNED) else None


def _held(mailing: Mailing) -> bool:
    """Whether its approval has ended since it was planned, so that it won't start."""
    return scheduling.is_unapproved(mailing.edition, mailing.after)


def _others(publication: Publication, preparing: Issue | None) -> list[Review]:
    """Editors begin the next issue while one is still with reviewers or senders."""
    sent = Mailing.objects.filter(edition__issue__publication=publication)
    mailed = sent.exclude(state=Mailing.State.CANCELLED).values("edition__issue")
    waits = Q(state=Review.State.REQUESTED)
    waits |= Q(state=Review.State.APPROVED) & ~Q(issue__in=mailed)
    rows = Review.objects.filter(waits, issue__publication=publication)
    rows = rows.exclude(issue=preparing).select_related("issue__publication", "edition")
    return list(rows.order_by("-pk")[:MOST_OTHERS])


def _under_way(mailing: Mailing) -> UnderWay:
    ledger = mailings.ledger(mailing)
    try:
        rates = gauges.rates(pace.client(), mailing.pk)
    except redis.RedisError:
        rates = None
    rate = None if rates is None else round(sum(rates.values()))
    return UnderWay(mailing, sum(ledger[name] for name in _WAITING), rate)


def _growth(publication: Publication) -> Growth:
    since = timezone.now() - datetime.timedelta(days=DAYS)
    lists = list(publication.lists.values_list("pk", flat=True))
    events = (
        SubscriptionEvent.objects.filter(at__gte=since, subscription__subscriber_list__in=lists)
        .exclude(source="import")
        .exclude(source="reason")
    )
    counted = dict(events.order_by().values_list("state").annotate(count=Count("id")))
    joined = counted.pop(Subscription.State.CONFIRMED, 0)
    counted.pop(Subscription.State.PENDING, None)
    return Growth(
        readers=tally.counts(*lists)[Subscription.State.CONFIRMED],
        joined=joined,
        imported=_imported(lists, since),
        left=sum(counted.values()),
    )


def _imported(lists: list[int], since: datetime.datetime) -> int:
    runs = ImportRun.objects.filter(
        subscriber_list__in=lists, finished_at__gte=since, state=ImportRun.State.DONE
    )
    return sum(sum(int(run.counts.get(name, 0)) for name in ("new", "person")) for run in runs)


def _machines() -> Machines:
    try:
        client = pace.client()
        workers = gauges.told(client).workers
        paces = pace.paces(client, pace.lanes())
    except redis.RedisError:
        return Machines()
    resting = {relay for seen in workers.values() for relay, each in seen.items() if not each.fit}
    paused = (lane for lane, each in paces.items() if lane and each.paused_for > 0)
    return Machines(len(workers), tuple(sorted(resting)), tuple(paused))
