"""What is kept and found, in people's words: doors, reasons, findings, references to other rows.

Promises: whatever is stored and not known here is shown as it stands.
"""

from __future__ import annotations

import re

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dongtai_mail import sentences
from dongtai_mail.content import Finding
from dongtai_mail.message.feedback.model import Reason

register = template.Library()
Text = str | Promise

SOURCES: dict[str, Text] = {
    "sign-up": gettext_lazy("订阅页"),
    "confirmation": gettext_lazy("确认邮件"),
    "page": gettext_lazy("退订页"),
    "one-click": gettext_lazy("一键退订"),
    "preferences": gettext_lazy("管理订阅页"),
    "mailto": gettext_lazy("退订邮件"),
    "reason": gettext_lazy("说明原因"),
    "address change": gettext_lazy("更换地址"),
    "import": gettext_lazy("导入"),
    "staff": gettext_lazy("编辑部"),
    "reader": gettext_lazy("读者本人"),
    "smtp": gettext_lazy("发送时"),
    "imap": gettext_lazy("IMAP 邮箱"),
    "lmtp": gettext_lazy("邮件服务器交来"),
}
REASONS: dict[str, Text] = {
    Reason.USER_UNKNOWN: gettext_lazy("没有这个用户"),
    Reason.HOST_UNKNOWN: gettext_lazy("没有这个域名"),
    Reason.NO_MAIL_HOST: gettext_lazy("域名不收邮件"),
    Reason.MOVED: gettext_lazy("已经迁走"),
    Reason.MAILBOX_FULL: gettext_lazy("邮箱已满"),
    Reason.SUSPENDED: gettext_lazy("邮箱停用"),
    Reason.FILTERED: gettext_lazy("被过滤"),
    Reason.TOO_BIG: gettext_lazy("邮件太大"),
    Reason.EXPIRED: gettext_lazy("一直送不到，已放弃"),
    Reason.RATE_LIMITED: gettext_lazy("发得太快"),
    Reason.BLOCKED: gettext_lazy("发信方被拒"),
    Reason.SPAM: gettext_lazy("被当作垃圾邮件"),
    Reason.VIRUS: gettext_lazy("被当作病毒"),
    Reason.AUTHENTICATION: gettext_lazy("SPF、DKIM 或 DMARC 不通过"),
    Reason.POLICY: gettext_lazy("对方的规定"),
    Reason.SENDER: gettext_lazy("发件人不被接受"),
    Reason.NO_RELAY: gettext_lazy("不肯转发"),
    Reason.CONTENT: gettext_lazy("内容不被接受"),
    Reason.SYNTAX: gettext_lazy("格式不被接受"),
    Reason.NETWORK: gettext_lazy("连接不上"),
    Reason.SYSTEM: gettext_lazy("对方系统故障"),
    Reason.OTHER: gettext_lazy("没有说明"),
}
_REFERENCE = re.compile(r"(mailing|import|returned) (\d+)\b(.*)", re.DOTALL)


register.filter("told", sentences.told)


@register.filter
def finding_told(finding: Finding) -> str:
    return sentences.finding_told(finding.code, finding.message)


@register.filter
def source_name(source: str) -> Text:
    """The door by which something came; a provider's webhook is its own name."""
    return SOURCES.get(source, source)


@register.filter
def reason_name(reason: str) -> Text:
    return REASONS.get(reason, reason)


@register.filter
def detail_name(detail: str) -> str:
    """What led to an event: “mailing 7”, “returned 12: 550 …”."""
    found = _REFERENCE.fullmatch(detail)
    if found is None:
        return detail
    kind, number, further = found.groups()
    named = {"mailing": _("发送 %s"), "import": _("导入 %s"), "returned": _("退回的邮件 %s")}
    return named[kind] % number + further


@register.filter
def suppressed_by(source: str) -> str:
    """Who or what suppressed an address: “lmtp, returned 12”, or whoever wrote down why."""
    door, comma, detail = source.partition(", ")
    if comma and door in SOURCES:
        return _("%(door)s，%(detail)s") % {
            "door": SOURCES[door],
            "detail": detail_name(detail),
        }
    return str(SOURCES.get(source, source.removesuffix(": ")))
