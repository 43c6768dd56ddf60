from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("issues", "0003_items_have_publications"),
    ]

    operations = [
        migrations.AddField(
            model_name="review",
            name="snapshot",
            field=models.JSONField(default=dict),
        ),
    ]
