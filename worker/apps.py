"""The worker app: listens for what delivery announces, and wakes Celery."""

from django.apps import AppConfig


class WorkerConfig(AppConfig):
    name = "worker"
    verbose_name = "Worker"

    def ready(self) -> None:
        from worker import wake

        wake.listen()
