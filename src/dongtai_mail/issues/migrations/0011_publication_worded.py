from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('issues', '0010_approvals_of_content'),
    ]

    operations = [
        migrations.AddField(
            model_name='publication',
            name='worded',
            field=models.JSONField(blank=True, default=dict, help_text='who changed what readers see of every issue, and when last, in seconds'),
        ),
    ]
