"""The tally that the database keeps: by statement in PostgreSQL, by row in SQLite.

Owns: its triggers, and summing up what they wrote. What was accepted or bounced is counted by the
quarter of an hour as well, which is an hour's part in every time zone, so that reports read no
deliveries. Promises: the triggers stand after every ``migrate``, whatever it did to the table:
SQLite makes a table anew for most changes and drops its triggers on the way.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, connections, transaction
from django.db.models import Sum

from dongtai_mail.delivery.models import Tally

# With this many rows more than counts, a mailing's tally is worth summing up.
ROWS = 300

_BY = "mailing_id, lane, state, subscriber_list_id, quarter"
NOTE = f"INSERT INTO delivery_tally ({_BY}, delta)"
_ROW = """mailing_id, lane, state, subscriber_list_id,
           CASE WHEN state IN (2, 4)
                THEN date_bin('15 minutes', changed_at, '2000-01-01 00:00+00') END AS quarter"""
POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION delivery_tally_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {NOTE} SELECT {_ROW}, count(*) FROM after_rows GROUP BY 1, 2, 3, 4, 5;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION delivery_tally_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {NOTE} SELECT {_BY}, sum(change) FROM (
        SELECT {_ROW}, 1 AS change FROM after_rows
        UNION ALL
        SELECT {_ROW}, -1 FROM before_rows
    ) changes GROUP BY 1, 2, 3, 4, 5 HAVING sum(change) <> 0;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION delivery_tally_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {NOTE} SELECT {_ROW}, -count(*) FROM before_rows GROUP BY 1, 2, 3, 4, 5;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER delivery_tally_insert AFTER INSERT ON delivery_delivery
    REFERENCING NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION delivery_tally_insert();
CREATE OR REPLACE TRIGGER delivery_tally_update AFTER UPDATE ON delivery_delivery
    REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows
    FOR EACH STATEMENT EXECUTE FUNCTION delivery_tally_update();
CREATE OR REPLACE TRIGGER delivery_tally_delete AFTER DELETE ON delivery_delivery
    REFERENCING OLD TABLE AS before_rows
    FOR EACH STATEMENT EXECUTE FUNCTION delivery_tally_delete();
"""


def _quarter(row: str) -> str:
    """As Django writes a time."""
    minutes = f"CAST(strftime('%M', {row}changed_at) AS INTEGER) / 15 * 15"
    begin = f"strftime('%Y-%m-%d %H:', {row}changed_at) || printf('%02d:00', {minutes})"
    return f"CASE WHEN {row}state IN (2, 4) AND {row}changed_at IS NOT NULL THEN {begin} END"


def _values(row: str) -> str:
    return f"{row}mailing_id, {row}lane, {row}state, {row}subscriber_list_id, {_quarter(row)}"


SQLITE = (
    f"""
    CREATE TRIGGER IF NOT EXISTS delivery_tally_insert AFTER INSERT ON delivery_delivery BEGIN
        {NOTE} VALUES ({_values("new.")}, 1);
    END""",
    f"""
    CREATE TRIGGER IF NOT EXISTS delivery_tally_update AFTER UPDATE ON delivery_delivery
    WHEN old.state <> new.state OR old.lane <> new.lane
         OR new.state IN (2, 4) AND old.changed_at IS NOT new.changed_at BEGIN
        {NOTE} VALUES ({_values("old.")}, -1), ({_values("new.")}, 1);
    END""",
    f"""
    CREATE TRIGGER IF NOT EXISTS delivery_tally_delete AFTER DELETE ON delivery_delivery BEGIN
        {NOTE} VALUES ({_values("old.")}, -1);
    END""",
)


def compact() -> None:
    """Sum up what workers added to the tally of a mailing; for every tick."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT mailing_id
              FROM (SELECT mailing_id, COUNT(*) AS number FROM delivery_tally
                     GROUP BY {_BY}) counted
             GROUP BY mailing_id HAVING SUM(number) - COUNT(*) > %s
            """,
            [ROWS],
        )
        grown = [mailing_id for (mailing_id,) in cursor.fetchall()]
    for mailing_id in grown:
        _compact(mailing_id)


def _compact(mailing_id: int) -> None:
    if connection.vendor == "postgresql":
        # In one statement without a gap, since others add and read meanwhile.
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH gone AS (DELETE FROM delivery_tally WHERE mailing_id = %s
                              RETURNING {_BY}, delta)
                {NOTE}
                SELECT {_BY}, SUM(delta) FROM gone
                 GROUP BY {_BY} HAVING SUM(delta) <> 0
                """,
                [mailing_id],
            )
        return
    with transaction.atomic():
        tally = Tally.objects.filter(mailing=mailing_id)
        sums = list(tally.values(*_BY.split(", ")).annotate(sum=Sum("delta")))
        tally.delete()
        Tally.objects.bulk_create(Tally(delta=row.pop("sum"), **row) for row in sums if row["sum"])


def install(using: str, **_: Any) -> None:
    """Make the triggers that are missing; connected to ``post_migrate``."""
    database = connections[using]
    with transaction.atomic(using=using), database.cursor() as cursor:
        if "delivery_tally" not in database.introspection.table_names(cursor):
            return
        for statement in (POSTGRESQL,) if database.vendor == "postgresql" else SQLITE:
            cursor.execute(statement)
