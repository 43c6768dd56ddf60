"""A person's own page: name, address, mails, language, and the ways to sign in.

Promises: a changed address is told to the audit log, and asks for the password again first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.account.views import PasswordResetView
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods
from django.views.i18n import set_language

from dongtai_mail.desk import access, audit, people
from dongtai_mail.desk.access import signed_in
from dongtai_mail.desk.models import MailPreference, Membership
from subscribers.links import evenly


class PersonForm(forms.Form):
    first_name = forms.CharField(label=gettext_lazy("姓名"), max_length=150, required=False)
    email = forms.EmailField(
        label=gettext_lazy("邮箱"),
        max_length=254,
        required=False,
        error_messages={"invalid": gettext_lazy("请写完整的邮箱，例如 name@example.org。")},
    )
    review_mail = forms.BooleanField(
        label=gettext_lazy("有送审、退回、批准或批准失效时，写邮件告诉我"), required=False
    )

    def __init__(self, user: User, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial=values(user))
        self.user = user

    def clean_email(self) -> str:
        address: str = self.cleaned_data["email"].lower()
        others = User.objects.exclude(pk=self.user.pk)
        if address and others.filter(email__iexact=address).exists():
            raise forms.ValidationError(_("这个邮箱已经是另一个账号的，请换一个。"))
        return address


class PasswordReset(PasswordResetView):  # type: ignore[misc]  # allauth ships no types.
    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """A mail to an account that exists is work, which a clock would tell."""
        with evenly():
            answer: HttpResponse = super().post(*args, **kwargs)
        return answer


@require_http_methods(["POST"])
def language(request: HttpRequest) -> HttpResponseBase:
    """Speak it from now on: on the pages of this browser, and in mails to who is signed in."""
    chosen = request.POST.get("language", "")
    if isinstance(request.user, User) and chosen in dict(settings.LANGUAGES):
        people.choose_language(request.user, chosen)
    return set_language(request)


def values(user: User) -> dict[str, str | bool]:
    told = not MailPreference.objects.filter(user=user, reviews=False).exists()
    return {"first_name": user.first_name, "email": user.email, "review_mail": told}


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def me(request: HttpRequest) -> HttpResponseBase:
    if request.method == "POST":
        answer: HttpResponseBase = _change(request)
        return answer
    return _page(request, PersonForm(_user(request)))


@reauthentication_required()  # type: ignore[untyped-decorator]  # allauth ships no types.
def _change(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    before = values(user)
    form = PersonForm(user, request.POST)
    if not form.is_valid():
        return _page(request, form)
    with transaction.atomic():
        user.first_name, user.email = form.cleaned_data["first_name"], form.cleaned_data["email"]
        user.save(update_fields=("first_name", "email"))
        reviews = {"reviews": form.cleaned_data["review_mail"]}
        MailPreference.objects.update_or_create(user=user, defaults=reviews)
        audit.record(request, "person.changed", user, before=before, after=values(user))
    messages.success(request, _("已保存。"))
    return redirect("desk:me")


def _page(request: HttpRequest, form: PersonForm) -> HttpResponse:
    roles = Membership.objects.filter(user=_user(request)).select_related("publication")
    context = {
        "form": form,
        "roles": roles.order_by("publication__name", "role"),
        "publications": access.publications(request.user),
        "here": "me",
    }
    return render(request, "desk/me.html", context)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
