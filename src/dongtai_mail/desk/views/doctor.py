"""Whether mail can leave, arrive and come back; the checks come in a moment after the page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dongtai_mail.delivery import doctor as delivery
from dongtai_mail.delivery.doctor import Verdict
from dongtai_mail.desk import words
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.issues.models import Publication


@opens(Publication, Right.SEE)
@require_safe
def doctor(request: HttpRequest, publication: Publication) -> HttpResponse:
    context = {"publication": publication, "here": "doctor"}
    return render(request, "desk/doctor.html", context)


@opens(Publication, Right.SEE)
@require_safe
def checks(request: HttpRequest, publication: Publication) -> HttpResponse:
    """All checks; a part of the page above, or the whole page where there is no script."""
    made = delivery.examine(publication)
    context = {
        "publication": publication,
        "checks": [(words.VERDICTS[each.verdict], each) for each in made],
        "bad": sum(each.verdict is Verdict.BAD for each in made),
        "doubtful": sum(each.verdict is Verdict.DOUBT for each in made),
        "here": "doctor",
    }
    part = "HX-Request" in request.headers
    return render(request, f"desk/doctor{'_checks' if part else ''}.html", context)
