"""The desk app: the staff's web pages."""

from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "dongtai_mail.desk"
    label = "desk"
    verbose_name = "Desk"

    def ready(self) -> None:
        from dongtai_mail.desk.accounts import recording

        recording.listen()
