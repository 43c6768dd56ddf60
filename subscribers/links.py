"""What a reader's own link opens, and how its pages answer.

Owns: from the token in ``/u/…/`` and ``/p/…/`` to the subscription, the uniform answer to every
other token, how long what depends on an address takes, the headers of these pages, their language,
and where a form leads. Promises: a wrong token, a right one of an erased reader and a mutilated one
get the same bytes and status; reloading what a form led to sends nothing again. The token is the
credential: whoever has it has the reader's mail, no cookie is read or set, and a forged cross-site
request would need it too, so these pages are exempt from CSRF tokens.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt

from dongtai_mail.keys import keyring
from dongtai_mail.message.links import PURPOSE
from subscribers import tokens
from subscribers.models import Notice, Subscription

# Longer than the slowest way of asking a mailbox takes.
EVEN_SECONDS = 0.15
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True)
class Link:
    token: str
    subscription: Subscription
    # None where a page of ours gave the link.
    mailing: int | None

    @property
    def detail(self) -> str:
        return f"mailing {self.mailing}" if self.mailing else ""


class SeeOther(HttpResponseRedirect):
    """Always followed by a GET (RFC 9110, 15.4.4)."""

    status_code = 303


Page = Callable[[HttpRequest, Link], HttpResponse]
NoticePage = Callable[[HttpRequest, Notice], HttpResponse]
View = Callable[[HttpRequest, str], HttpResponse]


def reader_page(page: Page) -> View:
    """Serve ``page`` to whoever holds a reader's token, and one answer to everybody else."""

    @csrf_exempt
    @wraps(page)
    def view(request: HttpRequest, token: str) -> HttpResponse:
        link = _open(token)
        return served(request, lambda: page(request, link) if link else _unknown(request))

    return view


def notice_page(kind: Notice.Kind) -> Callable[[NoticePage], View]:
    """Serve a page to whoever holds the link of a notice of ours."""

    def decorate(page: NoticePage) -> View:
        @csrf_exempt
        @wraps(page)
        def view(request: HttpRequest, token: str) -> HttpResponse:
            notice = tokens.opened(kind, token)
            return served(request, lambda: page(request, notice) if notice else _unknown(request))

        return view

    return decorate


def served(request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
    """An answer in the reader's language, with the headers of these pages."""
    with translation.override(_language(request)):
        response = answer()
        response.headers["Content-Language"] = translation.get_language() or ""
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def see_other(path: str, said: str = "") -> HttpResponse:
    """Lead from a form to a page of ours; ``said`` is the answer that it begins with."""
    query = f"{said}&" if said else ""
    return SeeOther(f"{path}?{query}lang={translation.get_language() or ''}")


def reader_token(subscription_id: int) -> str:
    """A reader's token that came with no mailing."""
    return keyring().seal(PURPOSE, (subscription_id, 0))


def client_ip(request: HttpRequest) -> str | None:
    """The reader's network address; behind our own proxy, the one that the proxy saw."""
    address = request.META.get("REMOTE_ADDR", "")
    if settings.SECURE_PROXY_SSL_HEADER:
        address = request.headers.get("X-Forwarded-For", address).rpartition(",")[2].strip()
    try:
        # The name of a network card says nothing to anybody else.
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    # A socket for both kinds gives IPv4 so, and all of it would be one network of IPv6.
    return str(getattr(found, "ipv4_mapped", None) or found)


@contextmanager
def evenly() -> Iterator[None]:
    """So long it takes whatever is known of an address, so that no clock tells."""
    until = time.monotonic() + EVEN_SECONDS
    yield
    time.sleep(max(0.0, until - time.monotonic()))


def masked(address: str) -> str:
    """Enough of an address for its owner to know it."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def _open(token: str) -> Link | None:
    try:
        subscription_id, mailing_id = keyring().open(PURPOSE, token)
    except ValueError:  # SealError is one, and so is a token that carries other numbers.
        return None
    if max(subscription_id, mailing_id) >= 1 << 63:  # Beyond what a database key can be.
        return None
    subscription = Subscription.present(subscription_id)
    return Link(token, subscription, mailing_id or None) if subscription else None


def _unknown(request: HttpRequest) -> HttpResponse:
    return render(request, "public/unknown_link.html", status=404)


def _language(request: HttpRequest) -> str:
    """``?lang=`` where a reader chose one on the page, else what the browser asks for."""
    chosen = request.GET.get("lang", "")
    return chosen if chosen in dict(settings.LANGUAGES) else translation.get_language() or ""
