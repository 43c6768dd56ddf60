from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('desk', '0003_mail_preferences'),
    ]

    operations = [
        migrations.AddField(
            model_name='mailpreference',
            name='language',
            field=models.CharField(blank=True, default='', max_length=20),
        ),
    ]
