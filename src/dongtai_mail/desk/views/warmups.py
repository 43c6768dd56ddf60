"""The warm-up of a new relay: how much it may carry on each day, seen and changed.

Every publication sends over the same relays, so whoever changes it sends for all of them.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dongtai_mail.delivery import warmup as delivery
from dongtai_mail.delivery.warmup import Table
from dongtai_mail.desk import audit
from dongtai_mail.desk.access import Right, for_all
from dongtai_mail.desk.forms import WarmupForm
from dongtai_mail.environment import Relay


@for_all(Right.SEND)
@require_http_methods(["GET", "HEAD", "POST"])
def warmup(request: HttpRequest, relay: str) -> HttpResponse:
    """Change what a relay may carry while it warms up."""
    found = _relay(relay)
    table = _table(found)
    form = WarmupForm(request.POST or None, table)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            delivery.change(found, form.cleaned_data["days"], form.percents)
            _record(request, found, table)
        messages.success(request, _("%(relay)s 的预热已改，几秒内生效。") % {"relay": relay})
        return redirect("desk:providers")
    today = timezone.localdate()
    context = {
        "relay": found,
        "table": table,
        "day": (today - found.warmup).days + 1 if found.warmup else None,
        "today": delivery.cap(found, "", today, {relay: table}),
        "form": form,
        "here": "providers",
    }
    return render(request, "desk/warmup.html", context)


@for_all(Right.SEND)
@require_POST
def default(request: HttpRequest, relay: str) -> HttpResponse:
    """Go back to the default table."""
    found = _relay(relay)
    before = _table(found)
    with transaction.atomic():
        delivery.forget(found)
        _record(request, found, before)
    messages.success(request, _("%(relay)s 的预热已恢复默认。") % {"relay": relay})
    return redirect("desk:providers")


def _relay(name: str) -> Relay:
    """A relay that has a first day; others carry what they like."""
    for relay in settings.RELAYS:
        if relay.name == name and relay.warmup is not None:
            return relay
    raise Http404


def _table(relay: Relay) -> Table:
    return delivery.tables().get(relay.name) or delivery.default()


def _record(request: HttpRequest, relay: Relay, before: Table) -> None:
    after = _table(relay)
    audit.record(request, "relay.warmup", relay.name, before=_values(before), after=_values(after))


def _values(table: Table) -> dict[str, str | int]:
    groups = {**delivery.PERCENTS, **table.percents}
    percents = {group: table.percents.get(group, 100) for group in groups}
    return {"days": " ".join(map(str, table.days)), **percents}
