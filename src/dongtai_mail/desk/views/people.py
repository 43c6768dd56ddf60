"""The people of a publication: their roles, invitations, and who may no longer sign in."""

from __future__ import annotations

from collections.abc import Callable

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.validators import RegexValidator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dongtai_mail.desk import audit, people
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.models import Role
from dongtai_mail.desk.people import PeopleRefused
from dongtai_mail.issues.models import Publication
from dongtai_mail.issues.naming import called


class RolesForm(forms.Form):
    roles = forms.MultipleChoiceField(
        label=gettext_lazy("职责"),
        choices=Role.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class InvitationForm(RolesForm):
    email = forms.EmailField(
        label=gettext_lazy("邮箱"),
        max_length=254,
        error_messages={
            "required": gettext_lazy("请填写同事的邮箱，邀请发到那里。"),
            "invalid": gettext_lazy("请写完整的邮箱，例如 name@example.org。"),
        },
    )
    name = forms.CharField(label=gettext_lazy("姓名"), max_length=150, required=False)
    username = forms.CharField(
        label=gettext_lazy("用户名"),
        help_text=gettext_lazy("登录用；不填就用邮箱 @ 前面的部分。"),
        max_length=150,
        required=False,
        validators=[
            RegexValidator(r"^[\w.@+-]+\Z", gettext_lazy("用户名只能有字母、数字和 @ . + - _。"))
        ],
    )
    roles = forms.MultipleChoiceField(
        label=gettext_lazy("职责"),
        choices=Role.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("请至少选一个职责。")},
    )
    field_order = ("email", "name", "username", "roles")

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if name and User.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError(_("这个用户名有人用了，请换一个。"))
        return name


@opens(Publication, Right.ADMINISTER)
@require_safe
def people_page(request: HttpRequest, publication: Publication) -> HttpResponse:
    rows = [
        (person, people.roles(person, publication))
        for person in people.members(publication).order_by("-is_active", "first_name", "username")
    ]
    context = {"publication": publication, "rows": rows, "here": "settings"}
    return render(request, "desk/people.html", context)


@opens(Publication, Right.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, publication: Publication) -> HttpResponse:
    if request.method == "POST":
        return _confirmed(_invite)(request, publication)
    context = {"publication": publication, "form": InvitationForm(), "here": "settings"}
    return render(request, "desk/invitation.html", context)


def _invite(request: HttpRequest, publication: Publication) -> HttpResponse:
    form = InvitationForm(request.POST)
    if not form.is_valid():
        context = {"publication": publication, "form": form, "here": "settings"}
        return render(request, "desk/invitation.html", context)
    data = form.cleaned_data
    wanted = [Role(role) for role in data["roles"]]
    with transaction.atomic():
        person = people.invite(publication, data["email"], data["username"], data["name"], wanted)
        after = {"roles": people.roles(person, publication)}
        audit.record(request, "person.invited", person, publication, after=after)
    if person.has_usable_password():
        text = _("%(name)s 已有账号，职责已经加上。")
    else:
        text = _("已邀请 %(name)s：邮件里有设置密码的链接，三天之内有效。")
    messages.success(request, text % {"name": called(person)})
    return redirect("desk:people", publication.slug)


@opens(Publication, Right.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def person(request: HttpRequest, publication: Publication, number: int) -> HttpResponse:
    """One person's roles."""
    member = _member(publication, number)
    if request.method == "POST":
        return _confirmed(_set_roles)(request, publication, member)
    form = RolesForm(initial={"roles": people.roles(member, publication)})
    return _person_page(request, publication, member, form)


def _set_roles(request: HttpRequest, publication: Publication, member: User) -> HttpResponse:
    form = RolesForm(request.POST)
    if form.is_valid():
        try:
            _save_roles(request, publication, member, form.cleaned_data["roles"])
        except PeopleRefused as refused:
            form.add_error(None, str(refused))
    if form.errors:
        return _person_page(request, publication, member, form)
    messages.success(request, _("%(name)s 的职责已改。") % {"name": called(member)})
    return redirect("desk:people", publication.slug)


def _save_roles(
    request: HttpRequest, publication: Publication, member: User, names: list[str]
) -> None:
    with transaction.atomic():
        before = people.set_roles(member, publication, [Role(name) for name in names])
        after = people.roles(member, publication)
        audit.record(
            request, "person.roles", member, publication, {"roles": before}, {"roles": after}
        )


def _person_page(
    request: HttpRequest, publication: Publication, member: User, form: RolesForm
) -> HttpResponse:
    assert isinstance(request.user, User)
    context = {
        "publication": publication,
        "member": member,
        "form": form,
        "may_stop": member != request.user and people.may_stop(member, request.user),
        "here": "settings",
    }
    return render(request, "desk/person.html", context)


@opens(Publication, Right.ADMINISTER)
@require_POST
def invitation_again(request: HttpRequest, publication: Publication, number: int) -> HttpResponse:
    member = _member(publication, number)
    try:
        people.invite_again(member, publication)
    except PeopleRefused as refused:
        messages.error(request, str(refused))
    else:
        audit.record(request, "person.invited", member, publication)
        messages.success(request, _("邀请又发了一次。"))
    return redirect("desk:person", publication.slug, number)


@opens(Publication, Right.ADMINISTER)
@require_POST
def deactivation(request: HttpRequest, publication: Publication, number: int) -> HttpResponse:
    return _confirmed(_set_active)(request, publication, _member(publication, number), False)


@opens(Publication, Right.ADMINISTER)
@require_POST
def reactivation(request: HttpRequest, publication: Publication, number: int) -> HttpResponse:
    return _confirmed(_set_active)(request, publication, _member(publication, number), True)


def _set_active(
    request: HttpRequest, publication: Publication, member: User, active: bool
) -> HttpResponse:
    assert isinstance(request.user, User)
    action = "person.reactivated" if active else "person.deactivated"
    try:
        with transaction.atomic():
            people.set_active(member, request.user, active)
            audit.record(request, action, member, publication)
    except PeopleRefused as refused:
        messages.error(request, str(refused))
    else:
        text = _("账号已恢复。") if active else _("账号已停用，各处的登录已经退出。")
        messages.success(request, text)
    return redirect("desk:person", publication.slug, member.pk)


def _member(publication: Publication, number: int) -> User:
    return get_object_or_404(people.members(publication), pk=number)


def _confirmed(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Whoever found a desk left open can't hand out rights: the password is asked for again."""
    confirmed: Callable[..., HttpResponse] = reauthentication_required()(view)
    return confirmed
