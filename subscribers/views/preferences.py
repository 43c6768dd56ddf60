"""A reader's preferences: lists on and off, name, language, a pause; and being erased.

Promises: a form names nothing but the reader's own subscriptions of this publication; erasing
takes effect in the request that asks for it, which has to name the reader's address; what a form
says is kept all of it or none.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection

from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from dongtai_mail.message.address import AddressError, as_typed
from dongtai_mail.sentences import told
from dongtai_mail.validators import validate_line
from subscribers.leaving import come_back, leave, may_return
from subscribers.links import Link, client_ip, masked, reader_page, see_other
from subscribers.models import Subscriber, Subscription
from subscribers.proving import erase_own, proving

State = Subscription.State

KEEP = "keep"
PAUSES = (("", _("不暂停")), ("30", _("一个月")), ("90", _("三个月")), ("180", _("半年")))


def address_input() -> forms.TextInput:
    """Browsers let nobody send 用户@例子.测试 from a field of the type email."""
    return forms.TextInput(
        attrs={
            "inputmode": "email",
            "autocomplete": "email",
            "autocapitalize": "off",
            "spellcheck": "false",
        }
    )


def name_field() -> forms.CharField:
    return forms.CharField(
        label=_("称呼"),
        max_length=100,
        required=False,
        validators=[validate_line],
        error_messages={
            "max_length": _("称呼最多 %(limit_value)s 个字，现在有 %(show_value)s 个。")
        },
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class PreferencesForm(forms.Form):
    name = name_field()
    language = forms.ChoiceField(label=_("语言"), choices=settings.LANGUAGES, required=False)
    pause = forms.ChoiceField(
        label=_("暂停一段时间"), choices=(*PAUSES, (KEEP, KEEP)), required=False
    )


class ErasureForm(forms.Form):
    """Asks for the address, which the page shows in part: an issue may have been passed on, and
    whoever got it so would erase somebody else.
    """

    email = forms.CharField(
        label=_("请输入这个邮箱的完整地址"),
        max_length=320,
        error_messages={"required": _("请填写邮箱地址。")},
        widget=address_input(),
    )

    def __init__(self, keys: Collection[str], data: QueryDict | None) -> None:
        super().__init__(data)
        self._keys = keys

    def clean_email(self) -> str:
        text: str = self.cleaned_data["email"]
        try:
            key = as_typed(text).key
        except AddressError as error:
            raise forms.ValidationError(told(str(error))) from error
        if key not in self._keys:
            raise forms.ValidationError(
                _(
                    "这不是收到这封邮件的地址，什么也没有删。邮件若是别人转给您的，请让那位读者自己删除。"
                )
            )
        return key


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def preferences(request: HttpRequest, link: Link) -> HttpResponse:
    subscriber = link.subscription.subscriber
    form = PreferencesForm(initial={"name": subscriber.name, "language": subscriber.language})
    own = _own(link)
    on = {subscription.pk for subscription in own if subscription.state == State.CONFIRMED}
    if request.method == "POST":
        chosen = set(request.POST.getlist("list"))
        on = {subscription.pk for subscription in own if str(subscription.pk) in chosen}
        form = PreferencesForm(request.POST)
        if form.is_valid():
            _save(request, link, form, own, on)
            # The page answers in what was chosen, whatever it was asked in.
            translation.activate(form.cleaned_data["language"] or translation.get_language() or "")
            return see_other(request.path, "saved")
    context = {
        "publication": link.subscription.subscriber_list.publication,
        "address": masked(subscriber.address),
        "token": link.token,
        "form": form,
        "saved": not form.is_bound and "saved" in request.GET,
        "pauses": PAUSES,
        "paused_until": _paused_until(own),
        "lists": [(each.pk, each.subscriber_list.name, each.pk in on, _open(each)) for each in own],
    }
    return render(request, "public/preferences.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def erasure(request: HttpRequest, link: Link) -> HttpResponse:
    """Ask first, since nothing can be brought back; done at once when confirmed."""
    person = link.subscription.subscriber
    form = ErasureForm(proving(person), request.POST if request.method == "POST" else None)
    done = form.is_bound and form.is_valid()
    context = {
        "publication": link.subscription.subscriber_list.publication,
        "address": masked(person.address),
        "token": link.token,
        "form": form,
        "done": done,
    }
    if done:
        erase_own(person, form.cleaned_data["email"], client_ip(request))
    return render(request, "public/erasure.html", context)


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


def _open(subscription: Subscription) -> bool:
    return subscription.state == State.CONFIRMED or may_return(subscription.pk)


def _paused_until(own: list[Subscription]) -> datetime.datetime | None:
    now = timezone.now()
    running = [each.paused_until for each in own if each.paused_until and each.paused_until > now]
    return max(running, default=None)


@transaction.atomic
def _save(
    request: HttpRequest,
    link: Link,
    form: PreferencesForm,
    own: list[Subscription],
    on: set[int],
) -> None:
    values = form.cleaned_data
    changes = {"name": values["name"]}
    if values["language"]:
        changes["language"] = values["language"]
    Subscriber.objects.filter(pk=link.subscription.subscriber_id).update(**changes)
    if "pause" in request.POST:
        _pause(own, values["pause"])
    for subscription in own:
        act = come_back if subscription.pk in on else leave
        by, ip = link.mailing, client_ip(request)
        act(subscription.pk, "preferences", link.detail, mailing=by, ip=ip)


def _pause(own: list[Subscription], days: str) -> None:
    """A form that says nothing new about a pause leaves the one that runs."""
    if days == KEEP:
        return
    until = timezone.now() + datetime.timedelta(days=int(days)) if days else None
    Subscription.objects.filter(pk__in=[each.pk for each in own]).update(paused_until=until)
