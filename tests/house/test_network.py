"""Tests stay on this machine."""

from __future__ import annotations

import socket

import pytest
import redis
from pytest_socket import SocketConnectBlockedError


def test_no_connection_leaves_loopback() -> None:
    # 192.0.2.0/24 is for documentation (RFC 5737): nobody is harmed should the block fail.
    with (
        socket.socket() as outward,
        pytest.warns(UserWarning, match="192.0.2.1"),
        pytest.raises(SocketConnectBlockedError),
    ):
        outward.connect(("192.0.2.1", 80))


def test_the_redis_of_the_tests_is_real(redis_server: redis.Redis) -> None:
    redis_server.set("word", "字")
    assert redis_server.get("word") == "字".encode()
