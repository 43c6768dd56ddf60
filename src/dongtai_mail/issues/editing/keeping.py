"""Revisions: what a row says, as plain values, and writing it down.

Promises: the first revision of a row that has none is what it said before it was changed. What one
person writes in a few minutes is one revision, so that autosave doesn't drown the history; what
stood before they began is always kept, and so is what a reviewer decided about.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from dongtai_mail.issues.models import Issue, Item, Review, Revision
from dongtai_mail.issues.signals import issue_changed

Values = Mapping[str, Any]

ITEM_FIELDS = (
    "title",
    "heading",
    "body",
    "source",
    "compiler",
    "date",
    "source_line",
    "cover_url",
    "cover_alt",
    "featured",
    "url",
    "wanted_section",
    "tags",
)
# What readers don't get: a change of these alone leaves an approval as it is.
FOR_EDITORS = frozenset({"url", "wanted_section", "tags"})
ISSUE_FIELDS = (
    "number",
    "date",
    "masthead",
    "subject",
    "preheader",
    "host_name",
    "host_also",
    "colophon_address",
    "colophon_postcode",
    "colophon_organisation",
    "colophon_phone",
    "period_from",
    "period_to",
)
PLACE = "place"
_TOGETHER = datetime.timedelta(minutes=5)


def fields(row: Issue | Item) -> tuple[str, ...]:
    return ITEM_FIELDS if isinstance(row, Item) else ISSUE_FIELDS


def said(row: Issue | Item) -> dict[str, Any]:
    """The row's own fields, dates as text."""
    return {name: plain(getattr(row, name)) for name in fields(row)}


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) else value


def values(row: Issue | Item) -> dict[str, Any]:
    """What a revision keeps: the fields, and an issue's sections with their items in order."""
    return said(row) | ({} if isinstance(row, Item) else {"sections": order(row)})


def order(issue: Issue) -> list[dict[str, Any]]:
    return [
        {"id": each.pk, "name": each.name, "items": [item.pk for item in each.items.all()]}
        for each in issue.sections.prefetch_related("items")
    ]


def keep(
    row: Issue | Item, before: Values, actor: str, *, by: str = "", apart: bool = False
) -> None:
    """Write down what ``row`` says at its new version.

    ``before`` is what it said at the version before, ``by`` whose words those were. ``apart`` keeps
    what this person wrote a moment ago as a revision of its own.
    """
    now = values(row) | ({PLACE: before[PLACE]} if PLACE in before else {})
    known = list(_of(row)[:2])
    if not known:
        _baseline(row, before, by)
    if len(known) == 2 and not apart and _goes_on(row, known[0], actor):
        known[0].version, known[0].values = row.version, now
        known[0].save(update_fields=["version", "values"])
    else:
        _create(row, row.version, now, actor)


def begin(row: Issue | Item, actor: str) -> None:
    """The first revision of what was just made."""
    _create(row, row.version, values(row), actor)


def announce(issue_id: int | None, actor: str) -> None:
    if issue_id is not None:
        issue_changed.send(sender=Issue, issue_id=issue_id, actor=actor)


def _goes_on(row: Issue | Item, last: Revision, actor: str) -> bool:
    fresh = timezone.now() - last.at < _TOGETHER
    same = fresh and last.actor == actor and PLACE not in last.values
    return same and not _decided_since(row, last)


def _decided_since(row: Issue | Item, last: Revision) -> bool:
    """Whether a reviewer's word may be about ``last``, which has to stay what they saw."""
    about = "issue__sections__items" if isinstance(row, Item) else "issue"
    return Review.objects.filter((about, row.pk), decided_at__gte=last.at).exists()


def _of(row: Issue | Item) -> Any:
    return row.revisions.order_by("-version")


def _baseline(row: Issue | Item, before: Values, by: str) -> None:
    first = {name: value for name, value in before.items() if name != PLACE}
    made = _create(row, row.version - 1, first, by)
    Revision.objects.filter(pk=made.pk).update(at=row.created_at)


def _create(row: Issue | Item, version: int, kept: Values, actor: str) -> Revision:
    owner = {"item": row} if isinstance(row, Item) else {"issue": row}
    return Revision.objects.create(version=version, values=dict(kept), actor=actor, **owner)
