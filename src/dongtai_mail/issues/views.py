"""The public web edition: the frozen page that a mail's “在浏览器中阅读” leads to.

Promises: nobody but the publication's own people, as ``may_see`` knows them, sees an edition
before it is published; its bytes never change, so they are cached and answered with 304; nothing
on it runs.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from dongtai_mail.issues.models import Edition, Publication

MaySee = Callable[[HttpRequest, Publication], bool]

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)


@require_safe
def read(request: HttpRequest, publication: str, key: str, may_see: MaySee) -> HttpResponseBase:
    edition = get_object_or_404(
        Edition.objects.select_related("issue__publication"),
        key=key,
        issue__publication__slug=publication,
    )
    if edition.published_at is None:
        if not may_see(request, edition.issue.publication):
            raise Http404("No published edition has this key.")
        return _unpublished(edition)
    response = _page(edition)
    response.headers["Cache-Control"] = "public, max-age=300"
    etag = f'"{edition.sha256}"'
    response.headers["ETag"] = etag
    return get_conditional_response(request, etag=etag, response=response) or response


def _unpublished(edition: Edition) -> HttpResponse:
    response = _page(edition)
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _page(edition: Edition) -> HttpResponse:
    response = HttpResponse(edition.web_html)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Content-Language"] = edition.issue.publication.language
    return response
