"""Things to do that must not hold each other up: one after the other, or beside the sending."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

import redis
from django.db import connection

from dongtai_mail.database import AWAY
from dongtai_mail.logs import event

logger = logging.getLogger(__name__)

# The database or Redis is away, or full, which holds up everything; it passes.
Away = (*AWAY, redis.ConnectionError, redis.TimeoutError, redis.ResponseError)
_REFUSALS = (redis.ResponseError, redis.AuthenticationError)


def away(error: BaseException, **more: object) -> str:
    """The log's line about one of ``Away``: silence is another thing than an answer that says no.

    Celery's library hands such an error on as the cause of its own.
    """
    refused = isinstance(error, _REFUSALS) or isinstance(error.__cause__, _REFUSALS)
    return event("redis-refused" if refused else "unreachable", **more, error=error)


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


class Beside:
    """A thread for work that takes longer than the sending can wait; one at a time.

    What the work was to do is in the database, so whatever ends it, the next one does it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def begin(self, work: Callable[[], object]) -> None:
        """Begin it, unless some is under way."""
        if self.busy:
            return
        self._thread = threading.Thread(
            target=self._run, args=(work,), name=self._name, daemon=True
        )
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for the end of what is under way."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Away as error:
            logger.warning(away(error, waits=self._name))
        except Exception:
            logger.exception(event("duty-failed", duty=self._name))
        finally:
            connection.close()
