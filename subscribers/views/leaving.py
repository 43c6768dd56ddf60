"""Leaving with one act, saying why if one likes, and coming back.

Promises: as RFC 8058 has it, GET and HEAD change nothing; a POST to the unsubscribe link leaves,
whatever its body says and is encoded as, without cookie or login, with 200 and no redirect, as
often as it comes. The body is never read there, so none can be refused. Only the page's own button
leads on, to a page that may be reloaded.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from subscribers.leaving import come_back, explain, explained, leave, may_return
from subscribers.links import Link, client_ip, masked, reader_page, see_other
from subscribers.models import Subscription

State = Subscription.State


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def unsubscribe(request: HttpRequest, link: Link) -> HttpResponse:
    if request.method != "POST":
        return _leaving(request, link)
    source = "page" if request.GET.get("by") == "page" else "one-click"
    ip = client_ip(request)
    leave(link.subscription.pk, source, link.detail, mailing=link.mailing, ip=ip)
    return see_other(request.path) if source == "page" else _leaving(request, link)


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def resubscribe(request: HttpRequest, link: Link) -> HttpResponse:
    """The way back from a click too many; a GET shows how things stand."""
    if request.method == "POST":
        by, ip = link.mailing, client_ip(request)
        come_back(link.subscription.pk, "page", link.detail, mailing=by, ip=ip)
        return see_other(request.path)
    return _leaving(request, link, back=link.subscription.state == State.CONFIRMED)


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def reason(request: HttpRequest, link: Link) -> HttpResponse:
    """Why somebody left; asked only afterwards, and never needed."""
    if request.method == "POST":
        said = "".join(c for c in request.POST.get("reason", "") if c.isprintable()).strip()
        explain(link.subscription.pk, said, client_ip(request))
        return see_other(request.path)
    return _leaving(request, link, thanked=explained(link.subscription.pk))


def _leaving(
    request: HttpRequest, link: Link, *, back: bool = False, thanked: bool = False
) -> HttpResponse:
    subscription = link.subscription
    subscription.refresh_from_db(fields=["state"])
    context = {
        "publication": subscription.subscriber_list.publication,
        "list": subscription.subscriber_list,
        "address": masked(subscription.subscriber.address),
        "token": link.token,
        "left": subscription.state in (State.UNSUBSCRIBED, State.COMPLAINED),
        "ended": subscription.state == State.UNSUBSCRIBED,
        "may_return": may_return(subscription.pk),
        "back": back,
        "thanked": thanked,
    }
    return render(request, "public/unsubscribe.html", context)
