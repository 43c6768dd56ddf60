"""From an issue to a mailing: choose readers, time and pace; then a last page, and one held button.

Promises: everything chosen is in the address, so going back loses nothing; what is sent is the
edition that the last page named, by its key; the same page handed in twice is one mailing, and one
handed in after somebody else sent the issue asks again.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from dongtai_mail.delivery.audience import select
from dongtai_mail.delivery.letters import KeyMissing
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.delivery.scheduling import MailingRefused, schedule
from dongtai_mail.desk import audience as audiences
from dongtai_mail.desk import audit, holding, plans, words
from dongtai_mail.desk import readers as who
from dongtai_mail.desk.access import Right, opens, rights
from dongtai_mail.desk.plans import Plan, PlanForm
from dongtai_mail.desk.previews import AUTO, KINDS
from dongtai_mail.issues import editions, reviewing
from dongtai_mail.issues.models import Edition, Issue, Publication, Review
from dongtai_mail.rendering import RenderingError
from dongtai_mail.sentences import told
from subscribers import tally
from subscribers.audience import AudienceError
from subscribers.links import masked
from subscribers.models import SubscriberList, Subscription

CHOSEN = ("list", "segment", "except_list", "except_segment")


@opens(Issue, Right.SEND)
@require_safe
def send(request: HttpRequest, issue: Issue) -> HttpResponse:
    """Choose; the summary below says what that would be."""
    try:
        edition = _edition(request, issue)
    except (editions.EditionRefused, RenderingError) as refused:
        messages.error(request, told(str(refused)))
        return redirect("desk:issue", issue.pk)
    publication = issue.publication
    form = PlanForm(publication, plans.remembered(publication, request.GET))
    context = _context(request, issue, edition, form) | {
        "lists": _lists(publication),
        "segments": publication.segments.all(),
        "kinds": [(kind, words.KINDS[kind]) for kind in KINDS],
        "kind": request.GET.get("kind", AUTO),
        "chosen": {name: form.query.getlist(name) for name in CHOSEN},
        "limits": (settings.STAGE_BOUNCE_PERCENT, settings.STAGE_COMPLAINT_PERCENT),
    }
    return render(request, "desk/sending.html", context)


def _lists(publication: Publication) -> list[tuple[SubscriberList, int]]:
    """The lists, each with how many are confirmed."""
    lists = list(publication.lists.order_by("name"))
    counted = tally.by_list([each.pk for each in lists])
    return [(each, counted[each.pk][Subscription.State.CONFIRMED]) for each in lists]


@opens(Issue, Right.SEND)
@require_safe
def readers(request: HttpRequest, issue: Issue) -> HttpResponse:
    """Who some of them are, and who is left out and why."""
    form = PlanForm(issue.publication, plans.remembered(issue.publication, request.GET))
    context = _context(request, issue, None, form)
    if selected := context.get("selected"):
        known = Right.LISTS in rights(request.user, issue.publication)
        context |= {
            "account": who.account(selected),
            "sample": [
                (row, row.subscriber.address if known else masked(row.subscriber.address))
                for row in who.sample(selected)
            ],
            "known": known,
        }
    return render(request, "desk/sending_readers.html", context)


@opens(Issue, Right.SEND)
@require_http_methods(["GET", "HEAD", "POST"])
def send_last(request: HttpRequest, issue: Issue) -> HttpResponse:
    """One sentence that says it all, and the button that is held."""
    if request.method == "POST":
        return _make(request, issue)
    form = PlanForm(issue.publication, request.GET)
    if not form.is_valid():
        return redirect(f"{reverse('desk:send', args=[issue.pk])}?{request.GET.urlencode()}")
    try:
        edition = _edition(request, issue)
    except (editions.EditionRefused, RenderingError) as refused:
        messages.error(request, told(str(refused)))
        return redirect("desk:issue", issue.pk)
    return _last(request, issue, edition, form)


def _make(request: HttpRequest, issue: Issue) -> HttpResponse:
    named = request.POST.get("edition", "").replace("\x00", "")
    edition = get_object_or_404(Edition, issue=issue, key=named)
    key = holding.request_key(request)
    if not key:
        return HttpResponseBadRequest("request_key")
    form, why = PlanForm(issue.publication, request.GET), ""
    with transaction.atomic():
        # One at a time: whoever comes second sees what the first has made.
        Issue.objects.select_for_update().get(pk=issue.pk)
        known = Mailing.objects.filter(request_key=key, edition__issue=issue).first()
        if known is not None:
            return redirect("desk:mailing", known.pk)
        if form.is_valid():
            try:
                mailing = _schedule(request, edition, form.plan(), key)
            except (MailingRefused, KeyMissing, AudienceError, holding.NotConfirmed) as refused:
                why = str(refused)
            else:
                audit.record(request, "mailing.scheduled", mailing, after=_scheduled(mailing))
                return redirect("desk:mailing", mailing.pk)
    return _last(request, issue, edition, form, why)


def _schedule(request: HttpRequest, edition: Edition, plan: Plan, key: str) -> Mailing:
    to = audiences.audience(plan.subscriber_list, plan.counted)
    holding.confirm(request, to.readers)
    if _newest(edition.issue) > holding.number(request.POST.get("newest", "")):
        raise holding.NotConfirmed(
            _("这一页打开以后，有人已经安排过这一期的发送，见下面。确实要再发，请重新确认。")
        )
    return schedule(
        edition,
        plan.subscriber_list,
        request_key=key,
        at=plan.at,
        created_by=request.user.get_username(),
        staged=plan.stages,
        stage_wait_seconds=plan.wait_minutes * 60,
        described=plan.described,
        per_minute=plan.per_minute,
        unconfirmed=plan.unconfirmed,
    )


def _newest(issue: Issue) -> int:
    newest = _before(issue).order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0


def _before(issue: Issue) -> Any:
    rows = Mailing.objects.filter(edition__issue=issue).select_related("subscriber_list")
    return rows.exclude(state=Mailing.State.CANCELLED)


def _scheduled(mailing: Mailing) -> dict[str, Any]:
    return {
        "edition": mailing.edition.sha256,
        "list": mailing.subscriber_list.slug,
        "audience": mailing.audience,
        "at": mailing.scheduled_at,
        "per_minute": mailing.per_minute,
        "stages": mailing.stages,
        "unconfirmed": mailing.unconfirmed_policy,
    }


def _last(
    request: HttpRequest, issue: Issue, edition: Edition, form: PlanForm, why: str = ""
) -> HttpResponse:
    context = {"why": why} | _context(request, issue, edition, form)
    context |= {"request_key": uuid.uuid4().hex, "newest": _newest(issue)}
    return render(request, "desk/sending_last.html", context)


def _context(
    request: HttpRequest, issue: Issue, edition: Edition | None, form: PlanForm
) -> dict[str, Any]:
    publication = issue.publication
    context: dict[str, Any] = {
        "publication": publication,
        "issue": issue,
        "edition": edition,
        "unapproved": edition is not None and _unapproved(edition),
        "form": form,
        "before": _before(issue),
        "zone": words.zone_name(publication.zone),
        "query": _query(request, form),
        "here": "mailings",
    }
    if form.is_valid():
        plan = form.plan()
        context |= {"plan": plan, "ahead": plans.ahead(plan)}
        if audiences.comes_later(request, plan.counted):
            return context | {"counting": True}
        try:
            selected = select(publication.pk, plan.counted or plan.chosen)
            context |= {"selected": selected, "to": audiences.counted(selected)}
        except AudienceError as error:
            context["why"] = str(error)
    return context


def _query(request: HttpRequest, form: PlanForm) -> str:
    """What the form says, for the pages that go on from here."""
    data = form.query.copy()
    if "kind" in request.GET:
        data["kind"] = request.GET["kind"]
    return str(data.urlencode())


def _unapproved(edition: Edition) -> bool:
    return edition.issue.publication.needs_approval and not reviewing.is_approved(edition)


def _edition(request: HttpRequest, issue: Issue) -> Edition:
    """What was approved, where that is asked for; else as the page's address says."""
    standing = reviewing.standing(issue) if issue.publication.needs_approval else None
    if standing is not None and standing.state == Review.State.APPROVED:
        return standing.edition
    kind = request.GET.get("kind", AUTO)
    return editions.freeze(issue, kind if kind in KINDS and kind != AUTO else None)
