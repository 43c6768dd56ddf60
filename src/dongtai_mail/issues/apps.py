"""The issues app: what is written, and what was frozen of it."""

from django.apps import AppConfig


class IssuesConfig(AppConfig):
    name = "dongtai_mail.issues"
    label = "issues"
    verbose_name = "Issues"

    def ready(self) -> None:
        from dongtai_mail.issues import reviewing
        from dongtai_mail.issues.signals import issue_changed

        issue_changed.connect(reviewing.on_issue_changed)
