"""The Django app ``catcher``: pages, templates and one stylesheet; no models."""

from django.apps import AppConfig


class CatcherConfig(AppConfig):
    name = "dongtai_mail.catcher"
    label = "catcher"
