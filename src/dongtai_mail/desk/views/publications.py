"""A publication's issues."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import Count, F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from dongtai_mail.delivery.models import Mailing
from dongtai_mail.desk import access, dashboard, reviews, todo
from dongtai_mail.desk.access import Right, opens, signed_in
from dongtai_mail.issues.models import Publication

PER_PAGE = 50


@signed_in
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    publications = list(access.publications(request.user))
    if len(publications) == 1:
        return redirect("desk:publication", publications[0].slug)
    return render(request, "desk/home.html", {"publications": publications})


@opens(Publication, Right.SEE)
@require_safe
def publication(request: HttpRequest, shown: Publication) -> HttpResponse:
    issues = shown.issues.select_related("publication").order_by("-id")
    issues = issues.annotate(
        item_count=Count("sections__items"), filename=F("manuscript__filename")
    )
    page = Paginator(issues, PER_PAGE).get_page(request.GET.get("page"))
    numbers = [issue.pk for issue in page]
    last, reviewed = _last_mailings(numbers), reviews.last(numbers)
    rows = [(issue, last.get(issue.pk), reviewed.get(issue.pk)) for issue in page]
    may = access.rights(request.user, shown)
    today = dashboard.today(shown) if page.number == 1 else None
    context = {
        "publication": shown,
        "page": page,
        "rows": rows,
        "today": today,
        "tasks": todo.tasks(today, may) if today else [],
        "days": dashboard.DAYS,
        "may_write": Right.WRITE in may,
        "may_send": Right.SEND in may,
        "may_list": Right.LISTS in may,
        "here": "issues",
    }
    return render(request, "desk/publication.html", context)


def _last_mailings(issue_ids: list[int]) -> dict[int, Mailing]:
    mailings = Mailing.objects.filter(edition__issue__in=issue_ids).select_related("edition")
    return {mailing.edition.issue_id: mailing for mailing in mailings.order_by("id")}
