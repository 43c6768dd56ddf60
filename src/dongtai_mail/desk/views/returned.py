"""What came back: a publication's list, one message with its evidence, and a second try at it."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from dongtai_mail.delivery import returns
from dongtai_mail.delivery.models import Delivery, ReturnedMessage
from dongtai_mail.desk import words
from dongtai_mail.desk.access import Right, everywhere, opens, owner
from dongtai_mail.desk.forms import typed
from dongtai_mail.issues.models import Publication
from subscribers.models import Subscription

PER_PAGE = 50
# As much of a message as people read; the file itself can be long.
SHOWN = 64 * 1024


@opens(Publication, Right.LISTS)
@require_safe
def returned_messages(request: HttpRequest, publication: Publication) -> HttpResponse:
    chosen = {name: typed(request.GET, name) for name in ("status", "effect", "q")}
    found = _found(publication, chosen, everywhere(request.user, Right.LISTS))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "publication": publication,
        "page": page,
        "chosen": chosen,
        "statuses": words.RETURNED,
        "effects": words.EFFECTS,
        "here": "returned",
    }
    return render(request, "desk/returned_messages.html", context)


def _found(
    publication: Publication, chosen: dict[str, str], manages_all: bool
) -> QuerySet[ReturnedMessage]:
    """Those about this publication's readers, and those about nobody known that came to it.

    Whose nobody can say are shown to whoever manages the lists of all.
    """
    rows = ReturnedMessage.objects.select_related("delivery", "subscription__subscriber")
    # Looked up for each message: few come back, and joined, all deliveries would be read.
    to_ours = Delivery.objects.filter(
        pk=OuterRef("delivery"), mailing__subscriber_list__publication=publication
    )
    of_ours = Subscription.objects.filter(
        pk=OuterRef("subscription"), subscriber_list__publication=publication
    )
    unknown = Q(delivery=None, subscription=None)
    if not manages_all:
        unknown &= _came_to(publication)
    rows = rows.defer("raw").filter(unknown | Exists(to_ours) | Exists(of_ours))
    if chosen["status"] in ReturnedMessage.Status:
        rows = rows.filter(status=chosen["status"])
    if chosen["effect"] and chosen["effect"] in ReturnedMessage.Effect:
        rows = rows.filter(effect=chosen["effect"])
    if sought := chosen["q"]:
        rows = rows.filter(
            Q(delivery__address__icontains=sought)
            | Q(subscription__subscriber__address__icontains=sought)
            | Q(recipient__icontains=sought)
        )
    return rows


def _came_to(publication: Publication) -> Q:
    """To a bounce domain that is this publication's alone, as ``access.owner`` has it."""
    domain = publication.bounce_domain
    others = Publication.objects.filter(bounce_domain=domain).exclude(pk=publication.pk)
    return Q(pk=None) if others.exists() else Q(recipient__iendswith=f"@{domain}")


@opens(ReturnedMessage, Right.LISTS)
@require_safe
def returned_message(request: HttpRequest, shown: ReturnedMessage) -> HttpResponse:
    return render(request, "desk/returned_message.html", {"message": shown, **_context(shown)})


def _context(shown: ReturnedMessage) -> dict[str, Any]:
    raw = bytes(shown.raw or b"")
    head, gap, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    return {
        "publication": owner(shown),
        "reader": _address(shown),
        "headers": head[:SHOWN].decode("utf-8", "replace"),
        "body": body[:SHOWN].decode("utf-8", "replace") if gap else "",
        "cut": len(body) > SHOWN or shown.size > len(raw),
        "retriable": _retriable(shown),
        "here": "returned",
    }


def _address(shown: ReturnedMessage) -> str:
    if shown.subscription:
        return shown.subscription.subscriber.address
    return shown.delivery.address if shown.delivery else ""


def _retriable(shown: ReturnedMessage) -> bool:
    return shown.raw is not None and returns.may_retry(shown)


@opens(ReturnedMessage, Right.LISTS)
@require_POST
def second_try(request: HttpRequest, shown: ReturnedMessage) -> HttpResponse:
    """Judge a message again that broke us or that nobody understood, with the rules of today."""
    returns.retry(shown)
    return redirect("desk:returned-message", shown.pk)
