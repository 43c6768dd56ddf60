"""An approval that is taken back while a mailing of its edition is under way.

Promises: the mailings that run stop in the transaction that takes it back, and say why; none goes
on, and no further stage of one opens, until the same bytes are approved again. What was changed in
the issue after a mailing began stops nothing: readers get the bytes that were approved.
"""

from __future__ import annotations

import logging
from typing import Any

from dongtai_mail.delivery.models import Mailing
from dongtai_mail.delivery.signals import announce_waiting
from dongtai_mail.issues import reviewing
from dongtai_mail.issues.models import Review
from dongtai_mail.issues.signals import review_ended
from dongtai_mail.logs import event

logger = logging.getLogger(__name__)

State = Mailing.State
# Kept in Chinese; ``sentences`` tells it in the reader's language.
TAKEN_BACK = (
    "这一版的批准已被撤销或退回，发送已停止。"
    "请在这一期的“审核”页重新送审；批准后再继续，或取消这次发送。"
)


def listen() -> None:
    review_ended.connect(_stop_running, dispatch_uid="delivery.approvals")


def is_taken_back(mailing: Mailing) -> bool:
    """Whether an approval is asked for and the last word on these bytes is another."""
    edition = mailing.edition
    return edition.issue.publication.needs_approval and not reviewing.was_approved(edition)


def stop(mailing: Mailing) -> None:
    sending = Mailing.objects.filter(pk=mailing.pk, state=State.SENDING)
    if sending.update(state=State.STOPPED, note=TAKEN_BACK):
        logger.warning(event("mailing", mailing=mailing.pk, state=State.STOPPED, approved=False))
        announce_waiting(mailing.pk)


def _stop_running(review: Review, **_more: Any) -> None:
    if review.state != Review.State.REVOKED or review.outdated:
        return
    active = review.edition.mailings.exclude(state__in=(State.FINISHED, State.CANCELLED))
    # Whoever begins or resumes one at this moment is waited for, and then stopped.
    for mailing in active.select_for_update().order_by("pk"):
        stop(mailing)
