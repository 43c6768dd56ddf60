"""Readers from a file into a list: received, checked and taken in; ``undoing`` takes them back.

Owns: an import's life. ``receive`` keeps the file and guesses how to read it; ``begin`` says what
its columns mean and sets it off; ``advance``, which a worker calls, checks every row and then,
once ``proceed`` was said, takes them in. Promises: rows are done in chunks, each one transaction,
so that after a kill any worker goes on where the last one stopped, and a chunk that is done again
changes nothing; every row is new, known already or refused with its line and reason; nobody who
left, bounced, complained or is suppressed comes back. Fails: ``ImportFailed`` with what is wrong
with the file.
"""

from __future__ import annotations

import datetime
import logging
import uuid
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from subscribers import columns, erasure, joining, leasing, staging, tables
from subscribers.joining import Lines
from subscribers.leasing import RUNNING
from subscribers.models import ImportRow, ImportRun, SubscriberList
from subscribers.packages import TableUnreadable
from subscribers.signals import import_due
from subscribers.tables import Fault, Shape

logger = logging.getLogger(__name__)

State = ImportRun.State
Head = list[tuple[int, list[str]]]
CHUNK = 20_000
PREVIEW = 8
FILE_BYTES = 256 * 1024 * 1024
KEPT_DAYS = 30


class ImportFailed(Exception):
    """The file can't be imported; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows of a file; ``header`` has made-up names where the file has none."""

    header: list[str]
    rows: list[list[str]]


def import_file(subscriber_list: SubscriberList, path: Path, basis: str = "") -> ImportRun:
    """Check and take in a whole file at once, by its own headers."""
    with path.open("rb") as file:
        run = receive(subscriber_list, iter(lambda: file.read(1 << 20), b""), path.name)
    run.basis = basis
    begin_here(run, proceed=True)
    return run


def receive(
    subscriber_list: SubscriberList, chunks: Iterable[bytes], filename: str, created_by: str = ""
) -> ImportRun:
    """Keep a file and find out how to read it; nothing is imported yet."""
    run = ImportRun(
        subscriber_list=subscriber_list,
        filename=filename[-255:],
        stored=uuid.uuid4().hex,
        created_by=created_by,
    )
    run.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        run.size = _store(chunks, run.path)
        shape = tables.shape_of(run.path)
        run.encoding, run.delimiter = shape.encoding, shape.delimiter
        _guess(run)
    except (ImportFailed, TableUnreadable) as error:
        run.path.unlink(missing_ok=True)
        raise ImportFailed(str(error)) from error
    run.save()
    return run


def _store(chunks: Iterable[bytes], path: Path) -> int:
    size = 0
    with path.open("xb") as file:
        path.chmod(0o600)
        for chunk in chunks:
            size += len(chunk)
            if size > FILE_BYTES:
                raise ImportFailed(
                    _("文件超过 %(size)s MB 的上限，请分成几个文件。") % {"size": FILE_BYTES >> 20}
                )
            file.write(chunk)
    return size


def _guess(run: ImportRun) -> None:
    head = _head(run, PREVIEW + 1)
    run.header = _header_at(head) is not None
    shown = _shown(run, head)
    run.columns = columns.guess(shown.header if run.header else [], shown.rows)


def preview(run: ImportRun) -> Preview:
    """The header and the first rows, read again from the kept file."""
    return _shown(run, _head(run, PREVIEW + 1))


def _shown(run: ImportRun, head: Head) -> Preview:
    at = _header_at(head) if run.header else None
    rows = [cells for _number, cells in head]
    width = max(map(len, rows), default=0)
    named = list(rows[at]) if at is not None else []
    header = named + [
        _("第 %(number)s 列") % {"number": place + 1} for place in range(len(named), width)
    ]
    return Preview(header, rows[:PREVIEW] if at is None else rows[at + 1 :])


def _header_at(head: Head) -> int | None:
    return columns.header_at([cells for _number, cells in head])


def _header_row(run: ImportRun) -> int:
    """The number of the row that names the columns; 0 where none does."""
    head = _head(run, PREVIEW + 1) if run.header else []
    at = _header_at(head)
    return 0 if at is None else head[at][0]


def _head(run: ImportRun, count: int) -> Head:
    try:
        found = islice(tables.rows(run.path, _shape(run)), count)
        return [(number, [] if isinstance(cells, Fault) else cells) for number, cells in found]
    except TableUnreadable as error:
        raise ImportFailed(str(error)) from error


def _shape(run: ImportRun) -> Shape:
    return Shape(run.encoding, run.delimiter)


def begin(run: ImportRun, *, proceed: bool = False) -> None:
    """Set off the check of a received run, and with ``proceed`` the import after it."""
    _prepare(run, proceed)
    announce(run.pk)


def begin_here(run: ImportRun, *, proceed: bool) -> None:
    """The same in this process, done when it returns; raises ``ImportFailed``, ``LeaseLost``."""
    leasing.start(run)
    _prepare(run, proceed)
    _work(run)
    if run.state == State.FAILED:
        raise ImportFailed(run.note)


