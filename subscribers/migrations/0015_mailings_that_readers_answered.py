from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models.functions import Cast, Substr

# The doors of links in mailings, which wrote their number down as words.
DOORS = ("page", "one-click", "preferences")


def read_the_words(apps: Any, schema_editor: Any) -> None:
    events = apps.get_model("subscribers", "SubscriptionEvent")
    table = events._meta.db_table
    on = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
    # It comes again after every migrate.
    schema_editor.execute(f"DROP TRIGGER IF EXISTS subscribers_history{on}")
    told = events.objects.using(schema_editor.connection.alias).filter(
        source__in=DOORS, detail__regex=r"^mailing [1-9][0-9]{0,17}$"
    )
    number = Substr("detail", len("mailing ") + 1)
    told.update(mailing=Cast(number, models.BigIntegerField()))


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0014_former_subscriptions"),
    ]

    operations = [
        migrations.AddField(
            model_name="subscriptionevent",
            name="mailing",
            field=models.BigIntegerField(null=True),
        ),
        migrations.RunPython(read_the_words, migrations.RunPython.noop, elidable=True),
        migrations.RemoveIndex(
            model_name="subscriptionevent",
            name="event_left_by",
        ),
        migrations.AddIndex(
            model_name="subscriptionevent",
            index=models.Index(
                condition=models.Q(("mailing__isnull", False), ("state", "unsubscribed")),
                fields=["mailing"],
                name="event_of_leaving",
            ),
        ),
    ]
