from django.db import migrations

# Readers are written in the order in which they come, so that a few octets for each 32 pages tell
# where those of a time are; who was changed since only makes that less sharp. PostgreSQL alone has
# such an index, and SQLite's lists are small.
MAKE = """
    CREATE INDEX subscription_since ON subscribers_subscription
     USING brin (created_at) WITH (pages_per_range = 32)
"""


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(MAKE)


def remove(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX subscription_since")


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0017_moves_taken_back"),
    ]

    operations = [
        migrations.RunPython(make, remove),
    ]
