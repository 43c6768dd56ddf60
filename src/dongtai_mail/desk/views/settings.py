"""A publication's settings, the records its domain needs, and how a new publication begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.forms import BoundField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from dongtai_mail.delivery.letters import KeyMissing, create_key, signers
from dongtai_mail.desk import audit
from dongtai_mail.desk.access import Right, opens, superuser
from dongtai_mail.desk.settings_forms import GROUPS, NewPublicationForm, SettingsForm
from dongtai_mail.issues import reviewing
from dongtai_mail.issues.models import Publication
from dongtai_mail.message.dkim import dns_record


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the DNS, as its keeper writes it."""

    name: str
    kind: str
    value: str
    why: str | Promise


@opens(Publication, Right.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: HttpRequest, publication: Publication) -> HttpResponse:
    if request.method == "POST":
        return _save(request, publication)
    return _page(request, publication, SettingsForm(instance=publication))


def _save(request: HttpRequest, publication: Publication) -> HttpResponse:
    shown = Publication.objects.get(pk=publication.pk)
    with transaction.atomic():
        row = Publication.objects.select_for_update().get(pk=publication.pk)
        before = _values(row)
        form = SettingsForm(request.POST, instance=row)
        if not form.is_valid():
            return _page(request, shown, form)
        form.save()
        audit.record(request, "publication.changed", row, row, before, _values(row))
        ended = reviewing.check_publication(shown, row, request.user.get_username())
    if issues := "、".join(str(review.issue) for review in ended):
        messages.warning(
            request, _("送审或批准因此失效，要重新送审：%(issues)s。") % {"issues": issues}
        )
    if row.domain != shown.domain or row.dkim_selector != shown.dkim_selector:
        messages.warning(request, _("域名或选择器改了：请按下面添加 DNS 记录，生效以后再发送。"))
        return redirect("desk:dns", row.slug)
    messages.success(request, _("设置已保存。"))
    return redirect("desk:settings", row.slug)


def _values(publication: Publication) -> dict[str, Any]:
    return {name: getattr(publication, name) for name in SettingsForm.Meta.fields}


def _page(request: HttpRequest, publication: Publication, form: SettingsForm) -> HttpResponse:
    context = {
        "publication": publication,
        "form": form,
        "groups": list(_groups(form)),
        "here": "settings",
    }
    return render(request, "desk/settings.html", context)


def _groups(form: SettingsForm) -> Iterator[tuple[str, list[BoundField]]]:
    for title, names in GROUPS:
        yield str(title), [form[name] for name in names]


@opens(Publication, Right.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def dns(request: HttpRequest, publication: Publication) -> HttpResponse:
    """The records to publish; a POST makes the signing key where there is none."""
    if request.method == "POST":
        create_key(publication)
        audit.record(request, "publication.key", publication)
        return redirect("desk:dns", publication.slug)
    try:
        records = _records(publication)
    except KeyMissing:
        records = []
    context = {"publication": publication, "records": records, "here": "settings"}
    return render(request, "desk/dns.html", context)


def _records(publication: Publication) -> list[Record]:
    signer = signers(publication)[0]
    domain, bounces = publication.domain, publication.bounce_domain
    return [
        Record(
            signer.dns_name,
            "TXT",
            dns_record(signer),
            gettext_lazy("DKIM：收信方凭它验证签名。照原样复制，一个字也不能少。"),
        ),
        Record(
            bounces,
            "TXT",
            _("v=spf1 ip4:发信服务器的地址 -all"),
            gettext_lazy("SPF：说明哪些服务器可以用退信域名发信；用服务商发信的，写它要的那一条。"),
        ),
        Record(
            bounces,
            "MX",
            _("10 收退信的服务器"),
            gettext_lazy("退信回到这里；没有它，失效的地址停不下来。"),
        ),
        Record(
            f"_dmarc.{domain}",
            "TXT",
            f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}",
            gettext_lazy("DMARC：大收信方要求有；报告正常以后，再把 none 改成 quarantine。"),
        ),
    ]


@superuser
@require_http_methods(["GET", "HEAD", "POST"])
def new_publication(request: HttpRequest) -> HttpResponse:
    form = NewPublicationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            row = form.save()
            create_key(row)
            audit.record(request, "publication.created", row, row, after=_values(row))
        messages.success(
            request, _("《%(name)s》已建立，下面是要添加的 DNS 记录。") % {"name": row.name}
        )
        return redirect("desk:dns", row.slug)
    return render(request, "desk/new_publication.html", {"form": form})
