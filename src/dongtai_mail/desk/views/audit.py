"""The audit log, for administrators: who did what, when, and what stood before and after.

Owns: the filters, which are in the address, and the words for what was kept. Promises: entries of
other publications are not shown; what people did to their accounts is, for people of this one.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from dongtai_mail.desk import audit, people
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.audit import ACTIONS
from dongtai_mail.desk.audit_words import Change, changes
from dongtai_mail.desk.models import AuditEntry
from dongtai_mail.issues.models import Publication

PER_PAGE = 50


class FilterForm(forms.Form):
    person = forms.ModelChoiceField(User.objects.none(), required=False)
    action = forms.ChoiceField(choices=(), required=False)
    since = forms.DateField(
        required=False, error_messages={"invalid": gettext_lazy("请把日期写成 2026-12-01 这样。")}
    )
    until = forms.DateField(
        required=False, error_messages={"invalid": gettext_lazy("请把日期写成 2026-12-01 这样。")}
    )

    def __init__(self, publication: Publication, data: Any) -> None:
        super().__init__(data)
        person = self.fields["person"]
        assert isinstance(person, forms.ModelChoiceField)
        person.queryset = people.members(publication)
        action = self.fields["action"]
        assert isinstance(action, forms.ChoiceField)
        action.choices = list(ACTIONS.items())


@dataclass(frozen=True, slots=True)
class Row:
    entry: AuditEntry
    action: str
    changes: list[Change]


@opens(Publication, Right.ADMINISTER)
@require_safe
def audit_page(request: HttpRequest, publication: Publication) -> HttpResponse:
    form = FilterForm(publication, request.GET)
    form.is_valid()
    found = _chosen(_visible(request, publication), publication, form.cleaned_data)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "publication": publication,
        "form": form,
        "page": page,
        "rows": [Row(entry, _action(entry), changes(entry)) for entry in page],
        "members": people.members(publication).order_by("username"),
        "actions": sorted(ACTIONS.items(), key=lambda pair: str(pair[1])),
        "here": "settings",
    }
    return render(request, "desk/audit.html", context)


def _visible(request: HttpRequest, publication: Publication) -> QuerySet[AuditEntry]:
    own = Q(publication=publication)
    if isinstance(request.user, User) and request.user.is_superuser:
        return AuditEntry.objects.filter(own | Q(publication=None))
    members = list(people.members(publication).values_list("pk", flat=True))
    about = Q(subject_kind="auth.user", subject_id__in=[str(number) for number in members])
    return AuditEntry.objects.filter(own | Q(publication=None) & (Q(user__in=members) | about))


def _chosen(
    entries: QuerySet[AuditEntry], publication: Publication, values: dict[str, Any]
) -> QuerySet[AuditEntry]:
    if values.get("person"):
        entries = entries.filter(user=values["person"])
    if values.get("action"):
        entries = entries.filter(action=values["action"])
    if values.get("since"):
        entries = entries.filter(at__gte=_midnight(values["since"], publication))
    if values.get("until"):
        end = values["until"] + datetime.timedelta(days=1)
        entries = entries.filter(at__lt=_midnight(end, publication))
    return entries


def _midnight(day: datetime.date, publication: Publication) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(), publication.zone)


def _action(entry: AuditEntry) -> str:
    return str(audit.ACTIONS.get(entry.action, entry.action))
