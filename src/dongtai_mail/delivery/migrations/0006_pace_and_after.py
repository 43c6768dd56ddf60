import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0005_rows_without_constraints")]

    operations = [
        migrations.AddField(
            model_name="mailing",
            name="per_minute",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="this mailing's own cap; NULL: the providers' alone",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="mailing",
            name="after",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="followers",
                to="delivery.mailing",
            ),
        ),
    ]
