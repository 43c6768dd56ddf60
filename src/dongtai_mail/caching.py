"""The cache that counts sign-ins: Redis for all processes, this process alone while Redis is away.

Promises: a count is kept somewhere, always; losing Redis makes limits looser by the number of
processes, never unlimited, and nobody is kept out by it.
"""

from __future__ import annotations

from typing import Any

import redis
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache


def location(redis_url: str) -> str:
    """Celery's spelling of a Unix socket in that of redis-py."""
    return redis_url.replace("redis+socket://", "unix://", 1)


class SharedCache(RedisCache):
    """``RedisCache`` with a ``LocMemCache`` to fall back on."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._own = LocMemCache("shared-cache-fallback", {"TIMEOUT": params.get("TIMEOUT", 300)})

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._either("add", *args, **kwargs))

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._either("get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._either("set", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._either("delete", *args, **kwargs))

    def clear(self) -> None:
        self._own.clear()
        self._either("clear")

    def _either(self, method: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(super(), method)(*args, **kwargs)
        except redis.RedisError:
            return getattr(self._own, method)(*args, **kwargs)
