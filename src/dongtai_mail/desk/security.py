"""What browsers are allowed to do with our pages.

Owns: the policies and the middleware that puts the strictest on every answer which has none of
its own. Promises: no page of ours runs inline script; an edition is shown without any script.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

PAGE = (
    "default-src 'self'; frame-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)
# The same bytes that a mail client gets, with what a mail client would keep from running.
EDITION = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src https: data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
# As a mail client shows it that loads no pictures until it is asked to.
EDITION_WITHOUT_IMAGES = EDITION.replace("img-src https: data:", "img-src 'none'")


def content_security_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", PAGE)
        return response

    return middleware
