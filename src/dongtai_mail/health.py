"""Two addresses for those who watch the web server: is it up, and can it work.

Owns: ``/health/live`` (this process answers) and ``/health/ready`` (it also reaches the database,
and the schema is current). Promises: neither needs a login, nor tells more than a word. Redis is
not asked: readers can leave and staff can work without it.
"""

from __future__ import annotations

import logging

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dongtai_mail.logs import event

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def live(_: HttpRequest) -> HttpResponse:
    return _answer(None)


@require_safe
@never_cache
def ready(_: HttpRequest) -> HttpResponse:
    return _answer(_problem())


def _answer(problem: str | None) -> HttpResponse:
    status = 503 if problem else 200
    return HttpResponse(f"{problem or 'ok'}\n", content_type="text/plain", status=status)


def _problem() -> str | None:
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        # Asked every few seconds: a traceback each time would hide the rest.
        logger.warning(event("unreachable", service="database", error=error))
        return "database unreachable"
    return "migrations missing" if plan else None
