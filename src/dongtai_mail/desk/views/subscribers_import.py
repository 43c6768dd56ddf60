"""An import on the desk: the file, what its columns mean, what would happen, how far it is.

Promises: nothing is imported before somebody has seen what would be; a page shows only the runs of
its own publication's lists; a file is read in pieces and refused as soon as it is too big.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dongtai_mail.delivery import imports
from dongtai_mail.desk import audit
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.issues.models import Publication
from subscribers import columns, importing, leasing
from subscribers.importing import ImportFailed
from subscribers.models import ImportRow, ImportRun, SubscriberList
from subscribers.tables import ENCODINGS

PER_PAGE = 50
SKIP = ""


class UploadForm(forms.Form):
    list = forms.ModelChoiceField(SubscriberList.objects.none(), label=gettext_lazy("名单"))
    file = forms.FileField(label=gettext_lazy("文件（CSV 或 XLSX）"), max_length=255)

    def __init__(self, publication: Publication, *data: Any) -> None:
        super().__init__(*data)
        field = self.fields["list"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = publication.lists.filter(archived_at=None).order_by("name")
        if field.queryset.count() == 1:
            field.empty_label = None


class MappingForm(forms.Form):
    policy = forms.ChoiceField(choices=ImportRun.Policy.choices, label=gettext_lazy("已经认识的人"))
    consent = forms.ChoiceField(choices=ImportRun.Consent.choices, label=gettext_lazy("同意"))
    basis = forms.CharField(
        required=False,
        max_length=500,
        label=gettext_lazy("依据（什么时候、怎样取得的同意）"),
    )

    def __init__(self, header: list[str], data: Any, initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        fields: list[tuple[str, Any]] = [(SKIP, _("不导入")), *columns.FIELDS.items()]
        for place, name in enumerate(header):
            own = columns.attribute_name(name)
            kept = [(columns.ATTRIBUTE + own, _("其他资料：%s") % own)] if own else []
            self.fields[f"column-{place}"] = forms.ChoiceField(
                choices=fields + kept, required=False, label=name
            )

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        chosen = [value for name, value in data.items() if name.startswith("column-") and value]
        if len(chosen) != len(set(chosen)):
            raise forms.ValidationError(_("同一项资料选了两列，请只留一列。"))
        if columns.ADDRESS not in chosen:
            raise forms.ValidationError(_("请选出哪一列是邮箱。"))
        if data.get("consent") == ImportRun.Consent.BASIS and not data.get("basis", "").strip():
            self.add_error("basis", _("请写明依据；没有的话，请选“发确认邮件”。"))
        return data

    def columns(self) -> dict[str, int]:
        return {
            value: int(name.removeprefix("column-"))
            for name, value in self.cleaned_data.items()
            if name.startswith("column-") and value
        }


@opens(Publication, Right.LISTS)
@require_http_methods(["GET", "HEAD", "POST"])
def imports_page(request: HttpRequest, publication: Publication) -> HttpResponse:
    form = UploadForm(publication)
    if request.method == "POST":
        form = UploadForm(publication, request.POST, request.FILES)
        run = _receive(request, form)
        if run is not None:
            return redirect("desk:import", run.pk)
    runs = ImportRun.objects.filter(subscriber_list__publication=publication)
    page = Paginator(runs.select_related("subscriber_list"), PER_PAGE)
    context = {
        "publication": publication,
        "form": form,
        "page": page.get_page(request.GET.get("page")),
        "here": "subscribers",
    }
    return render(request, "desk/subscribers_imports.html", context)


def _receive(request: HttpRequest, form: UploadForm) -> ImportRun | None:
    if not form.is_valid():
        return None
    file = form.cleaned_data["file"]
    try:
        return importing.receive(
            form.cleaned_data["list"], file.chunks(), file.name, request.user.get_username()
        )
    except ImportFailed as failed:
        form.add_error("file", str(failed))
        return None


@opens(ImportRun, Right.LISTS)
@require_http_methods(["GET", "HEAD", "POST"])
def import_page(request: HttpRequest, run: ImportRun) -> HttpResponse:
    if run.state != ImportRun.State.UPLOADED:
        return render(request, "desk/subscribers_import.html", _context(request, run))
    shown = importing.preview(run)
    form = MappingForm(shown.header, request.POST or None, initial=_guessed(run))
    if request.method == "POST" and form.is_valid():
        run.columns = form.columns()
        for name in ("policy", "consent", "basis"):
            setattr(run, name, form.cleaned_data[name])
        importing.begin(run)
        return redirect("desk:import", run.pk)
    context = _context(request, run) | {"form": form, "preview": shown}
    return render(request, "desk/subscribers_mapping.html", context)


@opens(ImportRun, Right.LISTS)
@require_safe
def import_progress(request: HttpRequest, run: ImportRun) -> HttpResponse:
    return render(request, "desk/subscribers_progress.html", _context(request, run))


@opens(ImportRun, Right.LISTS)
@require_POST
def import_start(request: HttpRequest, run: ImportRun) -> HttpResponse:
    with transaction.atomic():
        importing.proceed(run)
        audit.record(request, "import.started", run)
    return redirect("desk:import", run.pk)


@opens(ImportRun, Right.LISTS)
@require_http_methods(["GET", "HEAD", "POST"])
def import_undo(request: HttpRequest, run: ImportRun) -> HttpResponse:
    """Ask first: it takes everybody away whom the import brought."""
    if request.method != "POST":
        return render(request, "desk/subscribers_undo.html", _context(request, run))
    try:
        with transaction.atomic():
            imports.begin_undoing(run)
            audit.record(request, "import.undo-begun", run)
    except ImportFailed as failed:
        messages.error(request, str(failed))
    return redirect("desk:import", run.pk)


@opens(ImportRun, Right.LISTS)
@require_POST
def import_discarding(request: HttpRequest, run: ImportRun) -> HttpResponse:
    with transaction.atomic():
        gone = importing.give_up(run)
        if gone:
            audit.record(request, "import.discarded", run.subscriber_list)
    if not gone:
        messages.error(request, _("这次导入已经开始，不能放弃；导入之后可以撤销。"))
        return redirect("desk:import", run.pk)
    messages.success(request, _("已放弃这个文件，没有导入。"))
    return redirect("desk:imports", run.subscriber_list.publication.slug)


def _guessed(run: ImportRun) -> dict[str, Any]:
    places = {f"column-{place}": field for field, place in run.columns.items()}
    return {"policy": run.policy, "consent": run.consent, **places}


def _context(request: HttpRequest, run: ImportRun) -> dict[str, Any]:
    verdicts = ImportRow.Verdict
    refused = ImportRow.objects.filter(run=run).exclude(verdict__in=(verdicts.NEW, verdicts.PERSON))
    chosen = request.GET.get("verdict", "")
    if chosen.isdecimal() and int(chosen) in verdicts.values:
        refused = ImportRow.objects.filter(run=run, verdict=int(chosen))
    live = run.state in leasing.LIVE
    return {
        "publication": run.subscriber_list.publication,
        "run": run,
        "encoding": ENCODINGS.get(run.encoding, run.encoding),
        "live": live,
        "whole": run.counts.get("added") if run.state == ImportRun.State.UNDOING else run.rows,
        "stayed": run.counts.get("added", 0) - run.counts.get("taken", 0),
        "silent": leasing.seconds_left(run) if live else None,
        "counts": [
            (each.label, each.value, run.counts.get(each.name.lower(), 0)) for each in verdicts
        ],
        "page": None if live else Paginator(refused, PER_PAGE).get_page(request.GET.get("page")),
        "verdict": chosen,
        "here": "subscribers",
    }
