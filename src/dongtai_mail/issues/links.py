"""Whether the links of an issue lead anywhere: what is to be asked, and what the answers mean.

Owns: the rows of ``LinkCheck``. ``ask`` queues, a worker claims and settles, ``findings`` reads.
Promises: a host is asked by one worker at a time, an address once in a day (one that gave no clear
answer: once in an hour). What is only perhaps broken is never called broken: servers that refuse
machines (403, 429) or have a bad day (5xx) are uncertain.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from django.db.models import F, Min, Q, QuerySet
from django.utils import timezone

from dongtai_mail.content import Severity
from dongtai_mail.issues.fetching import LONGEST_URL, Problem
from dongtai_mail.issues.models import Issue, Item, LinkCheck

AGAIN = datetime.timedelta(hours=24)
UNCERTAIN_AGAIN = datetime.timedelta(hours=1)
LEASE = datetime.timedelta(minutes=3)
FORGOTTEN = datetime.timedelta(days=60)
AT_A_TIME = 10
_LINK = re.compile(r"\]\(<?(https?://(?:[^\s()<>]|\([^\s()<>]*\))+)", re.IGNORECASE)
_GONE = (404, 410)
_NO_SITE = (Problem.NO_SUCH_HOST.name, Problem.ADDRESS.name)


class Standing(Enum):
    UNCHECKED = "unchecked"
    FINE = "fine"
    UNCERTAIN = "uncertain"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Link:
    """An address in an issue and where it stands: ``span`` is its place in the field's text."""

    url: str
    item: Item
    field: str
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class LinkFinding:
    """A ``content.Finding`` with the place of the link."""

    code: str
    severity: Severity
    message: str
    item: str
    item_id: int
    field: str
    span: tuple[int, int]
    url: str


def ask(issue: Issue, items: Iterable[Item] | None = None) -> int:
    """Queue the issue's links that have no answer of late; how many wait now."""
    urls = {link.url for link in links(issue, items)}
    if not urls:
        return 0
    now = timezone.now()
    rows = LinkCheck.objects.filter(publication=issue.publication_id)
    known = {row.url: row for row in rows.filter(url__in=urls)}
    rows.bulk_create(
        (
            LinkCheck(publication_id=issue.publication_id, url=url, host=_host(url))
            for url in sorted(urls - known.keys())
        ),
        ignore_conflicts=True,
    )
    stale = [row.pk for row in known.values() if _stale(row, now)]
    rows.filter(pk__in=stale).update(asked_for_at=now)
    return waiting(issue, urls)


def waiting(issue: Issue, urls: set[str] | None = None) -> int:
    """How many links of the issue a worker has still to look at."""
    urls = {link.url for link in links(issue)} if urls is None else urls
    return _due(LinkCheck.objects.filter(publication=issue.publication_id, url__in=urls)).count()


def findings(issue: Issue, items: Iterable[Item] | None = None) -> list[LinkFinding]:
    """What is wrong with the issue's links, as far as they were looked at."""
    found = list(links(issue, items))
    rows = LinkCheck.objects.filter(
        publication=issue.publication_id, url__in={link.url for link in found}
    )
    checks = {row.url: row for row in rows}
    told = ((link, checks[link.url]) for link in found if link.url in checks)
    return [made for link, check in told if (made := _finding(link, check))]


def links(issue: Issue, items: Iterable[Item] | None = None) -> Iterator[Link]:
    """Every web address that readers of the issue can follow, in reading order.

    ``items`` are the issue's own, for whoever has them at hand.
    """
    if items is None:
        items = Item.objects.filter(section__issue=issue).order_by(
            "section__position", "section_id", "position", "pk"
        )
    for item in items:
        for match in _LINK.finditer(item.body):
            if len(match[1].encode()) <= LONGEST_URL:
                yield Link(match[1], item, "body", match.span(1))
        if item.cover_url:
            yield Link(item.cover_url, item, "cover_url", (0, len(item.cover_url)))


