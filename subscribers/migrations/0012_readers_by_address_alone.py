from django.db import migrations

FILL = """
    UPDATE subscribers_suppression
       SET key = (SELECT person.key FROM subscribers_subscriber person
                   WHERE person.hash = subscribers_suppression.hash)
     WHERE key IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0011_one_worker_at_an_import"),
    ]

    operations = [
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RemoveIndex(model_name="subscriber", name="subscriber_hash"),
    ]
