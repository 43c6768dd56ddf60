"""Sending to those whom a mailing did not reach: a new mailing of the same edition.

Where the approval of that was taken back, of the edition that was approved in its stead.
Promises: what goes out is the edition that the page named; whoever has accepted anything of the
issue, or still may, is not written to again; the same page handed in twice is one mailing.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dongtai_mail.delivery.approvals import replacement
from dongtai_mail.delivery.audience import missed
from dongtai_mail.delivery.letters import KeyMissing
from dongtai_mail.delivery.mailings import ledger
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.delivery.scheduling import MailingRefused, schedule
from dongtai_mail.desk import audit, holding
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.audience import audience, comes_later


@opens(Mailing, Right.SEND)
@require_http_methods(["GET", "HEAD", "POST"])
def following(request: HttpRequest, shown: Mailing) -> HttpResponse:
    if not shown.over:
        return redirect("desk:mailing", shown.pk)
    if request.method == "POST":
        return _make(request, shown)
    return _page(request, shown)


def _make(request: HttpRequest, shown: Mailing) -> HttpResponse:
    key = holding.request_key(request)
    if not key:
        return HttpResponseBadRequest("request_key")
    with transaction.atomic():
        # One at a time: whoever comes second sees what the first has made.
        Mailing.objects.select_for_update().get(pk=shown.pk)
        known = shown.followers.filter(request_key=key).first()
        if known is not None:
            return redirect("desk:mailing", known.pk)
        try:
            made = _schedule(request, shown, key)
        except (MailingRefused, KeyMissing, holding.NotConfirmed) as refused:
            why = str(refused)
        else:
            after = {"after": shown.pk, "edition": made.edition.sha256, "audience": made.audience}
            audit.record(request, "mailing.scheduled", made, after=after)
            return redirect("desk:mailing", made.pk)
    return _page(request, shown, why)


def _schedule(request: HttpRequest, shown: Mailing, key: str) -> Mailing:
    described = missed(shown, _unconfirmed(request))
    holding.confirm(request, audience(shown.subscriber_list, described).readers)
    if _newest(shown) > holding.number(request.POST.get("newest", "")):
        raise holding.NotConfirmed(
            _("这一页打开以后，有人已经补发过，见下面。确实要再补发，请重新确认。")
        )
    if (edition := replacement(shown)) is None:
        raise MailingRefused(
            _("原来那一版现在没有批准。请在“审核”页送审；有一版批准后，再来这里发。")
        )
    if edition.key != request.POST.get("edition", ""):
        raise holding.NotConfirmed(
            _("这一页打开以后，要发的已是另一版，见下面。确实要发它，请重新确认。")
        )
    return schedule(
        edition,
        shown.subscriber_list,
        request_key=key,
        created_by=request.user.get_username(),
        described=described,
        per_minute=shown.per_minute,
        unconfirmed=shown.unconfirmed_policy,
        after=shown,
    )


def _unconfirmed(request: HttpRequest) -> bool:
    return request.GET.get("unconfirmed") == "1"


def _newest(shown: Mailing) -> int:
    newest = shown.followers.order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0


def _page(request: HttpRequest, shown: Mailing, why: str = "") -> HttpResponse:
    counts, described = ledger(shown), missed(shown, _unconfirmed(request))
    later = comes_later(request, described)
    edition = replacement(shown)
    context: dict[str, Any] = {
        "publication": shown.edition.issue.publication,
        "mailing": shown,
        "issue": shown.edition.issue,
        "edition": edition or shown.edition,
        "replaced": edition is not None and edition != shown.edition,
        "unapproved": edition is None,
        "counting": later,
        "to": None if later else audience(shown.subscriber_list, described),
        "query": request.GET.urlencode(),
        "missed": sum(counts.values()) - counts["accepted"],
        "doubtful": counts["unconfirmed"],
        "unconfirmed": _unconfirmed(request),
        "followers": shown.followers.all(),
        "newest": _newest(shown),
        "request_key": uuid.uuid4().hex,
        "why": why,
        "here": "mailings",
    }
    return render(request, "desk/following.html", context)
