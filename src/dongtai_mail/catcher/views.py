"""The mail catcher's pages: an inbox of everything received, and each message as it looks.

Promises: without the setting DONGTAI_CATCHER_DATABASE there is no page here (404). Whatever a
mail contains, it runs no script and can't reach this site: its HTML is shown in a sandbox with an
origin of its own, and the same sandbox is in the answer's headers for who opens it directly.
Links in a mail work, in a new tab: one of them unsubscribes.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from dongtai_mail.catcher.mail import Mail, framed, origin
from dongtai_mail.catcher.store import Kept, Store
from dongtai_mail.desk.words import zone_name

PER_PAGE = 50
WIDTHS = ("375", "640", "full")
SHOWN_SOURCE = 512 * 1024

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; img-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src http: https: data:; font-src http: https: data:; "
    "form-action 'none'; frame-ancestors 'self'"
)

P = ParamSpec("P")


def development_only(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not settings.DONGTAI_CATCHER_DATABASE:
            raise Http404("The mail catcher is off: DONGTAI_CATCHER_DATABASE is not set.")
        response = view(*args, **kwargs)
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return require_safe(checked)


@development_only
def inbox(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip()
    with _store() as store:
        totals = store.totals()
        found = store.totals(search).messages if search else totals.messages
        pages = max(1, -(-found // PER_PAGE))
        page = min(_page_number(request), pages)
        messages = store.page(search, PER_PAGE, (page - 1) * PER_PAGE)
    context = {
        "messages_on_page": [_line(message) for message in messages],
        "totals": totals,
        "zone": _zone(),
        "found": found,
        "search": search,
        "page": page,
        "pages": pages,
        "newer": page - 1,
        "older": page + 1 if page < pages else 0,
    }
    return render(request, "catcher/inbox.html", context)


@development_only
def rendered(request: HttpRequest, pk: int) -> HttpResponse:
    kept, content = _get(pk)
    width = request.GET.get("width", "full")
    context = {"width": width if width in WIDTHS else "full", "widths": WIDTHS}
    return _message_page(request, "rendered", kept, Mail(content), context)


@development_only
def text(request: HttpRequest, pk: int) -> HttpResponse:
    kept, content = _get(pk)
    return _message_page(request, "text", kept, Mail(content))


@development_only
def headers(request: HttpRequest, pk: int) -> HttpResponse:
    kept, content = _get(pk)
    return _message_page(request, "headers", kept, Mail(content))


@development_only
def source(request: HttpRequest, pk: int) -> HttpResponse:
    kept, content = _get(pk)
    shown = content[:SHOWN_SOURCE].decode("utf-8", "replace")
    context = {"source": shown, "cut": len(content) > SHOWN_SOURCE}
    return _message_page(request, "source", kept, Mail(content), context)


@development_only
def attachments(request: HttpRequest, pk: int) -> HttpResponse:
    kept, content = _get(pk)
    return _message_page(request, "attachments", kept, Mail(content))


@development_only
@xframe_options_sameorigin
def html(request: HttpRequest, pk: int) -> HttpResponse:
    """The mail's HTML part, for the frame on the message page."""
    mail = Mail(_get(pk)[1])
    if mail.html is None:
        raise Http404("This message has no HTML part.")
    response = HttpResponse(framed(mail.html))
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


@development_only
def attachment(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    for part in Mail(_get(pk)[1]).attachments:
        if part.number == number:
            return _download(part.content, part.name, "application/octet-stream")
    raise Http404("This message has no such attachment.")


@development_only
def raw(request: HttpRequest, pk: int) -> HttpResponse:
    """The message as it came, octet for octet."""
    return _download(_get(pk)[1], f"{pk}.eml", "message/rfc822")


@contextmanager
def _store() -> Iterator[Store]:
    store = Store(settings.DONGTAI_CATCHER_DATABASE)
    try:
        yield store
    finally:
        store.close()


def _get(pk: int) -> tuple[Kept, bytes]:
    with _store() as store:
        found = store.get(pk)
    if found is None:
        raise Http404("There is no such message.")
    return found


def _message_page(
    request: HttpRequest,
    view: str,
    kept: Kept,
    mail: Mail,
    context: dict[str, Any] | None = None,
) -> HttpResponse:
    one_click = mail.one_click_link
    context = {**_line(kept), "view": view, "mail": mail, "one_click": one_click, **(context or {})}
    response = render(request, f"catcher/{view}.html", context)
    if one_click:
        # The button posts straight to the address in the mail, as a mail client would.
        response.headers["Content-Security-Policy"] = f"{PAGE_POLICY} {origin(one_click)}"
    return response


def _line(kept: Kept) -> dict[str, Any]:
    received = datetime.datetime.fromtimestamp(kept.received_at, datetime.UTC)
    return {"message": kept, "received": received, "zone": _zone()}


def _zone() -> str:
    """What templates show times in; a mail belongs to no publication."""
    return zone_name(ZoneInfo(timezone.get_current_timezone_name()))


def _page_number(request: HttpRequest) -> int:
    number = request.GET.get("page", "1")
    return max(1, int(number)) if number.isascii() and number.isdigit() and len(number) < 9 else 1


def _download(content: bytes, name: str, media_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=media_type)
    disposition = content_disposition_header(True, name)
    if disposition:
        response.headers["Content-Disposition"] = disposition
    return response
