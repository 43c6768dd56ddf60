"""The recurring times at which a publication goes out."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dongtai_mail.desk import audit, words
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.issues import slots
from dongtai_mail.issues.models import Publication

SHOWN = 6


@opens(Publication, Right.SEND)
@require_http_methods(["GET", "HEAD", "POST"])
def slots_page(request: HttpRequest, publication: Publication) -> HttpResponse:
    """One row a slot, and an empty one for another; a row whose days are emptied is gone."""
    rows = [(", ".join(map(str, each["days"])), each["time"]) for each in publication.slots]
    error = ""
    if request.method == "POST":
        days, times = request.POST.getlist("days"), request.POST.getlist("time")
        rows = list(zip(days, times, strict=False))[: slots.MOST]
        try:
            _save(request, publication, [slots.slot(*row) for row in rows if row[0].strip()])
        except slots.SlotError as wrong:
            error = str(wrong)
        else:
            return redirect("desk:slots", publication.slug)
    context = {
        "publication": publication,
        "rows": [*(row for row in rows if any(row)), ("", "")][: slots.MOST],
        "error": error,
        "upcoming": slots.upcoming(publication.slots, publication.zone, timezone.now(), SHOWN),
        "zone": words.zone_name(publication.zone),
        "here": "mailings",
    }
    return render(request, "desk/slots.html", context)


def _save(request: HttpRequest, publication: Publication, kept: list[slots.Slot]) -> None:
    with transaction.atomic():
        row = Publication.objects.select_for_update().get(pk=publication.pk)
        before, row.slots = row.slots, kept
        row.save(update_fields=["slots"])
        audit.record(request, "slots.changed", row, before={"slots": before}, after={"slots": kept})
    messages.success(request, _("固定发送时间已保存。"))
