"""How many calls wait for workers.

Calls carry no time at which they expire: a worker would compare it with its own clock, and one
that is ahead of the caller's would throw all of them away. So that they don't pile up while every
worker is busy for hours, ticks add none to a crowd, and who calls for help none to one that waits.
"""

from __future__ import annotations

from functools import cache

import redis
from django.conf import settings

from dongtai_mail.delivery import pace

QUEUE = "celery"
CROWD = 4


def waiting() -> int:
    """How many calls nobody has taken yet. While Redis is away, whoever calls finds out."""
    try:
        return int(_client(settings.REDIS_URL).llen(QUEUE))
    except redis.RedisError:
        return 0


@cache
def _client(url: str) -> redis.Redis:
    return pace.client(url)
