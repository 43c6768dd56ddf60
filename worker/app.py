"""The Celery application: how tasks reach workers, and what the scheduler does by the clock.

Tasks only wake a worker; the database says what there is to do. So results are not stored, a
task that is lost is replaced by the next tick, and one that is delivered twice finds nothing.
"""

from __future__ import annotations

import os

from celery import Celery
from kombu.transport.redis import Channel, Transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dongtai_mail.settings")

TICK_SECONDS = 5.0


class _Channel(Channel):
    """Leaves tasks alone whose connection is lost; the next tick replaces them.

    kombu 5.7 would put them back, and confirm them once they are done, over a transport that is no
    more: an AttributeError, which ended the worker.
    """

    do_restore = False

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        if not self._lost:
            super().basic_ack(delivery_tag, multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if not self._lost:
            super().basic_reject(delivery_tag, requeue)

    @property
    def _lost(self) -> bool:
        return self.closed or self.connection is None or self.connection.client is None


Transport.Channel = _Channel
app = Celery("dongtai")


def configure() -> None:
    from django.conf import settings

    app.conf.update(
        broker_url=settings.REDIS_URL,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": 3600},
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        beat_scheduler="worker.scheduler:Ticker",
        beat_schedule={
            name: {"task": f"worker.tasks.{name}", "schedule": TICK_SECONDS}
            for name in ("drive", "errands")
        },
        timezone=settings.TIME_ZONE,
        include=["worker.tasks"],
    )


app.on_configure.connect(lambda **_: configure(), weak=False)
