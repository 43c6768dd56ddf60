"""The last page before a mailing: to whom, when, and one sentence that says it all.

Promises: what is sent is the edition that the page named, by its key; the same form posted twice
is one mailing.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from dongtai_mail.delivery.letters import KeyMissing
from dongtai_mail.delivery.mailings import MailingRefused, schedule
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.desk import audit, words
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.audience import audience
from dongtai_mail.desk.forms import SendForm
from dongtai_mail.desk.previews import AUTO, KINDS
from dongtai_mail.issues import editions
from dongtai_mail.issues.models import Edition, Issue
from dongtai_mail.rendering import RenderingError
from subscribers.audience import Description


@opens(Issue, Right.SEND)
@require_http_methods(["GET", "HEAD", "POST"])
def send(request: HttpRequest, issue: Issue) -> HttpResponse:
    if request.method == "POST":
        return _make(request, issue)
    try:
        edition = editions.freeze(issue, _kind(request))
    except (editions.EditionRefused, RenderingError) as refused:
        messages.error(request, str(refused))
        return redirect("desk:issue", issue.pk)
    return _page(request, issue, edition, SendForm(issue.publication, _data(request, issue)))


def _make(request: HttpRequest, issue: Issue) -> HttpResponse:
    edition = get_object_or_404(Edition, issue=issue, key=request.POST.get("edition", ""))
    key = request.POST.get("request_key", "")
    if not 16 <= len(key) <= 64:
        return HttpResponseBadRequest("request_key")
    known = Mailing.objects.filter(request_key=key).first()
    if known is not None:
        return redirect("desk:mailing", known.pk)
    form = SendForm(issue.publication, request.POST)
    if form.is_valid():
        try:
            mailing = schedule(
                edition,
                form.cleaned_data["list"],
                request_key=key,
                at=form.cleaned_data["at"],
                created_by=request.user.get_username(),
                described=_described(form),
            )
        except (MailingRefused, KeyMissing) as refused:
            form.add_error(None, str(refused))
        else:
            audit.record(request, "mailing.scheduled", mailing, after=_scheduled(mailing))
            return redirect("desk:mailing", mailing.pk)
    return _page(request, issue, edition, form)


def _scheduled(mailing: Mailing) -> dict[str, Any]:
    return {
        "edition": mailing.edition.sha256,
        "list": mailing.subscriber_list.slug,
        "audience": mailing.audience,
        "at": mailing.scheduled_at,
    }


def _page(request: HttpRequest, issue: Issue, edition: Edition, form: SendForm) -> HttpResponse:
    context: dict[str, Any] = {
        "publication": issue.publication,
        "issue": issue,
        "edition": edition,
        "kind": request.GET.get("kind", AUTO),
        "lists": [(each, audience(each)) for each in issue.publication.lists.order_by("name")],
        "form": form,
        "before": Mailing.objects.filter(edition__issue=issue).exclude(
            state=Mailing.State.CANCELLED
        ),
        "zone": words.zone_name(issue.publication.zone),
        "request_key": uuid.uuid4().hex,
        "here": "issues",
    }
    if form.is_valid():
        chosen = form.cleaned_data["list"]
        context |= {
            "chosen": chosen,
            "segment": form.cleaned_data["segment"],
            "at": form.cleaned_data["at"],
            "to": audience(chosen, _described(form)),
        }
    return render(request, "desk/send.html", context)


def _described(form: SendForm) -> Description | None:
    segment = form.cleaned_data["segment"]
    return segment.audience if segment else None


def _kind(request: HttpRequest) -> str | None:
    kind = request.GET.get("kind", AUTO)
    return kind if kind in KINDS and kind != AUTO else None


def _data(request: HttpRequest, issue: Issue) -> dict[str, Any]:
    """What was chosen; at first, the first list and now."""
    if "when" in request.GET:
        return request.GET.dict()
    first = issue.publication.lists.order_by("name").first()
    return {"list": first.pk if first else None, "when": SendForm.NOW}
