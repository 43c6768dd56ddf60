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
from dongtai_mail.issues import editions, reviewing
from dongtai_mail.issues.models import Edition, Review
from dongtai_mail.issues.signals import review_ended
from dongtai_mail.logs import event

logger = logging.getLogger(__name__)

State = Mailing.State
# Kept in Chinese; ``sentences`` tells them in the reader's language. By whether these bytes were
# ever approved, and whether the issue still says what they say.
HINDRANCES = {
    (True, True): (
        "这一版的批准已被撤销或退回，发送已停止。"
        "请在这一期的“审核”页重新送审；批准后再继续，或取消这次发送。"
    ),
    (True, False): (
        "这一版的批准已被撤销或退回，发送已停止；这一期后来又改过，改回原样才能再批准这一版。"
        "或者取消这次发送；新的一版批准后，在这次发送的页面上发给没收到的人。"
    ),
    (False, True): (
        "刊物现在要求发送前审核，这一版没有批准过，发送已停止。"
        "请在这一期的“审核”页送审；批准后再继续，或取消这次发送。"
    ),
    (False, False): (
        "刊物现在要求发送前审核，这一版没有批准过，发送已停止；这一期后来又改过，改回原样才能再批准这一版。"
        "或者取消这次发送；新的一版批准后，在这次发送的页面上发给没收到的人。"
    ),
}


def listen() -> None:
    review_ended.connect(_stop_running, dispatch_uid="delivery.approvals")


def is_taken_back(mailing: Mailing) -> bool:
    """Whether an approval is asked for and the last word on these bytes is another."""
    edition = mailing.edition
    return edition.issue.publication.needs_approval and not reviewing.was_approved(edition)


def hindrance(mailing: Mailing) -> str:
    """Why a mailing can't go on for want of an approval, and what to do; "" when it can."""
    if not is_taken_back(mailing):
        return ""
    return _hindrance(mailing.edition)


def _hindrance(edition: Edition) -> str:
    return HINDRANCES[reviewing.was_decided(edition), editions.is_current(edition)]


def notes(mailing: Mailing) -> tuple[str, str]:
    """What keeps a mailing that is held from going on, as of now, and what else was noted of it."""
    held = mailing.state in (State.PAUSED, State.STOPPED)
    why = hindrance(mailing) if held else ""
    return why, "" if why and mailing.note in HINDRANCES.values() else mailing.note


def replacement(mailing: Mailing) -> Edition | None:
    """What those whom a mailing missed may get: its edition, or one approved in its stead."""
    edition = mailing.edition
    if not is_taken_back(mailing):
        return edition
    reviews = Review.objects.filter(issue=edition.issue_id, state=Review.State.APPROVED)
    newest = reviews.filter(edition__kind=edition.kind).select_related("edition").first()
    return newest.edition if newest and reviewing.is_approved(newest.edition) else None


def stop(mailing: Mailing) -> None:
    sending = Mailing.objects.filter(pk=mailing.pk, state=State.SENDING)
    if sending.update(state=State.STOPPED, note=_hindrance(mailing.edition)):
        logger.warning(event("mailing", mailing=mailing.pk, state=State.STOPPED, approved=False))
        announce_waiting(mailing.pk)


def _stop_running(review: Review, **_more: Any) -> None:
    if review.state != Review.State.REVOKED or review.outdated:
        return
    active = review.edition.mailings.exclude(state__in=(State.FINISHED, State.CANCELLED))
    # Whoever begins or resumes one at this moment is waited for, and then stopped.
    for mailing in active.select_for_update().order_by("pk"):
        stop(mailing)
