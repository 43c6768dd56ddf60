"""The trigger by which the database refuses to change the history of consent.

Owns: its SQL. Promises: it stands after every ``migrate``, whatever that did to the table: SQLite
makes a table anew for most changes and drops its triggers on the way.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction

TABLE = "subscribers_subscriptionevent"
POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION subscribers_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is only ever added to';
END $$;
CREATE OR REPLACE TRIGGER subscribers_history BEFORE UPDATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION subscribers_history();
"""
SQLITE = f"""
CREATE TRIGGER IF NOT EXISTS subscribers_history BEFORE UPDATE ON {TABLE} BEGIN
    SELECT RAISE(ABORT, 'history is only ever added to');
END
"""


def install(using: str, **_: Any) -> None:
    """Make the trigger where it is missing; connected to ``post_migrate``."""
    connection = connections[using]
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if TABLE in connection.introspection.table_names(cursor):
            cursor.execute(POSTGRESQL if connection.vendor == "postgresql" else SQLITE)