def _prepare(run: ImportRun, proceed: bool) -> None:
    if columns.ADDRESS not in run.columns:
        header = ", ".join(preview(run).header)
        raise ImportFailed(
            _("认不出哪一列是邮箱（例如“邮箱”或“email”）；第一行是：%(header)s")
            % {"header": header[:200]}
        )
    ImportRow.objects.filter(run=run).delete()
    run.state, run.position, run.proceed, run.note = State.CHECKING, 0, proceed, ""
    with transaction.atomic():
        # Somebody may have been erased since the file came.
        latest = ImportRun.objects.select_for_update()
        run.refresh_from_db(fields=["erased"], from_queryset=latest)
        run.save()


def proceed(run: ImportRun) -> bool:
    """Take in what was checked; False when it is not waiting for that."""
    moved = ImportRun.objects.filter(pk=run.pk, state=State.CHECKED).update(
        state=State.RUNNING, position=0, proceed=True
    )
    if moved:
        announce(run.pk)
    return bool(moved)


def announce(run_id: int) -> None:
    transaction.on_commit(lambda: import_due.send(ImportRun, run_id=run_id))


def waiting() -> list[int]:
    """Runs that want a worker: nobody works at them now."""
    return leasing.waiting(*RUNNING)


def advance(run_id: int) -> bool:
    """Do what a run wants done; False when another worker is at it, or there is nothing."""
    if not leasing.take(run_id, *RUNNING):
        return False
    try:
        _work(ImportRun.objects.select_related("subscriber_list").get(pk=run_id))
    except leasing.LeaseLost:
        logger.warning("import=%s is with another worker by now", run_id)
    except leasing.PASSING:
        raise
    except Exception:
        # It is counted; the other imports go on.
        logger.exception("import=%s stumbled", run_id)
    return True


def _work(run: ImportRun) -> None:
    with leasing.held(run):
        try:
            while run.state in RUNNING:
                (_check if run.state == State.CHECKING else _take_in)(run)
        except TableUnreadable as error:
            _end(run, State.FAILED, str(error))
        except OSError as error:
            _end(run, State.FAILED, _("文件读不出来：%(why)s") % {"why": error.strerror})
        except leasing.PASSING:
            raise
        except Exception as error:
            _stumbled(run, error)
            raise


def _stumbled(run: ImportRun, error: Exception) -> None:
    """Count what nobody has foreseen; what fails again and again ends, and says why."""
    if not leasing.failed_again(run):
        return
    if run.state == State.RUNNING:
        leasing.record(run, counts={**run.counts, "added": joining.added(run)})
    _end(run, State.FAILED, leasing.told(error))


def _check(run: ImportRun) -> None:
    reader = staging.Reader(run.pk, run.columns)
    skipped = max(run.position, _header_row(run))
    rows = (row for row in tables.rows(run.path, _shape(run)) if row[0] > skipped)
    for first in rows:
        chunk = chain([first], islice(rows, CHUNK - 1))
        with transaction.atomic():
            leasing.record(run, position=staging.write(reader.batches(chunk)), tries=0)
    with transaction.atomic():
        counts = staging.judge(run)
    with transaction.atomic():
        # Not with the verdicts: who is erased must not wait for those.
        erasure.forget_meanwhile(run.pk)
        state = State.RUNNING if run.proceed else State.CHECKED
        leasing.record(run, counts=counts, rows=run.position, position=0, state=state)


def _take_in(run: ImportRun) -> None:
    wording = joining.wording(run)
    begun, under_way = run.position, deque[tuple[int, Future[None]]]()
    with joining.hands() as (hands, submit):
        while run.position < run.rows:
            # One more than there are hands: none of them waits for the other's chunk.
            while begun < run.rows and len(under_way) <= hands:
                first, begun = begun + 1, min(begun + CHUNK, run.rows)
                under_way.append((begun, submit(Lines(run, first, begun, wording))))
            last, joined = under_way.popleft()
            joined.result()
            leasing.record(run, position=last, tries=0)
    leasing.record(run, counts={**run.counts, "added": joining.added(run)})
    _end(run, State.DONE)


def _end(run: ImportRun, state: State, note: str = "") -> None:
    with transaction.atomic():
        erasure.forget_meanwhile(run.pk)
        leasing.record(run, state=state, note=note[:500], finished_at=timezone.now())


def give_up(run: ImportRun) -> bool:
    """Discard a run that waits for somebody's word; False once it was given."""
    waits = ImportRun.objects.select_for_update().filter(
        pk=run.pk, state__in=(State.UPLOADED, State.CHECKED)
    )
    with transaction.atomic():
        found = waits.first()
        if found is not None:
            discard(found)
    return found is not None


def discard(run: ImportRun) -> None:
    """Leave nothing of a run that took nobody in."""
    forget(run)
    run.delete()


def forget_old() -> None:
    """Throw away files and rows of imports that ended long ago."""
    old = timezone.now() - datetime.timedelta(days=KEPT_DAYS)
    for run in ImportRun.objects.filter(created_at__lt=old).exclude(stored=""):
        if run.state not in RUNNING:
            forget(run)


def forget(run: ImportRun) -> None:
    """Delete a run's file and rows; its counts stay."""
    run.path.unlink(missing_ok=True)
    ImportRow.objects.filter(run=run).delete()
    ImportRun.objects.filter(pk=run.pk).update(stored="")
