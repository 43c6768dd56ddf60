"""Addresses of signing in: those of django-allauth that we want, and no others.

Nobody signs up here and nobody comes from elsewhere, so the addresses for that do not exist.
"""

from __future__ import annotations

from collections.abc import Callable

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from allauth.usersessions import views as sessions
from django.http import HttpResponseBase
from django.urls import URLPattern, path, re_path
from django.views.decorators.cache import never_cache

from dongtai_mail.desk.accounts.views import PasswordReset


def _page(route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    return path(route, never_cache(view), name=name)


entrance = [
    _page("login/", account.login, "account_login"),
    _page("login/code/", mfa.authenticate, "mfa_authenticate"),
    _page("login/passkey/", passkeys.login_webauthn, "mfa_login_webauthn"),
    _page("logout/", account.logout, "account_logout"),
    _page("inactive/", account.account_inactive, "account_inactive"),
    _page("password/", PasswordReset.as_view(), "account_reset_password"),
    _page("password/sent/", account.password_reset_done, "account_reset_password_done"),
    re_path(
        r"^password/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[\w-]+)/$",
        never_cache(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    _page(
        "password/done/",
        account.password_reset_from_key_done,
        "account_reset_password_from_key_done",
    ),
]
own = [
    _page("me/password/", account.password_change, "account_change_password"),
    _page("me/password/first/", account.password_set, "account_set_password"),
    _page("me/confirmation/", account.reauthenticate, "account_reauthenticate"),
    _page("me/confirmation/code/", mfa.reauthenticate, "mfa_reauthenticate"),
    _page(
        "me/confirmation/passkey/", passkeys.reauthenticate_webauthn, "mfa_reauthenticate_webauthn"
    ),
    _page("me/factors/", mfa.index, "mfa_index"),
    _page("me/factors/app/", totp.activate_totp, "mfa_activate_totp"),
    _page("me/factors/app/removal/", totp.deactivate_totp, "mfa_deactivate_totp"),
    _page("me/factors/codes/", recovery_codes.view_recovery_codes, "mfa_view_recovery_codes"),
    _page(
        "me/factors/codes/new/",
        recovery_codes.generate_recovery_codes,
        "mfa_generate_recovery_codes",
    ),
    _page(
        "me/factors/codes/recovery-codes.txt",
        recovery_codes.download_recovery_codes,
        "mfa_download_recovery_codes",
    ),
    _page("me/factors/passkeys/", passkeys.list_webauthn, "mfa_list_webauthn"),
    _page("me/factors/passkeys/new/", passkeys.add_webauthn, "mfa_add_webauthn"),
    _page("me/factors/passkeys/<int:pk>/", passkeys.edit_webauthn, "mfa_edit_webauthn"),
    _page("me/factors/passkeys/<int:pk>/removal/", passkeys.remove_webauthn, "mfa_remove_webauthn"),
    _page("me/sessions/", sessions.list_usersessions, "usersessions_list"),
]
urlpatterns = [*entrance, *own]
