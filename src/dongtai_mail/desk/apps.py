"""The desk app: the staff's web pages."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class DeskConfig(AppConfig):
    name = "dongtai_mail.desk"
    label = "desk"
    verbose_name = "Desk"

    def ready(self) -> None:
        from dongtai_mail.desk import immutable, import_log, mailing_mail, reviews
        from dongtai_mail.desk.accounts import recording

        post_migrate.connect(immutable.install, sender=self, dispatch_uid="desk.immutable")
        recording.listen()
        import_log.listen()
        mailing_mail.listen()
        reviews.listen()
