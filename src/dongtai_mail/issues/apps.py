"""The issues app: what is written, and what was frozen of it."""

from django.apps import AppConfig


class IssuesConfig(AppConfig):
    name = "dongtai_mail.issues"
    label = "issues"
    verbose_name = "Issues"
