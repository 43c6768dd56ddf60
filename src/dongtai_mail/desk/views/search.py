"""The page that finds: one field, and what of the publication its words are in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dongtai_mail.desk import searching
from dongtai_mail.desk.access import Right, opens, rights
from dongtai_mail.desk.forms import typed
from dongtai_mail.issues.models import Publication


@opens(Publication, Right.SEE)
@require_safe
def search(request: HttpRequest, publication: Publication) -> HttpResponse:
    asked = " ".join(typed(request.GET, "q").split())[: searching.LONGEST]
    knows = Right.LISTS in rights(request.user, publication)
    context = {
        "publication": publication,
        "asked": asked,
        "found": searching.search(publication, asked, readers=knows) if asked else None,
        "knows": knows,
        "most": searching.MOST,
        "longest": searching.LONGEST,
        "here": "search",
    }
    return render(request, "desk/search.html", context)
