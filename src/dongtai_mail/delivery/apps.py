"""The delivery app: mailings, deliveries and their outcomes."""

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "dongtai_mail.delivery"
    label = "delivery"
    verbose_name = "Delivery"
