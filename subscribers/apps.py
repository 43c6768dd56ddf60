"""The subscribers app: people, lists, consent, and who must get no mail."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SubscribersConfig(AppConfig):
    name = "subscribers"
    verbose_name = "Subscribers"

    def ready(self) -> None:
        from subscribers import history, membership, tally

        post_migrate.connect(history.install, sender=self, dispatch_uid="subscribers.history")
        post_migrate.connect(tally.install, sender=self, dispatch_uid="subscribers.tally")
        post_migrate.connect(membership.install, sender=self, dispatch_uid="subscribers.sets")
