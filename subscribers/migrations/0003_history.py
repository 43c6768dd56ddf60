"""The trigger that guards the history is made after every ``migrate``, by ``subscribers.history``."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0002_consent")]
    operations = []
