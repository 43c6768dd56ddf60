"""A publication's mailings, one of them as it goes, and what staff do about it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dongtai_mail.content import Severity
from dongtai_mail.delivery import accounts, approvals, reasons
from dongtai_mail.delivery import mailings as delivery
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.delivery.scheduling import MailingRefused
from dongtai_mail.desk import audit, holding, live, words
from dongtai_mail.desk.access import Right, opens, rights
from dongtai_mail.desk.audience import Audience, comes_later, kept
from dongtai_mail.issues import links
from dongtai_mail.issues.models import Publication
from subscribers.links import masked
from subscribers.models import SubscriberList

PER_PAGE = 50
A_MINUTE = datetime.timedelta(minutes=1)
REASONS = 50
# What has become of readers who were passed over is looked up this often; they may be many.
LEFT_SECONDS = 300
State = Mailing.State
PAUSABLE = (State.SENDING,)
RESUMABLE = (State.PAUSED, State.STOPPED)
FILTERS = {
    "": (gettext_lazy("全部"), tuple(State)),
    "active": (
        gettext_lazy("进行中"),
        (State.SENDING, State.PAUSED, State.STOPPED, State.MISSED),
    ),
    "scheduled": (gettext_lazy("已排期"), (State.SCHEDULED,)),
    "over": (gettext_lazy("已结束"), (State.FINISHED, State.CANCELLED)),
}


@opens(Publication, Right.SEE)
@require_safe
def mailings(request: HttpRequest, publication: Publication) -> HttpResponse:
    """All of them; what is shown is chosen in the address."""
    ours = Mailing.objects.filter(edition__issue__publication=publication)
    ours = ours.select_related("edition__issue__publication", "subscriber_list")
    chosen = request.GET.get("state", "")
    chosen = chosen if chosen in FILTERS else ""
    to = _list(publication, request.GET.get("list", ""))
    shown = ours.filter(state__in=FILTERS[chosen][1])
    page = Paginator(shown.filter(subscriber_list=to) if to else shown, PER_PAGE).get_page(
        request.GET.get("page")
    )
    ledgers = delivery.ledgers([mailing.pk for mailing in page])
    context = {
        "publication": publication,
        "page": page,
        "rows": [(mailing, ledgers[mailing.pk]) for mailing in page],
        "filters": [(key, label) for key, (label, _states) in FILTERS.items()],
        "chosen": chosen,
        "lists": publication.lists.order_by("name"),
        "to": to,
        "any": ours.exists(),
        "next": ours.filter(state=State.SCHEDULED).order_by("scheduled_at").first(),
        "here": "mailings",
    }
    return render(request, "desk/mailings.html", context)


def _list(publication: Publication, text: str) -> SubscriberList | None:
    return next((each for each in publication.lists.all() if each.slug == text), None)


@opens(Mailing, Right.SEE)
@require_safe
def mailing(request: HttpRequest, shown: Mailing) -> HttpResponse:
    return render(request, "desk/mailing.html", _context(request, shown))


@opens(Mailing, Right.SEE)
@require_safe
def progress(request: HttpRequest, shown: Mailing) -> HttpResponse:
    """What changes on a mailing's page, for a page that asks again and again."""
    return render(request, "desk/mailing_progress.html", _context(request, shown))


@opens(Mailing, Right.SEND)
@require_POST
def pause(request: HttpRequest, shown: Mailing) -> HttpResponse:
    return _act(request, shown, "mailing.paused", delivery.pause)


@opens(Mailing, Right.SEND)
@require_http_methods(["GET", "HEAD", "POST"])
def resumption(request: HttpRequest, shown: Mailing) -> HttpResponse:
    """Go on; one that missed its time is begun by a held button, since nothing has gone yet."""
    context = _context(request, shown)
    if shown.state != State.MISSED and request.method != "POST":
        return redirect("desk:mailing", shown.pk)
    if shown.state == State.MISSED:
        if request.method != "POST":
            return render(request, "desk/mailing_missed_slot.html", context)
        try:
            holding.confirm(request, context["expected"].readers)
        except holding.NotConfirmed as refused:
            messages.error(request, str(refused))
            return render(request, "desk/mailing_missed_slot.html", context)
    return _act(request, shown, "mailing.resumed", delivery.resume)


@opens(Mailing, Right.SEND)
@require_http_methods(["GET", "HEAD", "POST"])
def cancellation(request: HttpRequest, shown: Mailing) -> HttpResponse:
    """Ask first: what is cancelled can't be taken up again."""
    if request.method == "POST":
        return _act(request, shown, "mailing.cancelled", delivery.cancel)
    return render(request, "desk/cancellation.html", _context(request, shown))


