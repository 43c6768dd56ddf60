"""One issue: what is in it, and what was found."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dongtai_mail.content import Severity
from dongtai_mail.desk import findings
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.issues import editions
from dongtai_mail.issues.models import Issue, Item
from dongtai_mail.rendering import RenderingError


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
