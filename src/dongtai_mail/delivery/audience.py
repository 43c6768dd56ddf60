"""Freezing an audience: the deliveries of a mailing, made by one INSERT … SELECT.

Promises: every confirmed reader of the mailing's list who is not suppressed gets one delivery, in
the lane of their provider. A mailing in stages also writes to the list that goes first (a person
on both gets one), those before everybody else; the others stand in an order that is the same as
chance, so that the first x % are like the rest and a stage is a range of ids. A mailing whose
audience was described (``subscribers.audience``) goes to whom the description selects instead.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from dongtai_mail.delivery import stages
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.delivery.providers import DEFAULTS
from subscribers import audience, membership, selection
from subscribers.audience import AudienceError, Description, Rule
from subscribers.models import SubscriberList
from subscribers.selection import Selection

State = Delivery.State

# A provider with so many readers on a list waits in a lane of its own, as do those with limits.
OWN_LANE_READERS = 200
FREEZING_MEMORY = "256MB"
# Knuth's multiplicative hash: spreads the ids of subscriptions, within 64 bits.
SPREAD = "(subscription.id * 2654435761 + %(mailing)s * 40503) %% 4294967296"

_FOUND_ON = "subscription.subscriber_list_id"
_LISTED = "subscription.subscriber_list_id = %(list)s"
# A person who is on both lists is written to as a reader of the mailing's own.
_LISTED_OR_FIRST = """
    (subscription.subscriber_list_id = %(list)s
     OR subscription.subscriber_list_id = %(first)s
        AND NOT EXISTS (SELECT 1 FROM subscribers_subscription same
                         WHERE same.subscriber_id = subscription.subscriber_id
                           AND same.subscriber_list_id = %(list)s AND same.state = 'confirmed'))
"""
_FIRST = """
    CASE WHEN EXISTS (SELECT 1 FROM subscribers_subscription same
                       WHERE same.subscriber_id = subscription.subscriber_id
                         AND same.subscriber_list_id = %(first)s AND same.state = 'confirmed')
         THEN 0 ELSE 1 END
"""
_FREEZE = """
    INSERT INTO delivery_delivery
           (mailing_id, subscription_id, subscriber_list_id, address, name, provider, lane, state,
            attempts)
    WITH chosen AS MATERIALIZED (
        SELECT subscription.id, {found_on} AS found_on, person.address, person.name,
               person.provider, {first} AS first, {spread} AS spread
          FROM subscribers_subscription subscription
          JOIN subscribers_subscriber person ON person.id = subscription.subscriber_id
         WHERE {listed} AND subscription.state = 'confirmed'
           AND (subscription.paused_until IS NULL OR subscription.paused_until <= %(now)s)
           AND NOT EXISTS (
                 SELECT 1 FROM subscribers_suppression suppression
                  WHERE suppression.hash = person.hash
                    AND (suppression.publication_id IS NULL
                         OR suppression.publication_id = %(publication)s))),
    own AS (
        SELECT provider FROM chosen
         GROUP BY provider HAVING COUNT(*) > %(own)s OR provider IN ({known})
         UNION SELECT provider FROM delivery_providerlimit)
    SELECT %(mailing)s, chosen.id, found_on, address, name, chosen.provider,
           COALESCE(own.provider, ''), 0, 0
      FROM chosen LEFT JOIN own ON own.provider = chosen.provider
     ORDER BY {order}
