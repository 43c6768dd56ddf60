"""The preview: what readers would get, in every width, scheme and part.

Promises: an edition's HTML is answered as an untrusted document: no script, no forms, an origin of
its own, whatever is written in it. Who may not see readers' addresses sees a reader who doesn't
exist.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from dongtai_mail.desk import security
from dongtai_mail.desk.access import Right, opens, rights
from dongtai_mail.desk.forms import typed
from dongtai_mail.desk.previews import KINDS, Preview, envelope, of_edition, preview, sizes
from dongtai_mail.desk.reviews import shown
from dongtai_mail.issues import editions, proofreading, reviewing
from dongtai_mail.issues.models import Edition, Issue, Publication
from dongtai_mail.rendering import CLIPPING_LIMIT, RenderingError
from dongtai_mail.sentences import told
from subscribers.models import Subscription

MOST_FOUND = 8
CHOICES = {
    "kind": tuple((kind, kind) for kind in KINDS),
    "part": (("html", _("邮件")), ("text", _("纯文本")), ("source", _("源码"))),
    "width": (("full", _("电脑")), ("768", _("平板")), ("375", _("手机"))),
    "scheme": (("auto", _("随浏览器")), ("light", _("浅色")), ("dark", _("深色"))),
    "images": (("on", _("显示图片")), ("off", _("不显示图片"))),
}
FRAME = ("kind", "scheme", "images")


@opens(Issue, Right.SEE)
@require_safe
def page(request: HttpRequest, issue: Issue) -> HttpResponse:
    chosen = _chosen(request.GET)
    reader = _reader(request, issue.publication)
    may = rights(request.user, issue.publication)
    context: dict[str, Any] = {
        "publication": issue.publication,
        "issue": issue,
        **chosen,
        "segments": _segments(chosen, reader),
        "unread": _query(chosen, None),
        "frame": _query({name: chosen[name] for name in FRAME}, None),
        "limit": CLIPPING_LIMIT,
        "envelope": envelope(issue.publication, reader),
        "reader": reader,
        "q": request.GET.get("q", "").strip()[:100],
        "found": _found(request, issue.publication) if Right.LISTS in may else None,
        "here": "issues",
    }
    reading = editions.read(issue)
    try:
        seen = preview(issue, chosen["kind"], reading)
    except RenderingError as error:
        return render(request, "desk/preview.html", context | {"broken": told(str(error))})
    proof = proofreading.proof(issue, reading)
    standing = reviewing.standing(issue)
    context |= {
        "preview": seen,
        "sizes": [
            (each, _query({**chosen, "kind": each.kind}, reader)) for each in sizes(issue, reading)
        ],
        "proof": proof,
        "standing": shown(standing) if standing else None,
        "may_send": Right.SEND in may,
        "may_proof": Right.PROOF in may,
    }
    return render(request, "desk/preview.html", context)


@opens(Issue, Right.SEE)
@require_safe
def html(request: HttpRequest, issue: Issue) -> HttpResponse:
    """The HTML part alone, for the frame of the preview page."""
    chosen = _chosen(request.GET)
    return _framed(preview(issue, chosen["kind"]), chosen)


@opens(Edition, Right.SEE)
@require_safe
def edition_html(request: HttpRequest, edition: Edition) -> HttpResponse:
    """What was frozen, for the frame of a review."""
    return _framed(of_edition(edition), _chosen(request.GET))


def _framed(seen: Preview, chosen: dict[str, str]) -> HttpResponse:
    response = HttpResponse(seen.in_scheme(chosen["scheme"]))
    policy = security.EDITION if chosen["images"] == "on" else security.EDITION_WITHOUT_IMAGES
    response.headers["Content-Security-Policy"] = policy
    return response


def _chosen(asked: QueryDict) -> dict[str, str]:
    """Each choice that the address makes, or its first."""
    chosen = {}
    for name, choices in CHOICES.items():
        value = str(asked.get(name, ""))
        chosen[name] = value if value in dict(choices) else choices[0][0]
    return chosen


def _segments(chosen: dict[str, str], reader: Subscription | None) -> list[dict[str, Any]]:
    """The rows of buttons; how a mail looks can be chosen only where its look is shown."""
    labels = {
        "part": _("看什么"),
        "width": _("宽度"),
        "scheme": _("深浅"),
        "images": _("图片"),
    }
    shown = labels if chosen["part"] == "html" else ("part",)
    return [
        {
            "label": labels[name],
            "choices": [
                (value == chosen[name], word, _query({**chosen, name: value}, reader))
                for value, word in CHOICES[name]
            ],
        }
        for name in shown
    ]


def _query(chosen: dict[str, str], reader: Subscription | None) -> str:
    query = QueryDict(mutable=True)
    for name, value in chosen.items():
        if value != CHOICES[name][0][0]:
            query[name] = value
    if reader is not None:
        query["reader"] = str(reader.pk)
    return "?" + query.urlencode()


def _reader(request: HttpRequest, publication: Publication) -> Subscription | None:
    asked = request.GET.get("reader", "")
    if not asked.isascii() or not asked.isdigit() or len(asked) > 18:
        return None
    if Right.LISTS not in rights(request.user, publication):
        return None
    return _readers(publication).filter(pk=int(asked)).first()


def _found(request: HttpRequest, publication: Publication) -> list[Subscription]:
    asked = typed(request.GET, "q")[:100]
    if not asked:
        return []
    people = Q(subscriber__key__icontains=asked) | Q(subscriber__name__icontains=asked)
    return list(_readers(publication).filter(people).order_by("pk")[:MOST_FOUND])


def _readers(publication: Publication) -> QuerySet[Subscription]:
    rows = Subscription.objects.filter(subscriber_list__publication=publication)
    return rows.select_related("subscriber", "subscriber_list")
