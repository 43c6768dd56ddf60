"""Reviews: an edition is put before a reviewer, and only what they approved may be sent.

Promises: an approval is one of bytes (``Edition.sha256``), and these are sent even where newer
templates would make others. It ends by itself once the issue or the publication says anything
else, or its From changes, and says when and why; nobody approves what they asked for or wrote,
unless the publication allows it; every change of state is one conditional UPDATE, so that of two
people at once one is told what the other did.
Fails: ``ReviewRefused`` with what to do, in Chinese; ``editions.EditionRefused`` for errors.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Case, QuerySet, Value, When
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from dongtai_mail.issues import authorship, changes, editions
from dongtai_mail.issues.models import Edition, Issue, Publication, Review
from dongtai_mail.issues.naming import called
from dongtai_mail.issues.signals import review_ended

State = Review.State
OPEN = (State.REQUESTED, State.APPROVED)


class ReviewRefused(Exception):
    """It can't be asked for or decided so; the text says why and what to do."""


class CommentMissing(ReviewRefused):
    """Nobody can mend what was returned without a word."""


def request(issue: Issue, person: User, note: str = "", kind: str | None = None) -> Review:
    """Freeze the issue and put it before the reviewers; asking twice for the same is once."""
    edition = editions.freeze(issue, kind)
    with transaction.atomic():
        Issue.objects.select_for_update().get(pk=issue.pk)
        known = issue.reviews.filter(state__in=OPEN, edition=edition).first()
        if known is not None and _still_current(known):
            return known
        issue.reviews.filter(state=State.REQUESTED).update(
            state=State.WITHDRAWN, decided_at=timezone.now(), reviewer=person.get_username()
        )
        return Review.objects.create(
            issue=issue,
            edition=edition,
            requested_by=person,
            requester=person.get_username(),
            note=note,
            snapshot=changes.snapshot(issue),
        )


def approve(review: Review, person: User, comment: str = "") -> Review:
    """Let the edition's bytes be sent."""
    if not may_approve(review, person):
        raise ReviewRefused(
            _("这是您自己送审或改过的，请另一位审核来批准；刊物设置里可以允许自审。")
        )
    if not _still_current(review):
        raise ReviewRefused(_("送审以后有改动，这次送审已经撤回；请编辑重新送审。"))
    return _decide(review, State.APPROVED, person, comment)


def may_approve(review: Review, person: User) -> bool:
    """Superuser or not."""
    return person.get_username() not in barred(review)


def barred(review: Review) -> frozenset[str]:
    """The accounts of who asked, and of who changed anything since the last approval.

    In the issue, or in what its publication says in every issue.
    """
    publication = Publication.objects.get(issues=review.issue_id)
    if publication.self_approval:
        return frozenset()
    asked = review.requested_by.get_username() if review.requested_by else review.requester
    return authorship.authors(review.issue) | authorship.worders(publication) | {asked}


def send_back(review: Review, person: User, comment: str) -> Review:
    """Give it back to the editors; ``comment`` says what is to be done."""
    if not comment.strip():
        raise CommentMissing(_("请写明要改什么，再退回。"))
    return _decide(review, State.RETURNED, person, comment)


def withdraw(review: Review, person: User, comment: str = "") -> Review:
    """Take back a request, or an approval that turned out to be wrong."""
    if review.state == State.APPROVED:
        why = comment.strip() or "撤销了批准"
        end(review, person.get_username(), why, outdated=False)
        return review
    return _decide(review, State.WITHDRAWN, person, comment)


def _decide(review: Review, state: str, person: User, comment: str) -> Review:
    decided = Review.objects.filter(pk=review.pk, state=State.REQUESTED).update(
        state=state,
        decided_by=person,
        reviewer=person.get_username(),
        decided_at=timezone.now(),
        comment=comment.strip(),
    )
    review.refresh_from_db()
    if not decided:
        raise ReviewRefused(
            _("这次送审已经是“%(state)s”，请刷新后再看。") % {"state": review.get_state_display()}
        )
    return review


def vouch(edition: Edition, name: str) -> Review:
    """Record an approval in the name of whoever answers for it outside the desk."""
    issue = edition.issue
    with transaction.atomic():
        known = issue.reviews.filter(state=State.APPROVED, edition=edition).first()
        if known is not None and _still_current(known):
            return known
        now = timezone.now()
        issue.reviews.filter(state=State.REQUESTED).update(
            state=State.WITHDRAWN, decided_at=now, reviewer=name
        )
        return Review.objects.create(
            issue=issue,
            edition=edition,
            state=State.APPROVED,
            requester=name,
            reviewer=name,
            decided_at=now,
            snapshot=changes.snapshot(issue),
        )


