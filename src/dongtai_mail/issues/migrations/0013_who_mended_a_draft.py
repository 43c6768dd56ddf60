from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('issues', '0012_drafts_that_are_done_with'),
    ]

    operations = [
        migrations.AddField(
            model_name='manuscriptdraft',
            name='menders',
            field=models.JSONField(default=list),
        ),
    ]
