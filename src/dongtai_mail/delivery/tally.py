"""The triggers by which the database keeps the tally: by statement in PostgreSQL, by row in SQLite.

Owns: their SQL. Promises: they stand after every ``migrate``, whatever it did to the table: SQLite
makes a table anew for most changes and drops its triggers on the way.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction

POSTGRESQL = """
CREATE OR REPLACE FUNCTION delivery_tally_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_tally (mailing_id, lane, state, delta)
    SELECT mailing_id, lane, state, count(*) FROM after_rows GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION delivery_tally_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_tally (mailing_id, lane, state, delta)
    SELECT mailing_id, lane, state, sum(change) FROM (
        SELECT mailing_id, lane, state, 1 AS change FROM after_rows
        UNION ALL
        SELECT mailing_id, lane, state, -1 FROM before_rows
    ) changes GROUP BY 1, 2, 3 HAVING sum(change) <> 0;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION delivery_tally_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO delivery_tally (mailing_id, lane, state, delta)
    SELECT mailing_id, lane, state, -count(*) FROM before_rows GROUP BY 1, 2, 3;
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

SQLITE = (
    """
    CREATE TRIGGER IF NOT EXISTS delivery_tally_insert AFTER INSERT ON delivery_delivery BEGIN
        INSERT INTO delivery_tally (mailing_id, lane, state, delta)
        VALUES (new.mailing_id, new.lane, new.state, 1);
    END""",
    """
    CREATE TRIGGER IF NOT EXISTS delivery_tally_update AFTER UPDATE ON delivery_delivery
    WHEN old.state <> new.state OR old.lane <> new.lane BEGIN
        INSERT INTO delivery_tally (mailing_id, lane, state, delta) VALUES
            (old.mailing_id, old.lane, old.state, -1), (new.mailing_id, new.lane, new.state, 1);
    END""",
    """
    CREATE TRIGGER IF NOT EXISTS delivery_tally_delete AFTER DELETE ON delivery_delivery BEGIN
        INSERT INTO delivery_tally (mailing_id, lane, state, delta)
        VALUES (old.mailing_id, old.lane, old.state, -1);
    END""",
)


def install(using: str, **_: Any) -> None:
    """Make the triggers that are missing; connected to ``post_migrate``."""
    connection = connections[using]
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if "delivery_tally" not in connection.introspection.table_names(cursor):
            return
        for statement in (POSTGRESQL,) if connection.vendor == "postgresql" else SQLITE:
            cursor.execute(statement)
