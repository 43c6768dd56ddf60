"""What a reader gets only by way of the mailbox: a new address, and one's own data.

Promises: a link in an issue that was passed on opens neither; both are asked for there and done
from a mail of our own, to the new address or the present one. The former mailbox may take a move
back; until it no longer can, nobody gets the data.
"""

from __future__ import annotations

import json

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from dongtai_mail.message.address import AddressError, as_typed
from dongtai_mail.sentences import told
from subscribers import exporting, moving, outbox, restoring
from subscribers.links import (
    Link,
    client_ip,
    evenly,
    masked,
    notice_page,
    reader_page,
    reader_token,
    see_other,
)
from subscribers.models import Notice
from subscribers.views.preferences import address_input


class MoveForm(forms.Form):
    email = forms.CharField(
        label=_("新的邮箱"),
        max_length=320,
        error_messages={"required": _("请填写邮箱地址。")},
        widget=address_input(),
    )

    def clean_email(self) -> str:
        text: str = self.cleaned_data["email"]
        try:
            return as_typed(text).display
        except AddressError as error:
            raise forms.ValidationError(told(str(error))) from error


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def move(request: HttpRequest, link: Link) -> HttpResponse:
    form = MoveForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        language = translation.get_language() or ""
        with evenly():
            moving.ask(link.subscription, form.cleaned_data["email"], language, client_ip(request))
        return see_other(request.path, "asked")
    context = {
        "publication": link.subscription.subscriber_list.publication,
        "address": masked(link.subscription.subscriber.address),
        "token": link.token,
        "form": form,
        "asked": not form.is_bound and "asked" in request.GET,
    }
    return render(request, "public/move.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@notice_page(Notice.Kind.MOVE)
def moved(request: HttpRequest, notice: Notice) -> HttpResponse:
    if request.method == "POST":
        moving.carry_out(notice, client_ip(request))
        return see_other(request.path)
    move = notice.move
    done = move is not None and moving.is_there(move)
    context = {
        "publication": notice.subscription.subscriber_list.publication,
        "address": move.address if move else "",
        "done": done,
        "over": move is None or moving.is_over(move),
        "token": reader_token(notice.subscription_id),
    }
    return render(request, "public/moved.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@notice_page(Notice.Kind.MOVED)
def restored(request: HttpRequest, notice: Notice) -> HttpResponse:
    if request.method == "POST":
        restoring.take_back(notice, client_ip(request))
        return see_other(request.path)
    move = notice.move
    context = {
        "publication": notice.subscription.subscriber_list.publication,
        # In full: the link was sent there alone, and of two addresses the same part may show.
        "former": move.former if move else "",
        "address": masked(move.address) if move else "",
        "done": move is not None and move.subscriber.key == move.former,
    }
    return render(request, "public/restored.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def data(request: HttpRequest, link: Link) -> HttpResponse:
    person = link.subscription.subscriber
    settles = moving.settles(person)
    if request.method == "POST":
        if settles is None:
            language = translation.get_language() or ""
            outbox.post(Notice.Kind.DATA, link.subscription, key=person.key, language=language)
        return see_other(request.path, "asked")
    context = {
        "publication": link.subscription.subscriber_list.publication,
        "address": masked(link.subscription.subscriber.address),
        "token": link.token,
        "asked": "asked" in request.GET,
        "settles": settles,
    }
    return render(request, "public/data.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@notice_page(Notice.Kind.DATA)
def download(request: HttpRequest, notice: Notice) -> HttpResponse:
    subscription = notice.subscription
    settles = moving.settles(subscription.subscriber)
    if request.method != "POST" or settles is not None:
        context = {
            "publication": subscription.subscriber_list.publication,
            "address": masked(subscription.subscriber.address),
            "settles": settles,
        }
        return render(request, "public/download.html", context)
    document = json.dumps(exporting.personal(subscription.subscriber), ensure_ascii=False, indent=2)
    response = HttpResponse(document, content_type="application/json; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="personal-data.json"'
    return response
