"""Segments: audiences put together in a form, which counts them while it is filled in."""

from __future__ import annotations

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dongtai_mail.delivery import audience
from dongtai_mail.desk import audit, holding
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.audience import comes_later
from dongtai_mail.desk.forms import typed
from dongtai_mail.desk.views import subscribers_conditions as conditions
from dongtai_mail.issues.models import Publication
from subscribers.audience import AudienceError, Description, refuse_address
from subscribers.models import Segment

Size = tuple[int, int]


@opens(Publication, Right.LISTS)
@require_http_methods(["GET", "HEAD", "POST"])
def segments(request: HttpRequest, publication: Publication) -> HttpResponse:
    """The saved ones, and a form for another."""
    return _page(request, Segment(publication=publication))


@opens(Publication, Right.LISTS)
@require_http_methods(["GET", "HEAD", "POST"])
def segment(request: HttpRequest, publication: Publication, pk: int) -> HttpResponse:
    """One that is there: its name and whom it selects."""
    return _page(request, get_object_or_404(Segment, pk=pk, publication=publication))


@opens(Publication, Right.LISTS)
@require_http_methods(["GET", "HEAD", "POST"])
def segment_size(request: HttpRequest, publication: Publication) -> HttpResponse:
    """How many the form selects, while it is filled in; or a saved one, for the list of them."""
    if request.method != "POST":
        number = holding.number(request.GET.get("segment", ""))
        row = publication.segments.filter(pk=number).first()
        size = _size(publication.pk, row.audience)[0] if row else None
        return render(request, "desk/subscribers_segment_size.html", {"each_size": size})
    size, problem = _size(publication.pk, conditions.described(request.POST))
    return render(request, "desk/subscribers_size.html", {"size": size, "problem": problem})


@opens(Publication, Right.LISTS)
@require_POST
def segment_removal(request: HttpRequest, publication: Publication, pk: int) -> HttpResponse:
    row = get_object_or_404(Segment, pk=pk, publication=publication)
    with transaction.atomic():
        audit.record(request, "segment.removed", row, before={"audience": row.audience})
        row.delete()
    return redirect("desk:segments", publication.slug)


def _page(request: HttpRequest, row: Segment) -> HttpResponse:
    described: Description = (row.audience or {}) if row.pk else {}
    rows, name = conditions.saved(described), row.name
    if request.method == "POST":
        described, rows = conditions.described(request.POST), conditions.typed(request.POST)
        name = typed(request.POST, "name")[:100]
        if "save" in request.POST and _save(request, row, name, described):
            messages.success(request, _("已保存。"))
            return redirect("desk:segments", row.publication.slug)
    context = {
        "publication": row.publication,
        "segment": row,
        "segments": _others(request, row),
        "lists": row.publication.lists.order_by("name"),
        "rows": conditions.with_room(rows),
        "described": described,
        "name": name,
        "here": "subscribers",
    }
    if described and comes_later(request, described):
        context["counting"] = True
    elif described:
        context["size"], context["problem"] = _size(row.publication_id, described)
    return render(request, "desk/subscribers_segments.html", context)


def _others(request: HttpRequest, row: Segment) -> list[tuple[Segment, bool, Size | None]]:
    """The list under which a new one is made, each with its size or whether that comes later."""
    if row.pk:
        return []
    rows = []
    for each in row.publication.segments.all():
        later = comes_later(request, each.audience)
        size = None if later else _size(each.publication_id, each.audience)[0]
        rows.append((each, later, size))
    return rows


def _size(publication_id: int, described: Description) -> tuple[Size | None, str]:
    try:
        return audience.count(publication_id, described), ""
    except AudienceError as error:
        return None, str(error)


def _save(request: HttpRequest, row: Segment, name: str, described: Description) -> bool:
    size, problem = _size(row.publication_id, described)
    if not name:
        problem = _("请给这个分组起个名字。")
    try:
        refuse_address(name)
    except AudienceError as error:
        problem = str(error)
    if problem or size is None:
        messages.error(request, problem)
        return False
    before = {"name": row.name, "audience": row.audience} if row.pk else None
    row.name, row.audience = name, described
    row.created_by = row.created_by or request.user.get_username()
    try:
        with transaction.atomic():
            row.save()
            after = {"name": name, "audience": described}
            audit.record(request, "segment.saved", row, before=before, after=after)
    except IntegrityError:
        messages.error(request, _("已经有同名的分组。"))
        return False
    return True
