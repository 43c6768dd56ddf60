"""What was unconfirmed so far says when it is sent again, as it does from now on."""

from django.db import migrations, models

UNCONFIRMED = 6


def _due(apps, schema_editor):
    rows = apps.get_model("delivery", "Delivery").objects.filter(state=UNCONFIRMED, due_at=None)
    rows.update(due_at=models.F("changed_at"))


class Migration(migrations.Migration):
    dependencies = [("delivery", "0014_warmup_tables")]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="due_at",
            field=models.DateTimeField(blank=True, help_text="a delivery's next try", null=True),
        ),
        migrations.RunPython(_due, migrations.RunPython.noop),
    ]
