import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("issues", "0004_snapshots"),
    ]

    operations = [
        migrations.AddField(
            model_name="linkcheck",
            name="host",
            field=models.CharField(blank=True, max_length=255),
        ),
        migrations.AddField(
            model_name="linkcheck",
            name="leased_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="linkcheck",
            name="asked_for_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
    ]
