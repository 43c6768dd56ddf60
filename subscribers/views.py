"""The readers' own pages: leaving with one act, coming back, and preferences.

Promises: as RFC 8058 has it, GET and HEAD change nothing; a POST to the unsubscribe link leaves,
whatever its body says and is encoded as, without cookie or login, with 200 and no redirect, as
often as it comes. The body is never read there, so none can be refused.
"""

from __future__ import annotations

from django import forms
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from subscribers.leaving import come_back, leave
from subscribers.links import Link, masked, reader_page
from subscribers.models import Subscriber, Subscription

State = Subscription.State

# Line ends would reach mail headers; bidirectional marks would turn what stands around a name.
_plain = RegexValidator(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]",
    _("称呼里不能有换行或控制字符。"),
    inverse_match=True,
)


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def unsubscribe(request: HttpRequest, link: Link) -> HttpResponse:
    if request.method != "POST":
        return _leaving(request, link)
    source = "page" if request.GET.get("by") == "page" else "one-click"
    leave(link.subscription.pk, source, link.detail)
    return _leaving(request, link)


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def resubscribe(request: HttpRequest, link: Link) -> HttpResponse:
    """The way back from a click too many; a GET shows how things stand."""
    back = False
    if request.method == "POST":
        subscription = come_back(link.subscription.pk, "page", link.detail)
        back = subscription is not None and subscription.state == State.CONFIRMED
    return _leaving(request, link, back=back)


def _leaving(request: HttpRequest, link: Link, *, back: bool = False) -> HttpResponse:
    subscription = link.subscription
    subscription.refresh_from_db(fields=["state"])
    context = {
        "publication": subscription.subscriber_list.publication,
        "list": subscription.subscriber_list,
        "address": masked(subscription.subscriber.address),
        "token": link.token,
        "left": subscription.state in (State.UNSUBSCRIBED, State.COMPLAINED),
        "may_return": subscription.state == State.UNSUBSCRIBED,
        "back": back,
    }
    return render(request, "public/unsubscribe.html", context)


class PreferencesForm(forms.Form):
    name = forms.CharField(
        label=_("称呼"), max_length=100, required=False, validators=[_plain], strip=True
    )
    name.widget.attrs["autocomplete"] = "name"


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def preferences(request: HttpRequest, link: Link) -> HttpResponse:
    subscriber = link.subscription.subscriber
    form = PreferencesForm(initial={"name": subscriber.name})
    own = _own(link)
    on = {subscription.pk for subscription in own if subscription.state == State.CONFIRMED}
    saved = False
    if request.method == "POST":
        chosen = set(request.POST.getlist("list"))
        on = {subscription.pk for subscription in own if str(subscription.pk) in chosen}
        form = PreferencesForm(request.POST)
        saved = form.is_valid()
        if saved:
            _save(link, form.cleaned_data["name"], own, on)
    context = {
        "publication": link.subscription.subscriber_list.publication,
        "address": masked(subscriber.address),
        "token": link.token,
        "form": form,
        "saved": saved,
        "lists": [(each.pk, each.subscriber_list.name, each.pk in on) for each in own],
    }
    return render(request, "public/preferences.html", context)


def _own(link: Link) -> list[Subscription]:
    """The reader's subscriptions to this publication that are the reader's to switch.

    Nobody else's can be named in the form, since only these are looked at.
    """
    return list(
        Subscription.objects.filter(
            subscriber_id=link.subscription.subscriber_id,
            subscriber_list__publication=link.subscription.subscriber_list.publication,
            state__in=(State.CONFIRMED, State.UNSUBSCRIBED),
        )
        .select_related("subscriber_list")
        .order_by("subscriber_list__name", "pk")
    )


def _save(link: Link, name: str, own: list[Subscription], on: set[int]) -> None:
    Subscriber.objects.filter(pk=link.subscription.subscriber_id).update(name=name)
    for subscription in own:
        act = come_back if subscription.pk in on else leave
        act(subscription.pk, "preferences", link.detail)
