"""Signing up, and confirming it from one's mailbox.

Promises: the answer to a sign-up is the same for every address; opening a confirmation link
confirms nothing, since scanners open links, pressing its button does. The form may stand on any
page of any site: no cookie speaks for anybody here, so there is nothing for CSRF to abuse.
"""

from __future__ import annotations

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from dongtai_mail.message.address import AddressError, as_typed
from dongtai_mail.sentences import told
from subscribers import signup
from subscribers.leaving import may_return
from subscribers.links import (
    client_ip,
    evenly,
    masked,
    notice_page,
    reader_token,
    see_other,
    served,
)
from subscribers.models import Notice, SubscriberList
from subscribers.views.preferences import address_input, name_field


class SignUpForm(forms.Form):
    email = forms.CharField(
        label=_("邮箱"),
        max_length=320,
        error_messages={"required": _("请填写邮箱地址。")},
        widget=address_input(),
    )
    name = name_field()
    # People don't see this field; programs fill in whatever there is.
    website = forms.CharField(required=False, max_length=1000)

    def clean_email(self) -> str:
        text: str = self.cleaned_data["email"]
        try:
            as_typed(text)
        except AddressError as error:
            raise forms.ValidationError(told(str(error))) from error
        return text


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest, slug: str) -> HttpResponse:
    chosen = SubscriberList.objects.select_related("publication").filter(slug=slug).first()
    if chosen is None or not chosen.open:
        raise Http404
    return served(request, lambda: _sign_up(request, chosen))


def _sign_up(request: HttpRequest, chosen: SubscriberList) -> HttpResponse:
    form = SignUpForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        _ask(request, chosen, form)
        return see_other(request.path, "asked")
    context = {
        "publication": chosen.publication,
        "list": chosen,
        "form": form,
        "asked": not form.is_bound and "asked" in request.GET,
        "wording": signup.wording(chosen),
    }
    return render(request, "public/signup.html", context)


def _ask(request: HttpRequest, chosen: SubscriberList, form: SignUpForm) -> None:
    if form.cleaned_data["website"]:
        return
    with evenly():
        signup.sign_up(
            chosen,
            form.cleaned_data["email"],
            form.cleaned_data["name"],
            translation.get_language() or "zh-hans",
            client_ip(request),
        )


@require_http_methods(["GET", "HEAD", "POST"])
@notice_page(Notice.Kind.CONFIRM)
def confirmation(request: HttpRequest, notice: Notice) -> HttpResponse:
    if request.method == "POST":
        signup.confirm_all(notice, request.POST.getlist("list"), client_ip(request))
        return see_other(request.path)
    waiting = signup.pending(notice)
    context = {
        "publication": notice.subscription.subscriber_list.publication,
        "address": masked(notice.subscription.subscriber.address),
        "waiting": [(each.pk, signup.wording(each.subscriber_list)) for each in waiting],
        "may_return": may_return(notice.subscription_id),
        "done": notice.subscription.state == notice.subscription.State.CONFIRMED,
        "token": reader_token(notice.subscription_id),
    }
    return render(request, "public/confirmation.html", context)
