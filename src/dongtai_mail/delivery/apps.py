"""The delivery app: mailings, deliveries and their outcomes."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class DeliveryConfig(AppConfig):
    name = "dongtai_mail.delivery"
    label = "delivery"
    verbose_name = "Delivery"

    def ready(self) -> None:
        from dongtai_mail import database
        from dongtai_mail.delivery import approvals, erasure, tally, webhooks

        database.listen()
        approvals.listen()
        post_migrate.connect(tally.install, sender=self, dispatch_uid="delivery.tally")
        erasure.listen()
        webhooks.listen()