def standing(issue: Issue) -> Review | None:
    """The request or approval that holds at this moment for what the issue says now."""
    for review in _open(issue):
        if _still_current(review):
            return review
    return None


def is_approved(edition: Edition) -> bool:
    """Whether these bytes may be sent: they were approved, and nothing has changed since."""
    reviews = Review.objects.filter(edition=edition, state=State.APPROVED)
    return any(_still_current(review) for review in reviews.select_related("edition"))


def was_approved(edition: Edition, *, same_sender: bool = False) -> bool:
    """Whether the last word on these bytes was yes, though the issue may have gone on since.

    ``same_sender``: and From is what it was then.
    """
    last = _decided(edition).first()
    if last is None or (same_sender and not _has_sender(last)):
        return False
    return last.state == State.APPROVED or (last.state == State.REVOKED and last.outdated)


def was_decided(edition: Edition) -> bool:
    """Whether a reviewer ever said yes or no to these bytes."""
    return _decided(edition).exists()


def _decided(edition: Edition) -> QuerySet[Review]:
    return edition.reviews.exclude(state__in=(State.REQUESTED, State.WITHDRAWN))


def _open(issue: Issue) -> QuerySet[Review]:
    return issue.reviews.filter(state__in=OPEN).select_related("edition")


def _still_current(review: Review) -> bool:
    """A change that nobody announced, as by another program, is found here."""
    if _says_the_same(review):
        return True
    end(review, "", _why(review) or "刊物设置有改动")
    return False


def _says_the_same(review: Review) -> bool:
    return _has_sender(review) and editions.is_current(review.edition)


def _has_sender(review: Review) -> bool:
    """From is no part of an edition, but readers see it; old snapshots don't know it."""
    publication = Publication.objects.get(issues=review.issue_id)
    sender = review.snapshot.get("fields", {}).get(changes.SENDER)
    return sender in (None, changes.sender(publication))


def check(issue: Issue, actor: str) -> list[Review]:
    """End what doesn't hold any more, now that ``actor`` has changed something."""
    ended = [review for review in _open(issue) if not _says_the_same(review)]
    for review in ended:
        end(review, actor, _why(review) or "改动了刊物设置")
    return ended


def check_publication(before: Publication, publication: Publication, actor: str) -> list[Review]:
    """The same for all issues not sent yet, after ``actor`` may have changed the publication."""
    authorship.note_wording(before, publication, actor)
    unsent = publication.issues.filter(reviews__state__in=OPEN, reviews__edition__published_at=None)
    return [ended for issue in unsent.distinct() for ended in check(issue, actor)]


def on_issue_changed(issue_id: int, actor: str, **_more: Any) -> None:
    check(Issue.objects.get(pk=issue_id), actor)


def _why(review: Review) -> str:
    """What was changed, in the language that ``sentences`` tells in the reader's."""
    if not review.snapshot:
        return ""
    now = changes.snapshot(Issue.objects.get(pk=review.issue_id))
    with translation.override(settings.LANGUAGE_CODE):
        return changes.between(review.snapshot, now).summary()


def end(review: Review, actor: str, why: str, *, outdated: bool = True) -> None:
    """Say that the review holds no longer; an approval is revoked, a request withdrawn.

    ``why`` is somebody's own words, or of ``sentences``, which tells it to whoever reads it.
    ``outdated`` when something was changed; else ``actor`` took back what was said.
    """
    who = called(User.objects.filter(username=actor).first(), actor)
    with transaction.atomic():
        ended = Review.objects.filter(pk=review.pk, state__in=OPEN).update(
            state=Case(
                When(state=State.APPROVED, then=Value(State.REVOKED)),
                default=Value(State.WITHDRAWN),
            ),
            outdated=outdated,
            revoked_at=timezone.now(),
            revoked_why=f"{who} {why}".strip()[:300],
        )
        review.refresh_from_db()
        if ended:
            review_ended.send(Review, review=review, actor=actor)


def last_seen(review: Review) -> Review | None:
    """The review before this one that somebody decided: what the reviewers know already."""
    decided = (State.APPROVED, State.RETURNED, State.REVOKED)
    earlier = Review.objects.filter(issue=review.issue_id, pk__lt=review.pk, state__in=decided)
    return earlier.exclude(decided_at=None).first()


def differences(review: Review) -> changes.Changes | None:
    """What is new since the reviewers last looked; None when they never did."""
    before = last_seen(review)
    if before is None or not before.snapshot or not review.snapshot:
        return None
    return changes.between(before.snapshot, review.snapshot)
