"""Whether each part of the embedded installation truly does its work yet; never raises."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

import redis

from dongtai_mail.embedded.place import HOST

# Where kombu keeps the queues of Celery's remote control.
_NODES = "_kombu.binding.celery.pidbox"


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do it: a port whose last connections are just closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def redis_answers(path: Path) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(path)) as connection:
            return bool(connection.ping())
    except redis.RedisError:
        return False


def smtp_greets(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            return connection.recv(4).startswith(b"220")
    except OSError:
        return False


def web_answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def forget_celery_nodes(path: Path) -> None:
    """Nodes of an earlier run that was killed are still in Redis; none of them listens."""
    with redis.Redis(unix_socket_path=str(path)) as connection:
        connection.delete(_NODES)


def celery_listens(path: Path, name: str) -> bool:
    """A node binds its remote control after it has begun to take tasks."""
    try:
        with redis.Redis(unix_socket_path=str(path)) as connection:
            return any(f"{name}@".encode() in node for node in connection.smembers(_NODES))
    except redis.RedisError:
        return False
