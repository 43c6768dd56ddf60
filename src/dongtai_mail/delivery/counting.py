"""How many a mailing would reach if it began now, in milliseconds and at one moment.

Promises: the same conditions as the audience that ``delivery.audience`` freezes (a test compares),
in one statement, so that no change in between makes the numbers disagree. A whole list is counted
without reading its subscriptions: who is confirmed stands in the tally (``subscribers.tally``), who
pauses in an index of their own, and of the suppressed there are few. Rules about people have to
read the people: a million take about a second.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from subscribers.audience import Description
from subscribers.models import Subscription, Suppression

_WHOLE = """
    SELECT (SELECT COALESCE(SUM(delta), 0) FROM subscribers_listtally
             WHERE subscriber_list_id = %(list)s AND state = 'confirmed'),
           (SELECT COUNT(*) FROM subscribers_subscription
             WHERE subscriber_list_id = %(list)s AND state = 'confirmed'
               AND paused_until IS NOT NULL AND paused_until > %(now)s),
           (SELECT COUNT(*) FROM subscribers_subscription
             WHERE subscriber_list_id = %(list)s AND state = 'confirmed'
               AND (paused_until IS NULL OR paused_until <= %(now)s)
               AND subscriber_id IN (
                     SELECT id FROM subscribers_subscriber
                      WHERE hash IN (
                              SELECT hash FROM subscribers_suppression
                               WHERE publication_id IS NULL OR publication_id = %(publication)s)))
"""


def whole(publication_id: int, list_id: int) -> tuple[int, int]:
    """Readers of a list who would get a mailing, and those left out as suppressed."""
    values: dict[str, Any] = {"list": list_id, "publication": publication_id}
    values["now"] = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_WHOLE, values)
        confirmed, paused, excluded = map(int, cursor.fetchone())
    return confirmed - paused - excluded, excluded


def chosen(publication_id: int, people: QuerySet[Subscription, int]) -> tuple[int, int]:
    """The same of those whom a description selects."""
    here = Q(publication=None) | Q(publication=publication_id)
    suppressed = Q(subscriber__hash__in=Suppression.objects.filter(here).values("hash"))
    counted = Subscription.objects.filter(pk__in=people).aggregate(
        everybody=Count("pk"), excluded=Count("pk", filter=suppressed)
    )
    return counted["everybody"] - counted["excluded"], counted["excluded"]


def only_list(description: Description) -> int | None:
    """The list that a description means as a whole, when it says nothing else."""
    lists = description.get("lists")
    more = any(part for name, part in description.items() if name not in ("lists", "match"))
    return lists[0] if isinstance(lists, list) and len(lists) == 1 and not more else None
