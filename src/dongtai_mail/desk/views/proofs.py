"""Findings beside the text: what to mend, taken with a click or let stand with a reason.

Promises: each answer is the findings as they are then, so that a click on what somebody else has
mended meanwhile says so and harms nothing. The same forms work without htmx, as a page.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.http import require_POST, require_safe

from dongtai_mail.content import Severity
from dongtai_mail.desk import audit
from dongtai_mail.desk.access import Right, opens, rights
from dongtai_mail.desk.findings import Beside, beside, kinds, tally_of
from dongtai_mail.desk.forms import typed
from dongtai_mail.desk.views import editor
from dongtai_mail.issues import editing, editions, links, proofreading
from dongtai_mail.issues.models import Issue, Item

REASON, AUDITED = 500, 2000
_REASON_MISSING = gettext_noop("请写一句为什么可以不改，别人看到时才明白。")


@opens(Issue, Right.SEE)
@require_safe
def findings(request: HttpRequest, issue: Issue) -> HttpResponse:
    return _shown(request, issue)


@opens(Issue, Right.WRITE)
@require_POST
def taken(request: HttpRequest, issue: Issue, fingerprint: str) -> HttpResponse:
    def take() -> dict[str, Any]:
        item = proofreading.take(issue, fingerprint, request.user.get_username())
        return _changed(item)

    return _done(request, issue, take)


@opens(Issue, Right.WRITE)
@require_POST
def ignored(request: HttpRequest, issue: Issue, fingerprint: str) -> HttpResponse:
    reason = typed(request.POST, "reason")
    if not reason:
        return _answer(request, issue, _(_REASON_MISSING))

    def ignore() -> dict[str, Any]:
        row = proofreading.ignore(issue, fingerprint, reason[:REASON], request.user.get_username())
        after = {"message": row.message, "reason": row.reason}
        audit.record(request, "finding.ignored", issue, after=after)
        return {}

    return _done(request, issue, ignore)


@opens(Issue, Right.WRITE)
@require_POST
def many_taken(request: HttpRequest, issue: Issue) -> HttpResponse:
    """All suggestions of a kind, as far as the person saw them."""
    seen = _seen(request)
    taken, saved = proofreading.take_all(issue, seen, request.user.get_username())
    left = len(seen) - taken
    refused = ngettext(
        "有 %(count)s 处没有改：刚刚改过，或与另一处连在一起。下面是现在的情况。",
        "有 %(count)s 处没有改：刚刚改过，或与另一处连在一起。下面是现在的情况。",
        left,
    )
    return _answer(request, issue, refused % {"count": left} if left else "", _changed(*saved))


@opens(Issue, Right.WRITE)
@require_POST
def many_ignored(request: HttpRequest, issue: Issue) -> HttpResponse:
    reason = typed(request.POST, "reason")
    if not reason:
        return _answer(request, issue, _(_REASON_MISSING))
    actor = request.user.get_username()
    rows = proofreading.ignore_all(issue, _seen(request), reason[:REASON], actor)
    if rows:
        said = "\n".join(dict.fromkeys(row.message for row in rows))[:AUDITED]
        after = {"message": said, "reason": rows[0].reason, "count": len(rows)}
        audit.record(request, "finding.ignored", issue, after=after)
    return _answer(request, issue, "")


def _seen(request: HttpRequest) -> frozenset[str]:
    """The findings that the page showed: others may have come since."""
    return frozenset(typed(request.POST, "findings").split())


@opens(Issue, Right.WRITE)
@require_POST
def reopened(request: HttpRequest, issue: Issue, fingerprint: str) -> HttpResponse:
    def reopen() -> dict[str, Any]:
        row = proofreading.look_again(issue, fingerprint)
        if row is not None:
            before = {"message": row.message, "reason": row.reason, "by": row.actor}
            audit.record(request, "finding.reopened", issue, before=before)
        return {}

    return _done(request, issue, reopen)


def _changed(*items: Item) -> dict[str, Any]:
    """What the editor's other columns have to read again."""
    versions = {item.pk: item.version for item in items}
    return {"issue-changed": {"versions": versions}} if versions else {}


def _done(request: HttpRequest, issue: Issue, act: Callable[[], dict[str, Any]]) -> HttpResponse:
    try:
        events = act()
    except (proofreading.FindingGone, proofreading.NotIgnorable) as refused:
        return _answer(request, issue, str(refused))
    except editing.Conflict:
        return _answer(request, issue, _("这一条刚刚改过，请看清现在的文字再决定。"))
    return _answer(request, issue, "", events)


def _answer(
    request: HttpRequest, issue: Issue, refused: str, events: dict[str, Any] | None = None
) -> HttpResponse:
    if "HX-Request" not in request.headers:
        if refused:
            messages.error(request, refused)
        return redirect("desk:issue-findings", issue.pk)
    response = _shown(request, issue, refused)
    if events:
        response.headers["HX-Trigger"] = json.dumps(events)
    return response


def _shown(request: HttpRequest, issue: Issue, refused: str = "") -> HttpResponse:
    reading = editions.read(issue)
    proof = proofreading.proof(issue, reading)
    part = "HX-Request" in request.headers
    shown = [beside(found) for found in proof.findings]
    standing = [each for each in shown if each.open]
    context = {
        "publication": issue.publication,
        "issue": issue,
        "proof": proof,
        "tally": tally_of(proof.findings),
        "refused": refused,
        "may_write": Right.WRITE in rights(request.user, issue.publication),
        "open": kinds((each for each in standing if not _note(each)), "open"),
        "notes": kinds((each for each in standing if _note(each)), "note"),
        "ignored": kinds((each for each in shown if not each.open), "ignored"),
        "reason_longest": REASON,
        "links_waiting": links.ask(issue, reading.items),
        "part": part,
        **editor.standing(issue),
        "here": "issues",
    }
    return render(request, "desk/proofs_part.html" if part else "desk/proofs.html", context)


def _note(each: Beside) -> bool:
    return each.severity is Severity.INFO