"""


def freeze(mailing: Mailing, first_list: int | None) -> int:
    """Make the deliveries; answers how many. ``first_list`` is the list that goes first."""
    listed, found_on, first = _LISTED, "CAST(NULL AS bigint)", "0"
    if first_list is not None:
        listed, found_on, first = _LISTED_OR_FIRST, _FOUND_ON, _FIRST
    known = ", ".join(f"'{name}'" for name in DEFAULTS)
    values: dict[str, Any] = {
        "mailing": mailing.pk,
        "list": mailing.subscriber_list_id,
        "first": first_list,
        "own": OWN_LANE_READERS,
        "now": timezone.now(),
        "publication": mailing.subscriber_list.publication_id,
    }
    if mailing.audience is not None:
        description = with_first(mailing.audience, first_list)
        selected = select(mailing.subscriber_list.publication_id, description)
        listed, sets = _chosen(selected.once())
        found_on = _FOUND_ON
        values |= sets
    freeze = _FREEZE.format(
        **{"found_on": found_on, "listed": listed, "first": first, "known": known},
        spread=SPREAD if mailing.stages else "0",
        order="first, spread, chosen.id" if mailing.stages else "chosen.id",
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # To sort a million in memory; it ends with the transaction.
            cursor.execute(f"SET LOCAL work_mem = '{FREEZING_MEMORY}'")
        cursor.execute(freeze, values)
        return int(cursor.rowcount)


def with_first(description: Description, first_list: int | None) -> Description:
    """The description with the people of the list that goes first, who get the mailing, too."""
    if first_list is None:
        return description
    return {**description, "also": [*description.get("also", []), {"lists": [first_list]}]}


def missed(mailing: Mailing, unconfirmed: bool) -> Description:
    """Describes those whom a mailing was to reach and nothing of its issue has reached or will.

    Those whose mail may have arrived without an answer are among them if ``unconfirmed``.
    """
    lists = SubscriberList.objects.filter(publication=mailing.subscriber_list.publication_id)
    test = "unconfirmed" if unconfirmed else ""
    return {
        "lists": list(lists.order_by("pk").values_list("pk", flat=True)),
        "rules": [{"field": "missed", "test": test, "value": str(mailing.pk)}],
    }


def select(publication_id: int, description: Description) -> Selection:
    """Whom a description selects at this moment; raises ``AudienceError``."""
    return selection.select(publication_id, description, _further(publication_id))


def check(publication_id: int, description: Description) -> None:
    """Raise ``AudienceError`` for a description that makes no sense."""
    selection.check(publication_id, description, _further(publication_id))


def count(publication_id: int, description: Description) -> tuple[int, int]:
    """How many would get a mailing now, and how many are left out as suppressed."""
    selected = select(publication_id, description)
    return selected.readers.bit_count(), selected.excluded.bit_count()


def _further(publication_id: int) -> dict[str, audience.Condition]:
    rules = {"engaged": _engaged, "missed": _missed}
    return {name: partial(rule, publication_id) for name, rule in rules.items()}


def _missed(publication_id: int, rule: Rule) -> Q:
    value = rule.get("value", "")
    number = int(value) if value.isdecimal() and len(value) < 19 else 0
    ours = Mailing.objects.filter(subscriber_list__publication=publication_id)
    row = ours.select_related("edition").filter(pk=number).first()
    if row is None:
        raise AudienceError(_("没有这次发送，请重新选择。"))
    states = [State.BOUNCED, State.SUPPRESSED, State.CANCELLED]
    if rule.get("test") == "unconfirmed":
        states.append(State.UNCONFIRMED)
    unreached = Delivery.objects.filter(mailing=row, state__in=states)
    of_issue = list(Mailing.objects.filter(edition__issue=row.edition.issue_id))
    # As numbers: their rows would be joined once for every reader.
    reached = Delivery.objects.filter(mailing__in=[each.pk for each in of_issue])
    reached = reached.exclude(state__in=states)
    # Most whom another mailing reached were written to on the same list: they are found first.
    others = [each.pk for each in of_issue if each.pk != row.pk]
    if others:
        again = reached.filter(mailing__in=others, subscription=OuterRef("subscription"))
        unreached = unreached.exclude(Exists(again))
    met = Q(pk__in=unreached.values("subscription"))
    if _on_one_list(of_issue):
        return met
    elsewhere = reached.exclude(subscription=OuterRef("pk"))
    return met & ~Q(Exists(elsewhere.filter(subscription__subscriber=OuterRef("subscriber"))))


def _on_one_list(mailings: Collection[Mailing]) -> bool:
    """Whether they were all to the one same list, on which each reader is but once."""
    several = any(each.audience is not None or stages.first_list(each) for each in mailings)
    return not several and len({each.subscriber_list_id for each in mailings}) == 1


def _engaged(publication_id: int, rule: Rule) -> Q:
    """Whether the reader's server accepted a mailing of this publication in the last so many days.

    What another publication's readers get is not for this one's staff to learn.
    """
    value = rule.get("value", "")
    if not (value.isdecimal() and 0 < int(value) <= 36500):
        raise AudienceError(_("天数请填 1 到 36500 的整数。"))
    taken = Exists(
        Delivery.objects.filter(
            subscription__subscriber=OuterRef("subscriber"),
            subscription__subscriber_list__publication=publication_id,
            state=Delivery.State.ACCEPTED,
            changed_at__gte=timezone.now() - datetime.timedelta(days=int(value)),
        )
    )
    return ~Q(taken) if rule.get("test") == "none" else Q(taken)


def _chosen(lists: Mapping[int, int]) -> tuple[str, dict[str, Any]]:
    """The condition that a subscription is one of these, by list and reader, and its parameters."""
    postgresql = connection.vendor == "postgresql"
    parts, values = ["1 = 0"], dict[str, Any]()
    for each, people in lists.items():
        if postgresql:
            bits = membership.octets(people)
            values |= {f"readers_{each}": bits, f"end_{each}": len(bits) * 8}
            among = (
                f"CASE WHEN subscription.subscriber_id < %(end_{each})s THEN"
                f" get_bit(%(readers_{each})s, subscription.subscriber_id) = 1 ELSE FALSE END"
            )
        else:
            values[f"readers_{each}"] = json.dumps(membership.ids(people))
            among = (
                f"subscription.subscriber_id IN (SELECT value FROM json_each(%(readers_{each})s))"
            )
        parts.append(f"subscription.subscriber_list_id = {each:d} AND {among}")
    return f"({' OR '.join(parts)})", values
