from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

from dongtai_mail.delivery import mentions


def note_what_is_there(apps: Any, schema_editor: Any) -> None:
    kept = apps.get_model("delivery", "ReturnedMessage").objects.order_by("pk")
    rows = apps.get_model("delivery", "Mentions").objects
    for message in kept.iterator(chunk_size=100):
        rows.create(message_id=message.pk, **mentions.of(message))


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0011_notices_of_mailings"),
    ]

    operations = [
        migrations.CreateModel(
            name="Mentions",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="delivery.returnedmessage",
                    ),
                ),
                ("inside", models.TextField(null=True)),
                ("beside", models.TextField(blank=True)),
            ],
        ),
        migrations.RunPython(note_what_is_there, migrations.RunPython.noop),
    ]
