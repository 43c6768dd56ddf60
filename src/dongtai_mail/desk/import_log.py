"""The end of an import's undoing, which a worker comes to, in the audit log.

Owns: ``listen``. Promises: it is put down to whoever had it undone.
"""

from __future__ import annotations

from typing import Any

from dongtai_mail.desk import audit
from dongtai_mail.desk.models import AuditEntry
from subscribers.models import ImportRun
from subscribers.signals import import_undone


def listen() -> None:
    import_undone.connect(_record, dispatch_uid="desk.import_log")


def _record(run: ImportRun, **_more: Any) -> None:
    named = {"subject_kind": run._meta.label_lower, "subject_id": str(run.pk)}
    begun = AuditEntry.objects.filter(action="import.undo-begun", **named).order_by("pk").last()
    audit.later(begun, "import.undone", run, after={"people": run.counts["taken"]})