def standing(check: LinkCheck) -> Standing:
    if check.checked_at is None:
        return Standing.UNCHECKED
    if check.status in _GONE or check.error in (*_NO_SITE, Problem.NOT_PUBLIC.name):
        return Standing.DEAD
    if check.status is not None and check.status < 400:
        return Standing.FINE
    return Standing.UNCERTAIN


def due() -> bool:
    """Whether a worker has any link to look at."""
    return _free(timezone.now()).exists()


def claim(hosts: int) -> list[list[LinkCheck]]:
    """Links to look at, host by host; nobody else asks these hosts until they are settled."""
    now = timezone.now()
    named = _free(now).values("host").annotate(first=Min("asked_for_at")).order_by("first")
    claimed = [_claim_host(row["host"], now) for row in named[:hosts]]
    return [checks for checks in claimed if checks]


def _claim_host(host: str, now: datetime.datetime) -> list[LinkCheck]:
    until = timezone.now() + LEASE
    first = _free(now).filter(host=host).order_by("asked_for_at", "pk")[:AT_A_TIME]
    own = LinkCheck.objects.filter(pk__in=[row.pk for row in first])
    # Whoever else claims this host at this moment wants the same rows, and one of us gets them.
    own.filter(_unleased(now)).update(leased_until=until)
    return list(own.filter(leased_until=until).order_by("pk"))


def settle(check: LinkCheck, status: int | None, problem: Problem | None) -> None:
    """Write down what the server of a claimed link said, or why it said nothing."""
    LinkCheck.objects.filter(pk=check.pk).update(
        checked_at=timezone.now(),
        status=status,
        error=problem.name if problem else "",
        leased_until=None,
    )


def give_back(checks: Sequence[LinkCheck]) -> None:
    """Links that were claimed and not looked at."""
    LinkCheck.objects.filter(pk__in=[check.pk for check in checks]).update(leased_until=None)


def forget_old() -> None:
    LinkCheck.objects.filter(asked_for_at__lt=timezone.now() - FORGOTTEN).delete()


def _stale(check: LinkCheck, now: datetime.datetime) -> bool:
    if check.checked_at is None or check.checked_at < check.asked_for_at:
        return False
    again = UNCERTAIN_AGAIN if standing(check) is Standing.UNCERTAIN else AGAIN
    return check.checked_at < now - again


def _due(rows: QuerySet[LinkCheck]) -> QuerySet[LinkCheck]:
    return rows.filter(Q(checked_at=None) | Q(checked_at__lt=F("asked_for_at")))


def _free(now: datetime.datetime) -> QuerySet[LinkCheck]:
    busy = LinkCheck.objects.filter(leased_until__gte=now).values("host")
    return _due(LinkCheck.objects.filter(_unleased(now))).exclude(host__in=busy)


def _unleased(now: datetime.datetime) -> Q:
    return Q(leased_until=None) | Q(leased_until__lt=now)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "")[:255]
    except ValueError:
        return ""


def _finding(link: Link, check: LinkCheck) -> LinkFinding | None:
    found = standing(check)
    if found not in (Standing.DEAD, Standing.UNCERTAIN):
        return None
    dead = found is Standing.DEAD
    return LinkFinding(
        "link-dead" if dead else "link-uncertain",
        Severity.WARNING if dead else Severity.INFO,
        _message(link.url, check),
        link.item.title,
        link.item.pk,
        link.field,
        link.span,
        link.url,
    )


def _message(url: str, check: LinkCheck) -> str:
    shown = url if len(url) <= 80 else f"{url[:79]}…"
    if check.status in _GONE:
        return f"链接打不开，对方说没有这个页面（{check.status}）：{shown}。请改正或去掉。"
    if check.error in _NO_SITE:
        return f"链接打不开，没有这个网站：{shown}。请检查网址。"
    if check.error == Problem.NOT_PUBLIC.name:
        return f"链接指向内部地址，读者打不开：{shown}。请换成公开的网址。"
    if check.status is not None:
        return f"链接没能确认，对方答复 {check.status}：{shown}。请自己打开看看。"
    return f"链接没能确认，对方没有答复：{shown}。请自己打开看看。"
