"""One worker at an import, and the next one soon after it died.

Owns: which worker may go on with a run, and until when. Promises: a lease is renewed beside the
work for as long as its process lives, however long a statement takes, and ends ``LEASE`` after the
last time; whoever lost it records nothing more, so that no two ever add the same rows; what fails
``TRIES`` times at one place is tried no more. Fails:
``LeaseLost`` where another worker has taken over.
"""

from __future__ import annotations

import datetime
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from subscribers.models import ImportRun

RUNNING = (ImportRun.State.CHECKING, ImportRun.State.RUNNING)
LIVE = (*RUNNING, ImportRun.State.UNDOING)
LEASE = datetime.timedelta(seconds=30)
# One more after this many would go on for ever.
TRIES = 3
BEAT = datetime.timedelta(seconds=5)


class LeaseLost(Exception):
    """Another worker goes on with the run."""


# Nothing of the run's own doing; the database may be away.
PASSING = (LeaseLost, OperationalError, InterfaceError)


def waiting(*states: ImportRun.State) -> list[int]:
    """Runs in these states that nobody works at."""
    found = ImportRun.objects.filter(_free(), state__in=states).order_by("id")
    return list(found.values_list("pk", flat=True))


def _free() -> Q:
    return Q(leased_until=None) | Q(leased_until__lt=timezone.now())


def seconds_left(run: ImportRun) -> int | None:
    """How long a run still waits for a worker that went silent; None where none did."""
    if run.leased_until is None:
        return None
    left = run.leased_until - timezone.now()
    return max(0, round(left.total_seconds())) if left < LEASE - 3 * BEAT else None


def start(run: ImportRun) -> None:
    """Give a run that is saved next to this process."""
    run.worker, run.leased_until = uuid.uuid4().hex, timezone.now() + LEASE


def take(run_id: int, *states: ImportRun.State) -> bool:
    """Give a run in one of these states to this process, where nobody is at it."""
    wanted = ImportRun.objects.filter(_free(), pk=run_id, state__in=states)
    return bool(wanted.update(worker=uuid.uuid4().hex, leased_until=timezone.now() + LEASE))


def record(run: ImportRun, **changes: Any) -> None:
    """Write down what was done; in the transaction that did it, which fails with the lease."""
    if not _own(run).update(leased_until=timezone.now() + LEASE, **changes):
        raise LeaseLost
    for name, value in changes.items():
        setattr(run, name, value)


def check(run: ImportRun) -> None:
    """Fail where another worker has gone on meanwhile, and may have come to the end."""
    if not _own(run).exists():
        raise LeaseLost


def failed_again(run: ImportRun) -> bool:
    """Count a failure that nobody has foreseen; whether the run has had enough tries."""
    record(run, tries=run.tries + 1)
    return run.tries >= TRIES


def told(error: Exception) -> str:
    """What staff read of a run that was given up."""
    why = f"{type(error).__name__}: {error}".replace("\0", "\ufffd")
    return _("同一处出错 %(tries)s 次，已停下：%(why)s") % {"tries": TRIES, "why": why[:300]}


@contextmanager
def held(run: ImportRun) -> Iterator[None]:
    """Renew the lease meanwhile, and give it back at the end."""
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(run, over), name="lease", daemon=True)
    # SQLite lets nobody write beside a transaction; there each chunk renews it.
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        beating.start()
    try:
        yield
    finally:
        over.set()
        if beating.ident is not None:
            beating.join()
        _own(run).update(leased_until=None, worker="")


def _beat(run: ImportRun, over: threading.Event) -> None:
    while not over.wait(BEAT.total_seconds()):
        try:
            _own(run).update(leased_until=timezone.now() + LEASE)
        except DatabaseError:
            # Busy, or gone for a while: the work itself finds out, and the next beat may come.
            connection.close()
    connection.close()


def _own(run: ImportRun) -> Any:
    return ImportRun.objects.filter(pk=run.pk, worker=run.worker)
