"""A publication's mailings, and one of them as it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dongtai_mail.delivery import accounts, reasons
from dongtai_mail.delivery import mailings as delivery
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.desk import audit, words
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.audience import audience
from dongtai_mail.issues.models import Publication

PER_PAGE = 50
REASONS = 50
PAUSABLE = (Mailing.State.SENDING,)
RESUMABLE = (Mailing.State.PAUSED, Mailing.State.STOPPED, Mailing.State.MISSED)
SETTLED = ("accepted", "bounced", "suppressed", "cancelled")


@dataclass(frozen=True, slots=True)
class Row:
    """One state in the ledger and its part of the bar, in per cent from the left."""

    word: words.Word
    count: int
    start: float
    share: float


@opens(Publication, Right.SEE)
@require_safe
def mailings(request: HttpRequest, publication: Publication) -> HttpResponse:
    ours = Mailing.objects.filter(edition__issue__publication=publication)
    ours = ours.select_related("edition__issue__publication", "subscriber_list")
    page = Paginator(ours, PER_PAGE).get_page(request.GET.get("page"))
    context = {"publication": publication, "page": page, "here": "mailings"}
    return render(request, "desk/mailings.html", context)


@opens(Mailing, Right.SEE)
@require_safe
def mailing(request: HttpRequest, shown: Mailing) -> HttpResponse:
    return render(request, "desk/mailing.html", _context(shown))


@opens(Mailing, Right.SEE)
@require_safe
def progress(request: HttpRequest, shown: Mailing) -> HttpResponse:
    """What changes on a mailing's page, for a page that asks again and again."""
    return render(request, "desk/mailing_progress.html", _context(shown))


@opens(Mailing, Right.SEND)
@require_POST
def pause(request: HttpRequest, shown: Mailing) -> HttpResponse:
    return _act(request, shown, "mailing.paused", delivery.pause)


@opens(Mailing, Right.SEND)
@require_POST
def resumption(request: HttpRequest, shown: Mailing) -> HttpResponse:
    return _act(request, shown, "mailing.resumed", delivery.resume)


@opens(Mailing, Right.SEND)
@require_http_methods(["GET", "HEAD", "POST"])
def cancellation(request: HttpRequest, shown: Mailing) -> HttpResponse:
    """Ask first: what is cancelled can't be taken up again."""
    if request.method == "POST":
        return _act(request, shown, "mailing.cancelled", delivery.cancel)
    return render(request, "desk/cancellation.html", _context(shown))


def _act(
    request: HttpRequest, mailing: Mailing, action: str, act: Callable[[Mailing], None]
) -> HttpResponse:
    before = {"state": mailing.state}
    try:
        with transaction.atomic():
            act(mailing)
            mailing.refresh_from_db()
            audit.record(request, action, mailing, before=before, after={"state": mailing.state})
    except delivery.MailingRefused as refused:
        messages.error(request, str(refused))
    return redirect("desk:mailing", mailing.pk)


def _context(shown: Mailing) -> dict[str, Any]:
    ledger = delivery.ledger(shown)
    total = sum(ledger.values())
    waiting = shown.state in (Mailing.State.SCHEDULED, Mailing.State.MISSED)
    return {
        "publication": shown.edition.issue.publication,
        "mailing": shown,
        "rows": _rows(ledger, total),
        "total": total,
        "adds_up": total == shown.targeted,
        "settled": sum(ledger[name] for name in SETTLED),
        # After cancelling, what is on its way still ends.
        "live": not shown.over or ledger["leased"] > 0,
        "rest": ledger["queued"] + ledger["deferred"],
        "expected": audience(shown.subscriber_list, shown.audience) if waiting else None,
        "stage": accounts.stage(shown),
        "reasons": [
            (words.DELIVERIES[each.state], each)
            for each in sorted(reasons.reasons(shown), key=lambda each: -each.count)[:REASONS]
        ],
        "pausable": shown.state in PAUSABLE,
        "resumable": shown.state in RESUMABLE,
        "here": "mailings",
    }


def _rows(ledger: dict[str, int], total: int) -> list[Row]:
    rows, start = [], 0.0
    for state, word in words.DELIVERIES.items():
        count = ledger[Delivery.State(state).name.lower()]
        share = 100 * count / total if total else 0.0
        rows.append(Row(word, count, round(start, 3), round(share, 3)))
        start += share
    return rows
