"""How fast we write to each receiving provider: limits, sources, and how each stands now.

Every publication sends at this pace, so whoever changes it sends for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import redis
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dongtai_mail.delivery import pace, warmup
from dongtai_mail.delivery import providers as delivery
from dongtai_mail.delivery.pace import Pace
from dongtai_mail.delivery.providers import Limit
from dongtai_mail.desk import audit
from dongtai_mail.desk.access import Right, anywhere, everywhere, for_all
from dongtai_mail.desk.forms import LimitForm


@dataclass(frozen=True, slots=True)
class Row:
    """One provider; ``name`` is "" for all the small ones together."""

    name: str
    limit: Limit
    pace: Pace | None

    @property
    def percent(self) -> int:
        return round(100 * self.pace.factor) if self.pace else 100

    @property
    def minutes(self) -> int:
        """How long it is still paused, rounded up."""
        return -int(-self.pace.paused_for // 60) if self.pace else 0


@anywhere(Right.SEE)
@require_safe
def providers(request: HttpRequest) -> HttpResponse:
    lanes = pace.lanes()
    limits = delivery.limits()
    paces = _paces(lanes)
    rows = [Row(lane, limits.get(lane, delivery.OTHERS), paces.get(lane)) for lane in lanes]
    new = warmup.warming(settings.RELAYS, timezone.localdate())
    context = {
        "rows": rows,
        "blind": not paces,
        "warming": new,
        "changes": everywhere(request.user, Right.SEND),
        "here": "providers",
    }
    return render(request, "desk/providers.html", context)


def _paces(lanes: list[str]) -> dict[str, Pace]:
    """Nothing while Redis is away: the page says so and shows the limits."""
    try:
        return pace.paces(pace.client(), lanes)
    except redis.RedisError:
        return {}


@for_all(Right.SEND)
@require_http_methods(["GET", "HEAD", "POST"])
def provider(request: HttpRequest, provider: str) -> HttpResponse:
    """Change a provider's limits."""
    limit = _limit(provider)
    form = LimitForm(request.POST or None, initial=_numbers(limit))
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            delivery.change(provider, **form.cleaned_data)
            audit.record(
                request,
                "provider.changed",
                provider,
                before=_numbers(limit),
                after=form.cleaned_data,
            )
        messages.success(
            request, _("%(provider)s 的上限已改，几秒内生效。") % {"provider": provider}
        )
        return redirect("desk:providers")
    context = {
        "row": Row(provider, limit, _paces([provider]).get(provider)),
        "default": delivery.DEFAULTS.get(provider, delivery.OTHERS),
        "form": form,
        "here": "providers",
    }
    return render(request, "desk/provider.html", context)


def _limit(provider: str) -> Limit:
    if provider not in pace.lanes() or not provider:
        raise Http404
    return delivery.limits().get(provider, delivery.OTHERS)


def _numbers(limit: Limit) -> dict[str, int | None]:
    return {
        "per_minute": limit.per_minute,
        "connections": limit.connections,
        "messages_per_connection": limit.messages_per_connection,
    }


@for_all(Right.SEND)
@require_POST
def resumption(request: HttpRequest, provider: str) -> HttpResponse:
    """Lift a pause, and go on at the full limit."""
    _limit(provider)
    try:
        pace.clear(pace.client(), provider)
    except redis.RedisError:
        messages.error(request, _("Redis 不可用，暂停没有解除，请稍后再试。"))
    else:
        audit.record(request, "provider.resumed", provider)
        text = _("%(provider)s 现在按上限发送；对方再要求慢时会再放慢。")
        messages.success(request, text % {"provider": provider})
    return redirect("desk:providers")


@for_all(Right.SEND)
@require_POST
def default(request: HttpRequest, provider: str) -> HttpResponse:
    """Go back to the default limits."""
    before = _numbers(_limit(provider))
    with transaction.atomic():
        delivery.forget(provider)
        after = _numbers(_limit(provider))
        audit.record(request, "provider.changed", provider, before=before, after=after)
    messages.success(request, _("%(provider)s 已恢复默认上限。") % {"provider": provider})
    return redirect("desk:providers")
