"""An issue that begins empty: the publication's sections, and what the last issue suggests.

Promises: number, date and period are suggestions made of what the last issue and the publication's
slots say; where they say nothing, nothing is invented.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

from django.db import transaction

from dongtai_mail.issues import slots
from dongtai_mail.issues.editing.keeping import begin
from dongtai_mail.issues.models import Issue, Publication, Section

_DIGITS = re.compile(r"\d+")
_YEAR = re.compile(r"(?<!\d)20\d\d(?!\d)")
_TRIES = 1000


def new_issue(publication: Publication, actor: str, today: datetime.date) -> Issue:
    """An issue with the publication's sections, to be filled."""
    with transaction.atomic():
        # Two people who press the button together get two numbers.
        Publication.objects.select_for_update().get(pk=publication.pk)
        issue = Issue(publication=publication, **_repeated(publication))
        issue.number, issue.date = suggestion(publication, today)
        issue.period_from, issue.period_to = _period(publication, issue.date)
        issue.save()
        Section.objects.bulk_create(
            Section(issue=issue, position=position, name=name)
            for position, name in enumerate(publication.section_names)
        )
        begin(issue, actor)
    return issue


def suggestion(
    publication: Publication, today: datetime.date
) -> tuple[str | None, datetime.date | None]:
    """The number and date of the issue after the last one; a number that is free."""
    last = _last(publication)
    after = max(last.date, today) if last and last.date else today
    date = next_day(publication, after)
    number = next_number(last.number, last.date, date) if last and last.number else None
    taken = set(publication.issues.values_list("number", flat=True))
    for _try in range(_TRIES):
        if number not in taken:
            return number, date
        number = next_number(number, date, date) if number else None
    return None, date


def next_number(
    number: str, last: datetime.date | None = None, date: datetime.date | None = None
) -> str | None:
    """“2026年第23期” → “2026年第24期”; in a new year it begins again where it names the year."""
    year = _YEAR.search(number)
    if year and last and date and date.year > last.year and int(year[0]) == last.year:
        number = number[: year.start()] + str(date.year) + number[year.end() :]
        return _with_last(number, lambda _count: 1, spare=year.span())
    return _with_last(number, lambda count: count + 1, spare=year.span() if year else None)


def _with_last(number: str, change: Any, spare: tuple[int, int] | None) -> str | None:
    """``number`` with its last count changed, as wide as before; None where it has none."""
    counts = [found for found in _DIGITS.finditer(number) if found.span() != spare]
    if not counts or len(counts[-1][0]) > 9:
        return None
    at = counts[-1]
    width = len(at[0]) if at[0].startswith("0") else 0
    return number[: at.start()] + str(change(int(at[0]))).zfill(width) + number[at.end() :]


def next_day(publication: Publication, after: datetime.date) -> datetime.date | None:
    """The first day after ``after`` that a slot names; None without slots."""
    night = datetime.datetime.combine(after, datetime.time.max, publication.zone)
    moments = slots.upcoming(publication.slots, publication.zone, night, 1)
    return moments[0].date() if moments else None


def _repeated(publication: Publication) -> dict[str, Any]:
    return {
        "masthead": publication.name,
        "host_name": publication.host_name or None,
        "host_also": publication.host_also or None,
        "colophon_address": publication.colophon_address or None,
        "colophon_postcode": publication.colophon_postcode or None,
        "colophon_organisation": publication.colophon_organisation or None,
        "colophon_phone": publication.colophon_phone or None,
    }


def _period(
    publication: Publication, date: datetime.date | None
) -> tuple[datetime.date | None, datetime.date | None]:
    """From where the last issue's period ended to the day before this one."""
    last = _last(publication)
    if last is None or last.period_to is None or date is None:
        return None, None
    first = last.period_to + datetime.timedelta(days=1)
    final = date - datetime.timedelta(days=1)
    return (first, final) if first <= final else (None, None)


def _last(publication: Publication) -> Issue | None:
    return publication.issues.order_by("-date", "-id").filter(date__isnull=False).first() or (
        publication.issues.order_by("-id").first()
    )
