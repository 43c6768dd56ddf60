"""The subscribers app: people, lists, consent, and who must get no mail."""

from django.apps import AppConfig


class SubscribersConfig(AppConfig):
    name = "subscribers"
    verbose_name = "Subscribers"
