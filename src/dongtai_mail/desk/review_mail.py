"""Who is told by mail what happens to a review, unless they turned it off.

Owns: ``tell``. Promises: nobody is written to about what they did themselves, nor twice about the
same; reviewers hear of a request, editors of what becomes of it, and whoever scheduled a mailing
of the edition hears that it won't go out.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from dongtai_mail.delivery import staff_notices
from dongtai_mail.delivery.models import Mailing, StaffNotice
from dongtai_mail.desk import people
from dongtai_mail.desk.models import Membership, Role
from dongtai_mail.issues import reviewing
from dongtai_mail.issues.models import Review

Kind = StaffNotice.Kind
State = Review.State
KINDS = {
    State.REQUESTED: Kind.REVIEW_REQUESTED,
    State.RETURNED: Kind.REVIEW_RETURNED,
    State.APPROVED: Kind.REVIEW_APPROVED,
    State.REVOKED: Kind.REVIEW_REVOKED,
}


def tell(review: Review, actor: str) -> None:
    """Write to whom it concerns that ``actor`` brought the review into its present state."""
    kind = KINDS.get(State(review.state))
    if kind is None:
        return
    concerned = _reviewers(review) if kind is Kind.REVIEW_REQUESTED else _askers(review)
    willing = concerned.exclude(mail_preference__reviews=False).exclude(username=actor)
    staff_notices.post_review(kind, review, people.with_languages(willing))


def _reviewers(review: Review) -> QuerySet[User]:
    """Those who review and may approve it; where nobody does, administrators who may."""
    barred = reviewing.barred(review)
    members = people.members(review.issue.publication).exclude(username__in=barred)
    in_role = [
        members.filter(memberships__in=_holding(review, role))
        for role in (Role.REVIEWER, Role.ADMINISTRATOR)
    ]
    return in_role[0] if in_role[0].filter(is_active=True).exists() else in_role[1]


def _holding(review: Review, role: Role) -> QuerySet[Membership]:
    return Membership.objects.filter(publication=review.issue.publication_id, role=role)


def _askers(review: Review) -> QuerySet[User]:
    concerned = Q(pk=review.requested_by_id)
    if review.state == State.REVOKED:
        scheduled = Mailing.objects.filter(edition=review.edition, state=Mailing.State.SCHEDULED)
        concerned |= Q(pk=review.decided_by_id) | Q(username__in=scheduled.values("created_by"))
    return people.members(review.issue.publication).filter(concerned)
