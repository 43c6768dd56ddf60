from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0015_mailings_that_readers_answered"),
    ]

    operations = [
        migrations.AddField(
            model_name="importrun",
            name="erased",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="importrun",
            name="tries",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
    ]
