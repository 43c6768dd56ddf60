"""The history of consent is only ever added to: the database refuses to change it.

SQLite loses triggers when a later migration remakes the table; such a migration makes it again.
"""

from django.db import migrations

POSTGRESQL = """
CREATE FUNCTION subscribers_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is only ever added to';
END $$;
CREATE TRIGGER subscribers_history BEFORE UPDATE ON subscribers_subscriptionevent
    FOR EACH STATEMENT EXECUTE FUNCTION subscribers_history();
"""
POSTGRESQL_BACK = """
DROP TRIGGER subscribers_history ON subscribers_subscriptionevent;
DROP FUNCTION subscribers_history();
"""
SQLITE = """
CREATE TRIGGER subscribers_history BEFORE UPDATE ON subscribers_subscriptionevent BEGIN
    SELECT RAISE(ABORT, 'history is only ever added to');
END
"""


def forwards(apps, schema_editor):
    postgres = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute(POSTGRESQL if postgres else SQLITE)


def backwards(apps, schema_editor):
    postgres = schema_editor.connection.vendor == "postgresql"
    schema_editor.execute(POSTGRESQL_BACK if postgres else "DROP TRIGGER subscribers_history")


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0002_consent")]
    operations = [migrations.RunPython(forwards, backwards)]
