"""How many subscriptions of a list are in each state, counted by the database as they change.

Owns: the triggers on subscriptions (by statement in PostgreSQL, by row in SQLite), and the sums of
what they note. Promises: no way of changing a subscription can be forgotten, and the sum is the
count at that moment; a million subscriptions are counted in a millisecond; after every ``migrate``
the triggers stand and the sums are right, whatever that, or a restored dump, did to the tables.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connection, connections, transaction
from django.db.models import Count, Sum

from subscribers.models import ListTally, Subscription

TABLE, TALLY = "subscribers_subscription", "subscribers_listtally"
Counts = dict[str, int]

# Above this many rows a list's tally is worth summing up.
ROWS = 300

_NOTE = f"INSERT INTO {TALLY} (subscriber_list_id, state, delta)"
# What is missing in the sums: nothing, but for a trigger that was not there, or a restored dump
# whose rows were counted as they came and whose counts then came, too.
_MISSING = f"""
    {_NOTE} SELECT subscriber_list_id, state, SUM(change)
      FROM (SELECT subscriber_list_id, state, COUNT(*) AS change FROM {TABLE} GROUP BY 1, 2
            UNION ALL SELECT subscriber_list_id, state, -delta FROM {TALLY}) both_sides
     GROUP BY 1, 2 HAVING SUM(change) <> 0"""
POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION subscribers_tally_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_NOTE} SELECT subscriber_list_id, state, count(*) FROM after_rows GROUP BY 1, 2;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION subscribers_tally_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_NOTE} SELECT subscriber_list_id, state, sum(change) FROM (
        SELECT subscriber_list_id, state, 1 AS change FROM after_rows
        UNION ALL SELECT subscriber_list_id, state, -1 FROM before_rows
    ) changes GROUP BY 1, 2 HAVING sum(change) <> 0;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION subscribers_tally_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_NOTE} SELECT subscriber_list_id, state, -count(*) FROM before_rows GROUP BY 1, 2;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER subscribers_tally_insert AFTER INSERT ON {TABLE}
    REFERENCING NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION subscribers_tally_insert();
CREATE OR REPLACE TRIGGER subscribers_tally_update AFTER UPDATE ON {TABLE}
    REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION subscribers_tally_update();
CREATE OR REPLACE TRIGGER subscribers_tally_delete AFTER DELETE ON {TABLE}
    REFERENCING OLD TABLE AS before_rows
    FOR EACH STATEMENT EXECUTE FUNCTION subscribers_tally_delete();
"""


def _row(row: str, change: str) -> str:
    """SQLite writes one row after the other, so each adds to the same sum."""
    here = f"subscriber_list_id = {row}.subscriber_list_id AND state = {row}.state"
    return f"""
        {_NOTE} SELECT {row}.subscriber_list_id, {row}.state, 0
         WHERE NOT EXISTS (SELECT 1 FROM {TALLY} WHERE {here});
        UPDATE {TALLY} SET delta = delta {change}
         WHERE id = (SELECT min(id) FROM {TALLY} WHERE {here});"""


SQLITE = (
    f"""CREATE TRIGGER IF NOT EXISTS subscribers_tally_insert AFTER INSERT ON {TABLE} BEGIN
        {_row("new", "+ 1")} END""",
    f"""CREATE TRIGGER IF NOT EXISTS subscribers_tally_update AFTER UPDATE ON {TABLE}
        WHEN old.state <> new.state OR old.subscriber_list_id <> new.subscriber_list_id BEGIN
        {_row("old", "- 1")} {_row("new", "+ 1")} END""",
    f"""CREATE TRIGGER IF NOT EXISTS subscribers_tally_delete AFTER DELETE ON {TABLE} BEGIN
        {_row("old", "- 1")} END""",
)


def counts(*lists: int) -> Counts:
    """The subscriptions of these lists by state; every state named."""
    each = by_list(lists).values()
    return {state: sum(counted[state] for counted in each) for state in Subscription.State.values}


def by_list(lists: Collection[int]) -> dict[int, Counts]:
    """The same, each list by itself."""
    rows = ListTally.objects.filter(subscriber_list__in=lists).values_list(
        "subscriber_list", "state"
    )
    counted: dict[int, Counts] = {pk: dict.fromkeys(Subscription.State.values, 0) for pk in lists}
    for pk, state, number in rows.annotate(sum=Sum("delta")).order_by():
        counted[pk][state] = number
    return counted


def compact() -> None:
    """Sum up what was noted of a list, in one transaction without a gap; for every tick."""
    grown = ListTally.objects.values("subscriber_list").annotate(rows=Count("id"))
    for pk in list(grown.filter(rows__gt=ROWS).values_list("subscriber_list", flat=True)):
        _compact(pk)


def _compact(list_id: int) -> None:
    if connection.vendor != "postgresql":
        return  # There it never grows.
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH gone AS (DELETE FROM {TALLY} WHERE subscriber_list_id = %s
                          RETURNING subscriber_list_id, state, delta)
            {_NOTE} SELECT subscriber_list_id, state, SUM(delta) FROM gone
             GROUP BY 1, 2 HAVING SUM(delta) <> 0
            """,
            [list_id],
        )


def install(using: str, **_: Any) -> None:
    """Make the triggers that are missing, and the sums right; connected to ``post_migrate``."""
    database = connections[using]
    postgresql = database.vendor == "postgresql"
    with transaction.atomic(using=using), database.cursor() as cursor:
        if TALLY not in database.introspection.table_names(cursor):
            return
        if postgresql:
            # Nobody changes a subscription between the first trigger and the count.
            cursor.execute(f"LOCK TABLE {TABLE} IN SHARE ROW EXCLUSIVE MODE")
        for statement in (POSTGRESQL,) if postgresql else SQLITE:
            cursor.execute(statement)
        cursor.execute(_MISSING)
