"""Test sends: to whom, and what became of each.

Promises: what goes out is the edition as it would be frozen now; the addresses that staff typed are
shown again whatever went wrong with them.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from dongtai_mail.delivery import letters, proof_sends
from dongtai_mail.delivery.models import ProofLetter
from dongtai_mail.delivery.proof_sends import ProofRefused
from dongtai_mail.desk import audit
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.previews import AUTO, KINDS
from dongtai_mail.desk.words import Word
from dongtai_mail.issues import editions
from dongtai_mail.issues.models import Issue
from dongtai_mail.message.address import Address
from dongtai_mail.rendering import RenderingError
from dongtai_mail.sentences import told

SHOWN = 40
LONGEST = 20_000


@opens(Issue, Right.PROOF)
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, issue: Issue) -> HttpResponse:
    kind = _kind(request)
    typed = "\n".join(map(str, issue.publication.proof_addresses))
    refused = ""
    if request.method == "POST":
        typed = request.POST.get("addresses", "")[:LONGEST]
        refused = _send(request, issue, kind, typed)
        if not refused:
            return redirect("desk:test-sends", issue.pk)
    context = _sent(issue) | {
        "publication": issue.publication,
        "kind": kind,
        "kinds": KINDS,
        "typed": typed,
        "refused": refused,
        "most": proof_sends.AT_ONCE,
        "here": "issues",
    }
    return render(request, "desk/proof_sends.html", context)


@opens(Issue, Right.PROOF)
@require_safe
def progress(request: HttpRequest, issue: Issue) -> HttpResponse:
    return render(request, "desk/proof_sends_part.html", _sent(issue))


def _send(request: HttpRequest, issue: Issue, kind: str, typed: str) -> str:
    """Answers why nothing was sent, or nothing."""
    try:
        to = proof_sends.addresses(typed)
        letters.signers(issue.publication)
        edition = editions.freeze(issue, None if kind == AUTO else kind)
        with transaction.atomic():
            proof_sends.post(edition, to, request.user.get_username())
            after = {"count": len(to), "sha256": edition.sha256, "kind": edition.kind}
            audit.record(request, "test.sent", issue, after=after)
            if request.POST.get("keep"):
                _keep(request, issue, to)
    except (
        ProofRefused,
        letters.KeyMissing,
        editions.EditionRefused,
        RenderingError,
    ) as refused:
        return told(str(refused))
    messages.success(request, _("已交给发送程序，结果见下面。"))
    return ""


def _keep(request: HttpRequest, issue: Issue, to: list[Address]) -> None:
    publication = issue.publication
    before = {"count": len(publication.proof_addresses)}
    publication.proof_addresses = [address.display for address in to]
    publication.save(update_fields=["proof_addresses"])
    audit.record(request, "test.list-saved", publication, before=before, after={"count": len(to)})


def _sent(issue: Issue) -> dict[str, Any]:
    rows = ProofLetter.objects.filter(edition__issue=issue).select_related("edition")[:SHOWN]
    shown = [(row, _word(row)) for row in rows]
    return {
        "issue": issue,
        "publication": issue.publication,
        "sent": shown,
        "waiting": any(not row.settled and not row.attempts for row in rows),
    }


def _word(row: ProofLetter) -> Word:
    if row.state == ProofLetter.State.SENT:
        return Word("accepted", "●", _("已接收"))
    if row.state == ProofLetter.State.FAILED:
        return Word("bounced", "■", _("未接收"))
    if row.attempts:
        return Word("deferred", "◐", _("稍后再试"))
    return Word("queued", "○", _("正在发送"))


def _kind(request: HttpRequest) -> str:
    kind = request.POST.get("kind") or request.GET.get("kind", AUTO)
    return kind if kind in KINDS else AUTO
