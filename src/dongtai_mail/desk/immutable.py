"""The triggers by which the database refuses to change or remove an entry of the audit log.

Promises: they stand after every ``migrate``. Whoever owns the database can drop them; nobody who
only has the application's statements can get past them.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction

from dongtai_mail.desk.models import AuditEntry

TABLE = AuditEntry._meta.db_table
POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION desk_audit_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to';
END $$;
CREATE OR REPLACE TRIGGER desk_audit_kept BEFORE UPDATE OR DELETE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION desk_audit_kept();
"""
SQLITE = tuple(
    f"""
    CREATE TRIGGER IF NOT EXISTS desk_audit_no_{what} BEFORE {what.upper()} ON {TABLE} BEGIN
        SELECT RAISE(ABORT, 'the audit log is only ever added to');
    END"""
    for what in ("update", "delete")
)


def install(using: str, **_: Any) -> None:
    """Make the triggers that are missing; connected to ``post_migrate``."""
    connection = connections[using]
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if TABLE not in connection.introspection.table_names(cursor):
            return
        for statement in (POSTGRESQL,) if connection.vendor == "postgresql" else SQLITE:
            cursor.execute(statement)
