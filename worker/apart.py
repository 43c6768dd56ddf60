"""Things to do one after the other that must not hold each other up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import redis
from django.db import InterfaceError, OperationalError

from dongtai_mail.logs import event

logger = logging.getLogger(__name__)

# The database or Redis is away, which holds up everything; it passes.
Away = (OperationalError, InterfaceError, redis.RedisError)


def each(duties: Mapping[str, Callable[[], object]]) -> None:
    """Do all of them; one that fails is logged by its name, and the others are done.

    Raises: one of ``Away``, at once.
    """
    for name, duty in duties.items():
        try:
            duty()
        except Away:
            raise
        except Exception:
            logger.exception(event("duty-failed", duty=name))
