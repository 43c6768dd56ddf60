"""What django-allauth asks us: whose address a request comes from, what to say, how to write.

Promises: nobody signs up; mails about accounts go out through our own relays; secrets of second
factors lie encrypted in the database, under the keys that outlive ``DONGTAI_SECRET_KEY``.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dongtai_mail.delivery import staff_notices
from dongtai_mail.delivery.models import StaffNotice
from dongtai_mail.desk import people
from dongtai_mail.desk.access import publications
from dongtai_mail.desk.accounts import browsers
from subscribers.links import client_ip

_WRONG_CODE = _("验证码不对，或已过期：请输入应用里现在显示的六位数字，或一个没用过的恢复码。")
_BE_PATIENT = _("试得太多了，请过几分钟再来。")
# What allauth tells people by mail, and what we call it.
_CHANGES = {
    "account/email/password_changed": StaffNotice.Kind.PASSWORD_CHANGED,
    "account/email/password_reset": StaffNotice.Kind.PASSWORD_CHANGED,
    "account/email/password_set": StaffNotice.Kind.PASSWORD_CHANGED,
    "mfa/email/totp_activated": StaffNotice.Kind.FACTORS_CHANGED,
    "mfa/email/totp_deactivated": StaffNotice.Kind.FACTORS_CHANGED,
    "mfa/email/webauthn_added": StaffNotice.Kind.FACTORS_CHANGED,
    "mfa/email/webauthn_removed": StaffNotice.Kind.FACTORS_CHANGED,
    "mfa/email/recovery_codes_generated": StaffNotice.Kind.FACTORS_CHANGED,
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types.
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("这个账号已停用，请找管理员。"),
        "enter_current_password": _("请输入现在的密码。"),
        "incorrect_code": _WRONG_CODE,
        "incorrect_password": _("密码不对，请再试一次。"),
        "invalid_login": _("用户名或密码不对，请再试一次；忘了密码可以重设。"),
        "email_password_mismatch": _("邮箱或密码不对，请再试一次；忘了密码可以重设。"),
        "username_password_mismatch": _("用户名或密码不对，请再试一次；忘了密码可以重设。"),
        "invalid_password_reset": _("这个链接已经失效，请重新申请。"),
        "too_many_login_attempts": _("连续输错太多次，请过五分钟再试，或重设密码。"),
        "rate_limited": _BE_PATIENT,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Requests whose source is not known are counted together: none goes uncounted."""
        return client_ip(request) or "0.0.0.0"  # noqa: S104 - nothing is bound to it

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """One count for one person, by whichever of their names somebody tries.

        And one for each browser that the person knows: strangers fill theirs alone.
        """
        login = credentials.get("email") or credentials.get("username") or ""
        named = Q(username__iexact=login) | Q(email__iexact=login)
        meant = User.objects.filter(named).order_by("pk").first()
        name = f"{meant.get_username()} {browsers.known(request, meant.pk)}" if meant else login
        key: str = super()._get_login_attempts_cache_key(request, username=name)
        return key

    def post_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **more)
        browsers.remember(request, response, user.pk)
        return response

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Pages say what happened; only what went wrong needs words of its own."""
        if kwargs.get("message"):
            super().add_message(*args, **kwargs)

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        _post(StaffNotice.Kind.PASSWORD, user)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        if template_prefix in _CHANGES and user.email:
            _post(_CHANGES[template_prefix], user)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        # allauth's mails have methods above; a new one must not leave in its own words.
        raise NotImplementedError(f"no mail of ours is called {template_prefix}")


def _post(kind: StaffNotice.Kind, user: User) -> None:
    staff_notices.post(kind, user, publications(user).first(), people.reads(user))


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types.
    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _WRONG_CODE,
        "rate_limited": _BE_PATIENT,
        "cannot_generate_recovery_codes": _("先启用两步验证，再生成恢复码。"),
    }

    def _get_site_name(self) -> str:
        return "Dongtai Mail"

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        """What the form for a new passkey proposes."""
        known: int = Authenticator.objects.filter(user=user, type=type).count()
        return gettext("我的通行密钥 %(number)s") % {"number": known + 1}

    def build_totp_svg(self, url: str) -> str:
        """The drawing alone: it stands inside the page, where nothing else may be loaded from."""
        svg: str = super().build_totp_svg(url)
        return svg[svg.index("<svg") :]

    def encrypt(self, text: str) -> str:
        return _vault().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _vault().decrypt(encrypted_text.encode()).decode()


def _vault() -> MultiFernet:
    """The newest key seals, all open: as with the links in mails."""
    keys = [settings.SEAL_KEYS[number] for number in sorted(settings.SEAL_KEYS, reverse=True)]
    derived = [hashlib.sha256(b"dongtai second factor" + key).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
