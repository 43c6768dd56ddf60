import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    # By itself: PostgreSQL alters no table in the transaction that has filled it.
    dependencies = [("issues", "0002_writing_together")]

    operations = [
        migrations.AlterField(
            model_name='item',
            name='publication',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='items', to='issues.publication'),
        ),
    ]
