"""What losing the broker does to a worker: nothing that a new connection does not mend."""

from __future__ import annotations

import contextlib
import logging

import kombu

from tests.installation import RedisServer, short_directory
from worker.app import app


def test_redis_that_goes_away_in_the_midst_of_a_task_ends_no_worker() -> None:
    with short_directory() as directory:
        server = RedisServer(directory)
        connection = app.connection_for_read(server.url)
        tasks, control = connection.default_channel, connection.channel()
        received: list[kombu.Message] = []
        _consume(tasks, kombu.Queue("tasks"), received)
        kombu.Producer(tasks).publish({}, routing_key="tasks")
        connection.drain_events(timeout=5)
        (task,) = received
        _consume(
            control, kombu.Queue("control", kombu.Exchange("c", "fanout"), auto_delete=True), []
        )
        connection.transport.cycle.on_poll_start()
        server.stop()
        # As Celery does when it has lost its connection.
        with contextlib.suppress(Exception):
            connection.collect(socket_timeout=1)
        with contextlib.suppress(*connection.connection_errors):
            connection.close()
        assert not connection.connected
        task.ack_log_error(logging.getLogger(), connection.connection_errors)


def _consume(
    channel: kombu.transport.virtual.Channel, queue: kombu.Queue, received: list[kombu.Message]
) -> None:
    kombu.Consumer(channel, [queue], on_message=received.append).consume()
