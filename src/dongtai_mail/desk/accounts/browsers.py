"""Browsers in which somebody has signed in before.

Owns: the cookie that tells them. Promises: it opens nothing; wrong passwords from such a browser
are counted apart, by the same limits, so that strangers who know a name can't keep its owner out of
the browser at hand. Fails: a forged cookie, or another person's, is none.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "known-browser"
SALT = "desk.accounts.browsers"
DAYS = 180


def remember(request: HttpRequest, response: HttpResponse, person: int) -> None:
    number = known(request, person) or secrets.token_urlsafe(16)
    response.set_cookie(
        COOKIE,
        signing.dumps([person, number], salt=SALT),
        max_age=DAYS * 24 * 3600,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def known(request: HttpRequest, person: int) -> str:
    """The browser's number where this person has signed in with it, else nothing."""
    try:
        found: Any = signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=DAYS * 24 * 3600
        )
    except signing.BadSignature:
        return ""
    owner, number = found
    return str(number) if owner == person else ""
