"""What happens to accounts, written into the audit log: sign-ins, failures, new passwords.

Promises: a name that somebody typed is kept only when it is an account's: people type passwords
into the wrong field.
"""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest

from dongtai_mail.desk import audit, people
from subscribers.links import client_ip


def listen() -> None:
    account.user_logged_in.connect(_signed_in, dispatch_uid="desk.accounts")
    user_login_failed.connect(_refused, dispatch_uid="desk.accounts")
    mfa.authentication_failed.connect(_wrong_code, dispatch_uid="desk.accounts")
    for signal in (account.password_set, account.password_changed, account.password_reset):
        signal.connect(_password, dispatch_uid="desk.accounts")
    mfa.authenticator_added.connect(_factor_added, dispatch_uid="desk.accounts")
    mfa.authenticator_removed.connect(_factor_removed, dispatch_uid="desk.accounts")
    mfa.authenticator_reset.connect(_factor_renewed, dispatch_uid="desk.accounts")


def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    audit.record(request, "person.signed-in", user, after={"ip": client_ip(request)}, by=user)
    # Chosen on the page to sign in, where nobody knew whose choice it was.
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    if chosen in dict(settings.LANGUAGES) and not people.reads(user):
        people.choose_language(user, chosen)


def _refused(credentials: dict[str, Any], request: HttpRequest | None, **_: Any) -> None:
    if request is None:
        return
    typed = credentials.get("username") or credentials.get("email") or ""
    known = User.objects.filter(username=typed) | User.objects.filter(email__iexact=typed or "-")
    user = known.first()
    after = {"ip": client_ip(request), "why": "password"}
    audit.record(request, "person.refused", user or "", after=after)


def _wrong_code(request: HttpRequest, user: User, **_: Any) -> None:
    after = {"ip": client_ip(request), "why": "code"}
    audit.record(request, "person.refused", user, after=after)


def _password(request: HttpRequest, user: User, **_: Any) -> None:
    audit.record(request, "person.password", user, after={"ip": client_ip(request)}, by=user)


def _factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    _factor(request, user, {}, {"factor": authenticator.type})


def _factor_removed(
    request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    _factor(request, user, {"factor": authenticator.type}, {})


def _factor_renewed(
    request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    _factor(request, user, {}, {"renewed": authenticator.type})


def _factor(request: HttpRequest, user: User, before: audit.Values, after: audit.Values) -> None:
    audit.record(request, "person.factors", user, before=before, after=after, by=user)
