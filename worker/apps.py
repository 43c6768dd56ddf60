"""The worker app: listens for what delivery announces, and wakes Celery."""

from django.apps import AppConfig


class WorkerConfig(AppConfig):
    name = "worker"
    verbose_name = "Worker"

    def ready(self) -> None:
        # Tasks are shared; without the application in memory they would go to Celery's default.
        from worker import app, wake  # noqa: F401 - app is wanted for its being there

        wake.listen()
