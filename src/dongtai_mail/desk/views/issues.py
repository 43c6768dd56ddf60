"""One issue: what is in it, what was found, and what readers would get.

Promises: the preview's HTML is answered as an untrusted document: no script, no forms, an origin
of its own, whatever the manuscript holds.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from dongtai_mail.content import Severity
from dongtai_mail.desk import findings, security
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.previews import AUTO, KINDS, preview, sizes
from dongtai_mail.issues import editions
from dongtai_mail.issues.models import Issue, Item
from dongtai_mail.rendering import CLIPPING_LIMIT, RenderingError

WIDTHS = (("375", "375"), ("640", "640"), ("full", _("宽")))
PARTS = (("html", _("邮件")), ("text", _("纯文本")), ("source", _("源码")))


@opens(Issue, Right.SEE)
@require_safe
def issue(request: HttpRequest, shown: Issue) -> HttpResponse:
    sections = list(shown.sections.prefetch_related("items"))
    items = [item for section in sections for item in section.items.all()]
    manuscript = getattr(shown, "manuscript", None)
    said, _ignored = editions.complete(shown)
    in_manuscript = findings.of_manuscript(manuscript, items)
    rendering = _rendering(shown, items)
    in_rendering = rendering.pop("findings")
    context = {
        "publication": shown.publication,
        "issue": shown,
        "said": said,
        "sections": sections,
        "item_count": len(items),
        "manuscript": manuscript,
        "in_manuscript": [each for each in in_manuscript if each.severity is not Severity.INFO],
        "in_rendering": [each for each in in_rendering if each.severity is not Severity.INFO],
        "notes": [each for each in in_rendering + in_manuscript if each.severity is Severity.INFO],
        "here": "issues",
    } | rendering
    return render(request, "desk/issue.html", context)


def _rendering(shown: Issue, items: list[Item]) -> dict[str, Any]:
    try:
        rendered = editions.render(shown)
    except RenderingError as error:
        return {"broken": str(error), "findings": []}
    errors = [found for found in rendered.findings if found.severity is Severity.ERROR]
    return {
        "findings": findings.of_rendering(rendered.findings, items),
        "errors": len(errors),
        "subject": rendered.subject,
    }


@opens(Issue, Right.SEE)
@require_safe
def preview_page(request: HttpRequest, shown: Issue) -> HttpResponse:
    kind, width, part = _choices(request)
    context = {
        "publication": shown.publication,
        "issue": shown,
        "kind": kind,
        "width": width,
        "part": part,
        "widths": WIDTHS,
        "parts": PARTS,
        "limit": CLIPPING_LIMIT,
        "here": "issues",
    }
    try:
        seen = preview(shown, kind)
        context |= {"preview": seen, "sizes": sizes(shown)}
    except RenderingError as error:
        return render(request, "desk/preview.html", context | {"broken": str(error)})
    items = Item.objects.filter(section__issue=shown)
    context["findings"] = findings.of_rendering(
        [found for found in seen.findings if found.severity is not Severity.INFO], items
    )
    return render(request, "desk/preview.html", context)


@opens(Issue, Right.SEE)
@require_safe
def preview_html(request: HttpRequest, shown: Issue) -> HttpResponse:
    """The HTML part alone, for the frame of the preview page."""
    kind, _width, _part = _choices(request)
    response = HttpResponse(preview(shown, kind).html)
    response.headers["Content-Security-Policy"] = security.EDITION
    return response


def _choices(request: HttpRequest) -> tuple[str, str, str]:
    asked = request.GET
    return (
        asked["kind"] if asked.get("kind") in KINDS else AUTO,
        asked["width"] if asked.get("width") in dict(WIDTHS) else "full",
        asked["part"] if asked.get("part") in dict(PARTS) else "html",
    )
