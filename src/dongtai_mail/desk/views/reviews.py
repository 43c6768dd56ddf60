"""Sending for review, and what the reviewer says: the page where "may this go out?" is answered.

Promises: what is looked at and decided on is the frozen edition; each decision is on the record
with the edition's hash. Who may not approve is told who may.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dongtai_mail.desk import audit, review_mail
from dongtai_mail.desk.access import Right, check, opens, rights
from dongtai_mail.desk.findings import tally_of
from dongtai_mail.desk.forms import typed
from dongtai_mail.desk.previews import AUTO, KINDS, preview
from dongtai_mail.desk.reviews import approvers, shown, shown_changes
from dongtai_mail.issues import editions, proofreading, reviewing
from dongtai_mail.issues.models import Issue, Review
from dongtai_mail.issues.reviewing import CommentMissing, ReviewRefused
from dongtai_mail.rendering import RenderingError
from dongtai_mail.sentences import told

LONGEST = 2_000
PEOPLE = ("edition", "requested_by", "decided_by")


@opens(Issue, Right.SEE)
@require_safe
def review(request: HttpRequest, issue: Issue) -> HttpResponse:
    return _page(request, issue)


def _page(
    request: HttpRequest, issue: Issue, refused: str = "", typed: str = "", wordless: bool = False
) -> HttpResponse:
    may = rights(request.user, issue.publication)
    standing, proof = reviewing.standing(issue), proofreading.proof(issue)
    context: dict[str, Any] = {
        "publication": issue.publication,
        "issue": issue,
        "kind": _kind(request),
        "standing": shown(standing) if standing else None,
        "past": [shown(each) for each in issue.reviews.select_related(*PEOPLE)[:20]],
        "proof": proof,
        "tally": tally_of(proof.findings),
        "may_write": Right.WRITE in may,
        "may_decide": Right.APPROVE in may,
        "may_send": Right.SEND in may,
        "refused": refused,
        # The field is there only while something waits for a decision.
        "wordless": wordless and standing is not None and standing.state == Review.State.REQUESTED,
        "typed": typed,
        "longest": LONGEST,
        "here": "issues",
    }
    if standing:
        context["may_approve"] = reviewing.may_approve(standing, _person(request))
        context["approvers"] = approvers(standing)
        context["may_administer"] = Right.ADMINISTER in may
        context["last_seen"] = reviewing.last_seen(standing)
        context["changes"] = shown_changes(reviewing.differences(standing))
    else:
        context |= _asking(issue, context["kind"])
    return render(request, "desk/review.html", context)


def _asking(issue: Issue, kind: str) -> dict[str, Any]:
    try:
        return {"preview": preview(issue, kind)}
    except RenderingError as error:
        return {"broken": told(str(error))}


@opens(Issue, Right.WRITE)
@require_POST
def requested(request: HttpRequest, issue: Issue) -> HttpResponse:
    note = typed(request.POST, "note")[:LONGEST]
    kind = _kind(request)
    try:
        with transaction.atomic():
            made = reviewing.request(issue, _person(request), note, None if kind == AUTO else kind)
            audit.record(request, "review.requested", issue, after=_bytes(made))
            review_mail.tell(made, request.user.get_username())
    except (editions.EditionRefused, RenderingError, ReviewRefused) as refused:
        return _page(request, issue, told(str(refused)), note)
    messages.success(request, _("已送审。批准之前再有改动，要重新送审。"))
    return redirect("desk:review", issue.pk)


@opens(Review, Right.APPROVE)
@require_POST
def approved(request: HttpRequest, row: Review) -> HttpResponse:
    return _decided(request, row, "review.approved", reviewing.approve)


@opens(Review, Right.APPROVE)
@require_POST
def returned(request: HttpRequest, row: Review) -> HttpResponse:
    return _decided(request, row, "review.returned", reviewing.send_back)


@opens(Review, Right.SEE)
@require_POST
def withdrawn(request: HttpRequest, row: Review) -> HttpResponse:
    """Editors take a request back; an approval only those who could give it."""
    approval = row.state == Review.State.APPROVED
    check(request.user, row.issue.publication, Right.APPROVE if approval else Right.WRITE)
    # That an approval ends is recorded for whatever reason it does.
    action = "" if approval else "review.withdrawn"
    return _decided(request, row, action, reviewing.withdraw)


def _decided(request: HttpRequest, row: Review, action: str, decide: Any) -> HttpResponse:
    comment = typed(request.POST, "comment")[:LONGEST]
    try:
        with transaction.atomic():
            decide(row, _person(request), comment)
            if action:
                after = _bytes(row) | ({"comment": comment} if comment else {})
                audit.record(request, action, row.issue, after=after)
                review_mail.tell(row, request.user.get_username())
    except ReviewRefused as refused:
        wordless = isinstance(refused, CommentMissing)
        return _page(request, row.issue, str(refused), comment, wordless)
    messages.success(request, _("%(state)s。") % {"state": row.get_state_display()})
    return redirect("desk:review", row.issue_id)


def _bytes(row: Review) -> dict[str, Any]:
    edition = row.edition
    return {"sha256": edition.sha256, "edition": edition.key, "kind": edition.kind}


def _kind(request: HttpRequest) -> str:
    kind = request.POST.get("kind") or request.GET.get("kind", AUTO)
    return kind if kind in KINDS else AUTO


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)
