"""Segments: an audience put together in a form, with its count before it is saved."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from dongtai_mail.delivery import audience
from dongtai_mail.desk import audit
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.issues.models import Publication
from subscribers.audience import AudienceError, Description
from subscribers.models import Segment

RULES = 5
FIELDS = (
    ("", gettext_lazy("（没有条件）")),
    ("organisation", gettext_lazy("单位")),
    ("name", gettext_lazy("姓名")),
    ("domain", gettext_lazy("邮箱域名")),
    ("provider", gettext_lazy("邮箱服务商")),
    ("language", gettext_lazy("语言")),
    ("since", gettext_lazy("订阅时间（天）")),
    ("engaged", gettext_lazy("收到过邮件（天内）")),
    ("attribute", gettext_lazy("其他资料")),
)
TESTS = (
    ("is", gettext_lazy("是")),
    ("contains", gettext_lazy("含有")),
    ("starts", gettext_lazy("开头是")),
    ("set", gettext_lazy("填了")),
    ("within", gettext_lazy("以内")),
    ("before", gettext_lazy("以前")),
    ("some", gettext_lazy("收到过")),
    ("none", gettext_lazy("没有收到过")),
)


@opens(Publication, Right.LISTS)
@require_http_methods(["GET", "HEAD", "POST"])
def segments(request: HttpRequest, publication: Publication) -> HttpResponse:
    """The saved ones, and a form; the button “count” asks without saving."""
    described: Description | None = None
    count: tuple[int, int] | None = None
    if request.method == "POST":
        described = _described(request)
        try:
            count = audience.count(publication.pk, described)
        except AudienceError as error:
            messages.error(request, str(error))
        else:
            if "save" in request.POST and _save(request, publication, described):
                return redirect("desk:segments", publication.slug)
    context: dict[str, Any] = {
        "publication": publication,
        "segments": [(each, _counted(each)) for each in publication.segments.all()],
        "lists": publication.lists.order_by("name"),
        "fields": FIELDS,
        "tests": TESTS,
        "rows": _rows(request),
        "described": described or {},
        "name": request.POST.get("name", ""),
        "count": count,
        "here": "subscribers",
    }
    return render(request, "desk/subscribers_segments.html", context)


@opens(Publication, Right.LISTS)
@require_POST
def segment_removal(request: HttpRequest, publication: Publication, pk: int) -> HttpResponse:
    segment = get_object_or_404(Segment, pk=pk, publication=publication)
    with transaction.atomic():
        audit.record(request, "segment.removed", segment, before={"audience": segment.audience})
        segment.delete()
    return redirect("desk:segments", publication.slug)


def _described(request: HttpRequest) -> Description:
    rules = [_rule(row) for row in _rows(request) if row["field"]]
    return {
        "lists": _numbers(request, "list"),
        "except": _numbers(request, "except"),
        "match": "any" if request.POST.get("match") == "any" else "all",
        "rules": rules,
    }


def _rule(row: dict[str, str]) -> dict[str, str]:
    field = f"attribute:{row['key']}" if row["field"] == "attribute" else row["field"]
    return {"field": field, "test": row["test"], "value": row["value"]}


def _numbers(request: HttpRequest, name: str) -> list[int]:
    texts = request.POST.getlist(name)
    return [int(text) for text in texts if text.isdecimal() and len(text) < 19]


def _rows(request: HttpRequest) -> list[dict[str, str]]:
    return [
        {
            name: request.POST.get(f"{name}-{number}", "")[:200]
            for name in ("field", "key", "test", "value")
        }
        for number in range(RULES)
    ]


def _counted(segment: Segment) -> tuple[int, int] | None:
    try:
        return audience.count(segment.publication_id, segment.audience)
    except AudienceError:
        return None


def _save(request: HttpRequest, publication: Publication, described: Description) -> bool:
    name = request.POST.get("name", "").strip()[:100]
    if not name:
        messages.error(request, _("请给这个分组起个名字。"))
        return False
    try:
        with transaction.atomic():
            segment = Segment.objects.create(
                publication=publication,
                name=name,
                audience=described,
                created_by=request.user.get_username(),
            )
            audit.record(request, "segment.saved", segment, after={"audience": described})
    except IntegrityError:
        messages.error(request, _("已经有同名的分组。"))
        return False
    return True
