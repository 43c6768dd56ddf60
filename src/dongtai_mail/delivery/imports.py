"""Undoing an import, which is possible while nothing was sent to the people it brought."""

from __future__ import annotations

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from dongtai_mail.delivery.models import Delivery, ReturnedMessage
from subscribers import undoing
from subscribers.importing import ImportFailed
from subscribers.models import ImportRun, SubscriptionEvent

UNDOABLE = (ImportRun.State.DONE, ImportRun.State.UNDOING)


def undo(run: ImportRun) -> int:
    """Take an import back; ``ImportFailed`` when it isn't done or somebody got mail by it."""
    begin_undoing(run)
    # A mailing may begin meanwhile, and who answered a confirmation is named in what came back.
    named = {"subscription": OuterRef("pk")}
    delivered = Exists(Delivery.objects.filter(**named))
    return undoing.undo(run, delivered | Exists(ReturnedMessage.objects.filter(**named)))


def begin_undoing(run: ImportRun) -> None:
    """Write down that it has begun, so that one that was cut off is seen; refuses as ``undo``."""
    if run.state not in UNDOABLE:
        raise ImportFailed(
            _("这次导入现在是“%(state)s”，没有可撤销的。") % {"state": run.get_state_display()}
        )
    ours = SubscriptionEvent.objects.filter(source="import", detail=f"import {run.pk}")
    if Delivery.objects.filter(subscription__in=ours.values("subscription")).exists():
        raise ImportFailed(_("已经给这次导入的人排进了发送，不能再撤销；可以按名单退订他们。"))
    run.state = ImportRun.State.UNDOING
    ImportRun.objects.filter(pk=run.pk, state__in=UNDOABLE).update(state=run.state)