@opens(Mailing, Right.SEND)
@require_POST
def policy(request: HttpRequest, shown: Mailing) -> HttpResponse:
    """What becomes of those whose server did not answer."""
    chosen = request.POST.get("unconfirmed", "")
    if chosen in Mailing.Unconfirmed.values and not shown.over:
        with transaction.atomic():
            before = {"unconfirmed": shown.unconfirmed_policy}
            Mailing.objects.filter(pk=shown.pk).update(unconfirmed_policy=chosen)
            audit.record(
                request, "mailing.policy", shown, before=before, after={"unconfirmed": chosen}
            )
    return redirect("desk:mailing-unconfirmed", shown.pk)


@opens(Mailing, Right.SEE)
@require_safe
def unconfirmed(request: HttpRequest, shown: Mailing) -> HttpResponse:
    """Those whose server did not answer, page by page in the order of the queue."""
    rows = Delivery.objects.filter(mailing=shown, state=Delivery.State.UNCONFIRMED)
    after = holding.number(request.GET.get("after", ""))
    # Of a million, few are unconfirmed; in the plain order of the key all would be looked through.
    found = list(rows.filter(pk__gt=after).order_by(F("pk") + 0)[: PER_PAGE + 1])
    publication = shown.edition.issue.publication
    known = Right.LISTS in rights(request.user, publication)
    context = {
        "publication": publication,
        "mailing": shown,
        "rows": [(row, row.address if known else masked(row.address)) for row in found[:PER_PAGE]],
        "known": known,
        "count": delivery.ledger(shown)["unconfirmed"],
        "after": after,
        "next": found[PER_PAGE - 1].pk if len(found) > PER_PAGE else None,
        "policies": Mailing.Unconfirmed,
        "may_act": Right.SEND in rights(request.user, publication) and not shown.over,
        "here": "mailings",
    }
    return render(request, "desk/mailing_unconfirmed.html", context)


def _act(
    request: HttpRequest, mailing: Mailing, action: str, act: Callable[[Mailing], None]
) -> HttpResponse:
    before = {"state": mailing.state}
    try:
        with transaction.atomic():
            act(mailing)
            mailing.refresh_from_db()
            audit.record(request, action, mailing, before=before, after={"state": mailing.state})
    except MailingRefused as refused:
        messages.error(request, str(refused))
    return redirect("desk:mailing", mailing.pk)


def _context(request: HttpRequest, shown: Mailing) -> dict[str, Any]:
    publication = shown.edition.issue.publication
    said = live.progress(shown)
    waiting = shown.state in (State.SCHEDULED, State.MISSED)
    every = request.GET.get("lanes") == "all"
    hindrance, note = approvals.notes(shown)
    return {
        "publication": publication,
        "mailing": shown,
        "said": said,
        "adds_up": said.total == shown.targeted,
        # After cancelling, what is on its way still ends.
        "live": not shown.over or said.ledger["leased"] > 0,
        "waiting": waiting,
        "expected": _expected(request, shown) if waiting else None,
        "dead_links": _dead_links(shown) if waiting else 0,
        # Nothing can be said of its last minute yet.
        "young": not shown.started_at or timezone.now() - shown.started_at < A_MINUTE,
        "late": live.duration((timezone.now() - shown.scheduled_at).total_seconds() / 60),
        "lanes": said.lanes if every else said.lanes[: live.LANES_SHOWN],
        "every": every,
        "stages": live.stages(shown),
        "wait_minutes": shown.stage_wait_seconds // 60,
        "limits": (settings.STAGE_BOUNCE_PERCENT, settings.STAGE_COMPLAINT_PERCENT),
        "reasons": _reasons(shown),
        "left": _left(shown, said),
        "followers": shown.followers.all() if shown.over else (),
        "may_send": Right.SEND in rights(request.user, publication),
        "pausable": shown.state in PAUSABLE,
        "resumable": shown.state in RESUMABLE and not hindrance,
        "hindrance": hindrance,
        "note": note,
        "here": "mailings",
    }


def _expected(request: HttpRequest, shown: Mailing) -> Audience | None:
    """Whom it would reach; None until the page asks again, where people have to be counted."""
    described = accounts.described(shown)
    if shown.state == State.SCHEDULED and comes_later(request, described):
        return None
    return kept(shown.subscriber_list, described, f"mailing-expected-{shown.pk}")


def _dead_links(shown: Mailing) -> int:
    found = links.findings(shown.edition.issue)
    return sum(each.severity is Severity.WARNING for each in found)


def _reasons(shown: Mailing) -> list[tuple[words.Word, reasons.Reason]]:
    found = sorted(reasons.reasons(shown), key=lambda each: -each.count)
    return [(words.DELIVERIES[each.state], each) for each in found[:REASONS]]


def _left(shown: Mailing, said: live.Progress) -> list[tuple[words.Text, int]]:
    """Why readers were passed over who were there when it started; read again when more were."""
    passed = said.ledger["suppressed"]
    if not passed:
        return []
    key = f"mailing-left-{shown.pk}-{passed}"
    counts = cache.get_or_set(key, lambda: accounts.left(shown), LEFT_SECONDS)
    return [(words.SUBSCRIPTIONS[state], count) for state, count in (counts or {}).items()]
