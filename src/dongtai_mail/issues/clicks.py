"""Counting how often links are followed: by day and link, in sum, and only where staff want it.

Owns: the links of a frozen edition and the address under which each is followed. Promises: nothing
about the reader is in the address or is kept; it leads to what was frozen and nowhere else, so it
is no open redirect; whoever follows is sent on at once, counted or not. Programs that open every
link (mail gateways, previews, crawlers) and anything before publication are not counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from dongtai_mail.content import Issue as Said
from dongtai_mail.issues.models import ClickCount, Edition, EditionLink
from dongtai_mail.rendering import CountedLink

# What announces itself; a gateway that poses as a browser is counted like one.
_PROGRAMS = re.compile(
    r"bot\b|crawl|spider|scan|preview|prefetch|monitor|check|proxy|barracuda|proofpoint|mimecast"
    r"|messagelabs|symantec|trendmicro|fireeye|cloudmark|safelinks|urldefense|forcepoint|sophos"
    r"|curl|wget|python|go-http|java/|okhttp|libwww|httpclient|headless|phantom|facebookexternal"
    r"|slack|whatsapp|telegram|bingpreview|yahoo! slurp|googleimageproxy|postman",
    re.IGNORECASE,
)


def keep(edition: Edition, links: Sequence[CountedLink], said: Said) -> None:
    """Write down where the edition's counted links lead and in which items they stand."""
    items = [(section, item) for section in said.sections for item in section.items]
    EditionLink.objects.bulk_create(
        EditionLink(
            edition=edition,
            number=link.number,
            target=link.target,
            section=items[link.item][0].name[:100],
            item=items[link.item][1].title[:300],
            source=(items[link.item][1].source or "")[:200],
        )
        for link in links
    )


@require_safe
def follow(request: HttpRequest, key: str, number: int) -> HttpResponse:
    related = "edition__issue__publication"
    links = EditionLink.objects.select_related(related)
    link = get_object_or_404(links, edition__key=key, number=number)
    if link.edition.published_at is not None and _by_a_person(request):
        _count(link)
    answer = HttpResponseRedirect(link.target)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def _by_a_person(request: HttpRequest) -> bool:
    agent = request.headers.get("User-Agent", "")
    early = request.headers.get("Sec-Purpose", request.headers.get("Purpose", ""))
    return request.method == "GET" and bool(agent) and not (early or _PROGRAMS.search(agent))


def _count(link: EditionLink) -> None:
    day = timezone.localdate(timezone=link.edition.issue.publication.zone)
    today = ClickCount.objects.filter(link=link, day=day)
    if today.update(count=F("count") + 1):
        return
    try:
        with transaction.atomic():
            ClickCount.objects.create(link=link, day=day, count=1)
    except IntegrityError:
        # Somebody else's click of this day came first.
        today.update(count=F("count") + 1)
