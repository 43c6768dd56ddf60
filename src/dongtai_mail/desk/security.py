"""What browsers are allowed to do with our pages, and how much they may send.

Owns: the policies and the middleware that puts the strictest on every answer which has none of
its own. Promises: no page of ours runs inline script; an edition is shown without any script; a
stranger's request that is bigger than any form of ours is refused before it is read.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from dongtai_mail.desk import errors
from subscribers import importing

# The biggest that a stranger may send is a provider's notice; staff's is a list of readers, which
# the page for it refuses in its own words.
LARGEST, LARGEST_OF_STAFF = 16 << 20, 4 * importing.FILE_BYTES

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


def request_limit(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Stands before whatever reads a body: the CSRF check does, to find its token."""

    def middleware(request: HttpRequest) -> HttpResponse:
        size = int(request.META.get("CONTENT_LENGTH") or 0)
        if size > LARGEST:
            most = LARGEST_OF_STAFF if request.user.is_authenticated else LARGEST
            if size > most:
                return errors.too_big(request, most)
        return get_response(request)

    return middleware
