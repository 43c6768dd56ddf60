"""Reviews as the desk shows and records them.

Owns: the words of a review's state, the marked text of what changed, and the log's entry for an
approval that ended without anybody saying so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from dongtai_mail.desk import audit, review_mail
from dongtai_mail.desk.access import Right
from dongtai_mail.desk.models import AuditEntry
from dongtai_mail.desk.previews import AUTO
from dongtai_mail.desk.words import Word
from dongtai_mail.issues import reviewing
from dongtai_mail.issues.changes import Change, Changes, FieldChange
from dongtai_mail.issues.differences import Kind, Run
from dongtai_mail.issues.models import Review
from dongtai_mail.issues.naming import called
from dongtai_mail.issues.signals import review_ended

STATES = {
    Review.State.REQUESTED: Word("scheduled", "◷", gettext_lazy("等待审核")),
    Review.State.APPROVED: Word("accepted", "●", gettext_lazy("已批准")),
    Review.State.RETURNED: Word("bounced", "■", gettext_lazy("已退回")),
    Review.State.WITHDRAWN: Word("suppressed", "–", gettext_lazy("已撤回")),
    Review.State.REVOKED: Word("deferred", "▲", gettext_lazy("批准已失效")),
}
KINDS: dict[str, tuple[str, str | Promise]] = {
    "added": ("＋", gettext_lazy("新增")),
    "removed": ("－", gettext_lazy("拿掉")),
    "moved": ("↕", gettext_lazy("移动")),
    "changed": ("✎", gettext_lazy("改动")),
}
_AROUND = 24


@dataclass(frozen=True, slots=True)
class Shown:
    row: Review
    word: Word

    @property
    def kind(self) -> str:
        """What the page to send from is asked for, to send this very edition."""
        return self.row.edition.asked_kind or AUTO


@dataclass(frozen=True, slots=True)
class ShownChange:
    change: Change
    shape: str
    word: str | Promise
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class ShownChanges:
    fields: tuple[FieldChange, ...]
    sections: tuple[Run, ...]
    items: list[ShownChange]


def shown(row: Review) -> Shown:
    return Shown(row, STATES[Review.State(row.state)])


def last(issues: Iterable[int]) -> dict[int, Shown]:
    """The last word of each issue's reviews, unless it was taken back."""
    rows = Review.objects.filter(issue__in=issues).exclude(state=Review.State.WITHDRAWN)
    return {row.issue_id: shown(row) for row in rows.defer("snapshot").order_by("id")}


def approvers(row: Review) -> list[str]:
    """What those are called who may approve it; superusers may besides, unless they wrote it."""
    reviewers = User.objects.filter(
        is_active=True,
        memberships__publication=row.issue.publication_id,
        memberships__role__in=Right.APPROVE.roles,
    )
    may = reviewers.exclude(username__in=reviewing.barred(row)).distinct().order_by("username")
    return [called(person) for person in may]


def shown_changes(changes: Changes | None) -> ShownChanges | None:
    """None where there is nothing to compare with."""
    if changes is None:
        return None
    items = [
        ShownChange(each, *KINDS[each.kind], tuple(map(_shortened, each.fields)))
        for each in changes.items
    ]
    return ShownChanges(tuple(map(_shortened, changes.fields)), changes.sections, items)


def _shortened(field: FieldChange) -> FieldChange:
    """What stayed is shown as far as it helps to find the place."""
    last = len(field.runs) - 1
    runs = (_run(run, at == 0, at == last) for at, run in enumerate(field.runs))
    return FieldChange(field.name, field.label, tuple(runs))


def _run(run: Run, first: bool, last: bool) -> Run:
    if run.kind is not Kind.SAME or len(run.text) <= 2 * _AROUND:
        return run
    before = "" if first else run.text[:_AROUND]
    after = "" if last else run.text[-_AROUND:]
    return Run(run.kind, f"{before}……{after}")


def listen() -> None:
    review_ended.connect(_ended)


def _ended(review: Review, actor: str, **_more: Any) -> None:
    """Say and write down whose change ended an approval or a request, and of which bytes."""
    revoked = review.state == Review.State.REVOKED
    review_mail.tell(review, actor)
    AuditEntry.objects.create(
        publication=review.issue.publication,
        user=User.objects.filter(username=actor).first() if actor else None,
        actor=actor or audit.SYSTEM,
        action="review.revoked" if revoked else "review.withdrawn",
        subject_kind=review.issue._meta.label_lower,
        subject_id=str(review.issue_id),
        subject=str(review.issue)[:300],
        after={"sha256": review.edition.sha256, "why": review.revoked_why},
    )
