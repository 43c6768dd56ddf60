"""Undoing an import, which is possible while nothing was sent to the people it brought."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from dongtai_mail.delivery.models import Delivery, ReturnedMessage
from subscribers import undoing
from subscribers.importing import ImportFailed
from subscribers.models import ImportRun, SubscriptionEvent


def begin_undoing(run: ImportRun, *, here: bool = False) -> None:
    """Leave it to a worker, or ``undo`` it here; ``ImportFailed`` when it can't be undone."""
    ours = SubscriptionEvent.objects.filter(source="import", detail=f"import {run.pk}")
    if run.undoable and _delivered(ours):
        raise ImportFailed(_("已经给这次导入的人排进了发送，不能再撤销；可以按名单退订他们。"))
    if not undoing.begin(run, here=here):
        raise ImportFailed(
            _("这次导入现在是“%(state)s”，没有可撤销的。") % {"state": run.get_state_display()}
        )


def _delivered(ours: QuerySet[SubscriptionEvent]) -> bool:
    return Delivery.objects.filter(subscription__in=ours.values("subscription")).exists()


def advance_undoing(run_id: int) -> bool:
    """Go on taking an import back; see ``undoing.advance``."""
    return undoing.advance(run_id, _spared())


def undo(run: ImportRun) -> int:
    """Take an import back at once; answers how many people went, or raises ``LeaseLost``."""
    undoing.finish(run, _spared())
    return int(run.counts["taken"])


def _spared() -> Q:
    # A mailing may begin meanwhile, and who answered a confirmation is named in what came back.
    named = {"subscription": OuterRef("pk")}
    delivered = Exists(Delivery.objects.filter(**named))
    return delivered | Exists(ReturnedMessage.objects.filter(**named))
