"""Mails to staff as letters: their words, rendered and signed like those to readers."""

from __future__ import annotations

import datetime

from allauth.account import app_settings
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from dongtai_mail.delivery import letters
from dongtai_mail.delivery.letters import Letter
from dongtai_mail.delivery.models import StaffNotice
from dongtai_mail.issues.models import Review
from dongtai_mail.issues.naming import called
from dongtai_mail.message import notice as form
from dongtai_mail.message.address import parse
from dongtai_mail.rendering import notice as rendering
from dongtai_mail.sentences import told

Kind = StaffNotice.Kind


def addressed(notice: StaffNotice) -> bool:
    """Whether there is still somebody who may be written to."""
    return notice.user.is_active and bool(notice.user.email)


def recipient(notice: StaffNotice) -> str:
    return notice.user.email


def letter(notice: StaffNotice, now: datetime.datetime) -> Letter:
    """The notice as a signed message; ``now`` is its Date."""
    publication = notice.publication
    to = parse(recipient(notice))
    with translation.override(notice.language):
        content = _content(notice)
    html, text = rendering.render(content)
    written = form.Notice(
        from_name=publication.from_name,
        from_address=publication.from_address,
        to=to,
        subject=content.subject,
        message_id=f"<staff.{notice.pk}@{publication.domain}>",
        html=html,
        text=text,
        boundary=f"=_staff-{notice.pk}",
    )
    message = form.message(written, letters.signers(publication), now)
    return Letter(f"notices@{publication.bounce_domain}", to, (message,))


def _content(notice: StaffNotice) -> rendering.Letter:
    subject, paragraphs, button, url, closing = {
        Kind.INVITATION: _invitation,
        Kind.PASSWORD: _password,
        Kind.PASSWORD_CHANGED: _password_changed,
        Kind.FACTORS_CHANGED: _factors_changed,
        Kind.REVIEW_REQUESTED: _review_requested,
        Kind.REVIEW_RETURNED: _review_returned,
        Kind.REVIEW_APPROVED: _review_approved,
        Kind.REVIEW_REVOKED: _review_revoked,
        Kind.MAILING_STOPPED: _mailing_stopped,
        Kind.MAILING_MISSED: _mailing_missed,
    }[Kind(notice.kind)](notice)
    return rendering.Letter(
        language="en" if notice.language == "en" else "zh-CN",
        masthead=notice.publication.name,
        accent=notice.publication.accent,
        subject=subject,
        paragraphs=paragraphs,
        button=button,
        url=settings.ORIGIN + url,
        closing=(closing, "Dongtai Mail"),
    )


Words = tuple[str, tuple[str, ...], str, str, str]


def _invitation(notice: StaffNotice) -> Words:
    return (
        _("请设置密码，开始编辑《%(publication)s》") % {"publication": notice.publication.name},
        (
            _("您被邀请加入《%(publication)s》的编辑台。")
            % {"publication": notice.publication.name},
            _("您的用户名是 %(name)s。请打开下面的页面，设置密码，再登录。")
            % {"name": notice.user.get_username()},
        ),
        _("去设置密码"),
        password_address(notice.user),
        _("链接三天之内有效；过期了，请在登录页选“忘记密码”。"),
    )


def _password(notice: StaffNotice) -> Words:
    return (
        _("重设编辑台的密码"),
        (
            _("有人（希望是您）要重设 %(name)s 的密码。") % {"name": notice.user.get_username()},
            _("请打开下面的页面设置新密码；在那之前，旧密码照常有效。"),
        ),
        _("去设置新密码"),
        password_address(notice.user),
        _("链接三天之内有效。不是您要求的？不必理会这封邮件。"),
    )


def _password_changed(notice: StaffNotice) -> Words:
    return (
        _("编辑台的密码已经改了"),
        (_("%(name)s 的密码刚刚改过。") % {"name": notice.user.get_username()},),
        _("查看我的账号"),
        reverse("desk:me"),
        _("不是您改的？请马上重设密码，并告诉管理员。"),
    )


def _factors_changed(notice: StaffNotice) -> Words:
    return (
        _("编辑台的登录方式已经改了"),
        (
            _("%(name)s 的两步验证、通行密钥或恢复码刚刚改过。")
            % {"name": notice.user.get_username()},
        ),
        _("查看我的账号"),
        reverse("mfa_index"),
        _("不是您改的？请马上重设密码，并告诉管理员。"),
    )


def _review_requested(notice: StaffNotice) -> Words:
    review = _review(notice)
    values = {"issue": str(review.issue), "who": called(review.requested_by, review.requester)}
    said = (_("%(who)s 把《%(issue)s》送审，请您看。") % values, review.note)
    return _about_review(notice, _("请审核：%(issue)s") % values, said, _("去审核"))


def _review_returned(notice: StaffNotice) -> Words:
    review = _review(notice)
    values = {"issue": str(review.issue), "who": called(review.decided_by, review.reviewer)}
    said = (_("%(who)s 把《%(issue)s》退回，请修改后再送审：") % values, review.comment)
    return _about_review(notice, _("已退回：%(issue)s") % values, said, _("去看意见"))


def _review_approved(notice: StaffNotice) -> Words:
    review = _review(notice)
    values = {"issue": str(review.issue), "who": called(review.decided_by, review.reviewer)}
    said = (_("%(who)s 批准了《%(issue)s》，可以安排发送。") % values, review.comment)
    return _about_review(notice, _("已批准：%(issue)s") % values, said, _("去看这一版"))


def _review_revoked(notice: StaffNotice) -> Words:
    review = _review(notice)
    values = {"issue": str(review.issue), "why": told(review.revoked_why)}
    said = (
        _("《%(issue)s》的批准已经失效：%(why)s。") % values,
        _("重新送审、批准以前，这一期不会发出；已经排期的到时也不发，等您决定。"),
    )
    return _about_review(notice, _("批准已失效：%(issue)s") % values, said, _("去看审核"))


def _about_review(notice: StaffNotice, subject: str, said: tuple[str, ...], button: str) -> Words:
    return (
        subject,
        tuple(filter(None, said)),
        button,
        reverse("desk:review", args=[_review(notice).issue_id]),
        _("不想收到审核的邮件，可以在“我的账号”里关掉。"),
    )


def _mailing_stopped(notice: StaffNotice) -> Words:
    said = _("《%(issue)s》的发送已自动停止，没有发出的都留着，等您决定。")
    return _about_mailing(notice, _("发送已停止：%(issue)s"), said)


def _mailing_missed(notice: StaffNotice) -> Words:
    said = _("《%(issue)s》没有在原定的时间发送，没有发给任何人。要不要发，请您决定。")
    return _about_mailing(notice, _("没有按时发送：%(issue)s"), said)


def _about_mailing(notice: StaffNotice, subject: str, said: str) -> Words:
    mailing = notice.mailing
    assert mailing is not None
    values = {"issue": str(mailing.edition.issue)}
    return (
        subject % values,
        tuple(filter(None, (said % values, told(mailing.note)))),
        _("去看这次发送"),
        reverse("desk:mailing", args=[mailing.pk]),
        _("写给可以安排发送的人。"),
    )


def _review(notice: StaffNotice) -> Review:
    assert notice.review is not None
    return notice.review


def password_address(user: User) -> str:
    """The page where ``user`` sets a password, once: the path opens the account."""
    token = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    names = {"uidb36": user_pk_to_url_str(user), "key": token}
    return reverse("account_reset_password_from_key", kwargs=names)
