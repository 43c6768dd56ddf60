"""Our own notices as letters: their words in the reader's language, rendered and signed.

Promises: a notice is a function of its row; none is written to an address that bounces, complained
or was suppressed by staff, whoever asked for it (``addressed``).
"""

from __future__ import annotations

import datetime

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from dongtai_mail.delivery import letters
from dongtai_mail.delivery.letters import Letter
from dongtai_mail.issues.models import Publication
from dongtai_mail.message import notice as form
from dongtai_mail.message.address import parse
from dongtai_mail.rendering import notice as rendering
from subscribers import suppression, tokens
from subscribers.links import masked
from subscribers.models import Notice

Words = tuple[str, tuple[str, ...], str, tuple[str, ...]]


def letter(notice: Notice, now: datetime.datetime) -> Letter:
    """The notice as a signed message; ``now`` is its Date."""
    publication = notice.subscription.subscriber_list.publication
    to = parse(recipient(notice))
    with translation.override(notice.language):
        subject, paragraphs, button, closing = _words(notice, publication)
    html, text = rendering.render(
        rendering.Letter(
            language="en" if notice.language == "en" else "zh-CN",
            masthead=publication.name,
            accent=publication.accent,
            subject=subject,
            paragraphs=paragraphs,
            button=button,
            url=settings.ORIGIN + tokens.path(notice),
            closing=closing,
        )
    )
    written = form.Notice(
        from_name=publication.from_name,
        from_address=publication.from_address,
        to=to,
        subject=subject,
        message_id=f"<notice.{notice.pk}@{publication.domain}>",
        html=html,
        text=text,
        boundary=f"=_notice-{notice.pk}",
    )
    message = form.message(written, letters.signers(publication), now)
    return Letter(f"notices@{publication.bounce_domain}", to, (message,))


def addressed(notice: Notice) -> bool:
    """Whether there is still somebody who may be written to."""
    subscription = notice.subscription
    return not suppression.forbids_notices(
        parse(recipient(notice)).key, subscription.subscriber_list.publication_id
    )


def recipient(notice: Notice) -> str:
    if notice.kind == Notice.Kind.MOVE and notice.move is not None:
        return notice.move.address
    if notice.kind == Notice.Kind.MOVED and notice.move is not None:
        return notice.move.former
    return notice.subscription.subscriber.address


def _words(notice: Notice, publication: Publication) -> Words:
    return {
        Notice.Kind.CONFIRM: _confirm,
        Notice.Kind.MOVE: _move,
        Notice.Kind.MOVED: _moved,
        Notice.Kind.DATA: _data,
    }[Notice.Kind(notice.kind)](notice, publication)


def _confirm(notice: Notice, publication: Publication) -> Words:
    return (
        _("请确认订阅《%(publication)s》") % {"publication": publication.name},
        (
            _("有人（希望是您）用这个邮箱订阅了《%(publication)s》的“%(list)s”。")
            % {
                "publication": publication.name,
                "list": notice.subscription.subscriber_list.name,
            },
            _("请打开下面的页面，按“确认订阅”，订阅才开始。"),
        ),
        _("去确认订阅"),
        (_("没有订阅过？不必理会这封邮件，不会再有别的邮件。"), publication.host_name),
    )


def _move(notice: Notice, publication: Publication) -> Words:
    return (
        _("请确认新的收信地址"),
        (
            _("《%(publication)s》的一位读者要把收信地址改成这个邮箱。")
            % {"publication": publication.name},
            _("请在三天之内打开下面的页面确认；确认之前，一切照旧。"),
        ),
        _("去确认新地址"),
        (_("不是您？不必理会这封邮件，什么也不会改变。"), publication.host_name),
    )


def _moved(notice: Notice, publication: Publication) -> Words:
    address = masked(notice.move.address) if notice.move else ""
    return (
        _("收信地址已更换"),
        (
            _("您在《%(publication)s》的收信地址换成了 %(address)s，新的邮箱已经确认。")
            % {"publication": publication.name, "address": address},
            _("是您换的，就不必理会这封邮件，以后不再寄到这里。"),
            _("不是您换的，请在三十天之内打开下面的页面，改回这个邮箱；这个链接只发到这里。"),
        ),
        _("改回原来的地址"),
        (publication.host_name,),
    )


def _data(notice: Notice, publication: Publication) -> Words:
    return (
        _("您的个人资料可以下载了"),
        (
            _("您请求下载《%(publication)s》保存的您的个人资料。")
            % {"publication": publication.name},
            _("链接一天之内有效，只发到这个邮箱。"),
        ),
        _("去下载"),
        (_("不是您请求的？不必理会这封邮件。"), publication.host_name),
    )
