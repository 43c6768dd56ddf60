"""What came of the mailings: all of a publication beside each other, and one in detail."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dongtai_mail.delivery import reports as delivery
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.delivery.reports import Figures, Report
from dongtai_mail.desk import charts
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.charts import Point
from dongtai_mail.desk.words import percent, zone_name
from dongtai_mail.issues.models import Publication
from subscribers.exporting import neutral

SHOWN = 50
_ISSUE = re.compile(r"第\s*(\d+)\s*期")


@opens(Publication, Right.SEE)
@require_safe
def reports(request: HttpRequest, publication: Publication) -> HttpResponse:
    rows = delivery.latest(publication, SHOWN)
    context = {"publication": publication, "rows": rows, "here": "reports"}
    return render(request, "desk/reports.html", context)


@opens(Mailing, Right.SEE)
@require_safe
def report(request: HttpRequest, mailing: Mailing) -> HttpResponse:
    said = delivery.report(mailing)
    context: dict[str, Any] = {
        "publication": mailing.subscriber_list.publication,
        "mailing": mailing,
        "report": said,
        "hours": _hours(said),
        "zone": zone_name(mailing.subscriber_list.publication.zone),
        "days": _days(said),
        "earlier": _earlier(said.earlier),
        "here": "reports",
    }
    return render(request, "desk/report.html", context)


@opens(Mailing, Right.SEE)
@require_safe
def report_csv(request: HttpRequest, mailing: Mailing) -> HttpResponse:
    """The same numbers for a spreadsheet: UTF-8 with BOM, no cell that could be a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    for line in delivery.lines(delivery.report(mailing)):
        writer.writerow([neutral(cell) for cell in line])
    answer = HttpResponse(
        text.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8"
    )
    answer.headers["Content-Disposition"] = f'attachment; filename="mailing-{mailing.pk}.csv"'
    return answer


def _hours(said: Report) -> dict[str, Any] | None:
    if not said.hours:
        return None
    total = sum(hour.accepted for hour in said.hours)
    first, last = said.hours[0], said.hours[-1]
    shown = "%H:%M" if first.hour.date() == last.hour.date() else "%m-%d %H:%M"
    points = [
        Point(hour.hour.strftime(shown), hour.accepted, f"{hour.accepted:,}") for hour in said.hours
    ]
    return {
        "title": _("第一个钟点（%(hour)s 起）接收了 %(share)s")
        % {"hour": f"{first.hour:%m-%d %H:%M}", "share": percent(first.accepted / total)},
        "chart": charts.columns(points),
        "points": points,
    }


def _days(said: Report) -> list[dict[str, Any]]:
    """One small chart each for what came back, each with a title that says the sum."""
    sums = said.figures
    kinds = (
        ("unsubscribes", _("%(count)s 人由这封信退订"), sums.unsubscribes),
        ("complaints", _("%(count)s 人投诉"), sums.complaints),
        ("bounced", _("%(count)s 封退回"), sums.bounced),
    )
    made = []
    for name, title, total in kinds:
        points = [
            Point(f"{day.day:%m-%d}", getattr(day, name), f"{getattr(day, name):,}")
            for day in said.days
        ]
        chart = charts.columns(points) if total else None
        made.append({"title": title % {"count": f"{total:,}"}, "chart": chart, "points": points})
    return made


def _earlier(rows: list[Figures]) -> list[dict[str, Any]]:
    """How this issue compares, measure by measure; nothing when it is the first."""
    if len(rows) < 2:
        return []
    measures = (
        ("accepted_share", _("接收率")),
        ("bounced_share", _("退回率")),
        ("complaint_share", _("投诉率")),
        ("unsubscribe_share", _("退订率")),
    )
    return [
        {"title": _compared(rows, name, word), **_compare(rows, name)} for name, word in measures
    ]


def _compare(rows: list[Figures], name: str) -> dict[str, Any]:
    shares = [(each, getattr(each, name) or 0.0) for each in rows]
    points = [
        Point(_short(each.mailing), share, percent(share), last)
        for (each, share), last in zip(shares, [False] * (len(shares) - 1) + [True], strict=True)
    ]
    return {"chart": charts.columns(points), "points": points}


def _short(mailing: Mailing) -> str:
    """“2026 年第 21 期（总第 312 期）” is the 21st; there is no more room below a column."""
    number = mailing.edition.issue.number or f"#{mailing.pk}"
    found = _ISSUE.search(number)
    return found[1] if found else number[:8]


def _compared(rows: list[Figures], name: str, word: str) -> str:
    *before, now = [getattr(each, name) or 0.0 for each in rows]
    usual = sum(before) / len(before)
    return _("%(word)s %(now)s，此前平均 %(usual)s") % {
        "word": word,
        "now": percent(now),
        "usual": percent(usual),
    }
