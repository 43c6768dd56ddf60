from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("subscribers", "0012_readers_by_address_alone"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="subscription",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["changed_at"],
                name="subscription_unconfirmed",
            ),
        ),
    ]
