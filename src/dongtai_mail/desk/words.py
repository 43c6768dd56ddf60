"""The words and shapes of states, kinds and severities on the desk's pages.

A state is always a word and a shape; the CSS class of the same name only adds colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from dongtai_mail.content import Severity
from dongtai_mail.delivery.doctor import Verdict
from dongtai_mail.delivery.models import Delivery, Mailing, ReturnedMessage
from dongtai_mail.message.feedback import Kind as Feedback
from dongtai_mail.message.reply import Stage
from dongtai_mail.rendering import Kind
from subscribers.models import Subscription

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Word:
    """``css`` is the class, ``shape`` one character, ``meaning`` a sentence where one helps."""

    css: str
    shape: str
    word: Text
    meaning: Text = ""


MAILINGS: Mapping[str, Word] = {
    Mailing.State.SCHEDULED: Word("scheduled", "◷", gettext_lazy("已排期")),
    Mailing.State.SENDING: Word("sending", "▶", gettext_lazy("发送中")),
    Mailing.State.PAUSED: Word("paused", "‖", gettext_lazy("已暂停")),
    Mailing.State.MISSED: Word("missed", "▲", gettext_lazy("已错过时间，等候决定")),
    Mailing.State.STOPPED: Word("stopped", "■", gettext_lazy("已自动停止")),
    Mailing.State.FINISHED: Word("finished", "●", gettext_lazy("已完成")),
    Mailing.State.CANCELLED: Word("cancelled", "×", gettext_lazy("已取消")),
}

DELIVERIES = {
    Delivery.State.ACCEPTED: Word(
        "accepted", "●", gettext_lazy("已接收"), gettext_lazy("收信方的服务器收下了")
    ),
    Delivery.State.LEASED: Word(
        "leased", "▶", gettext_lazy("正在发送"), gettext_lazy("已交给发送进程")
    ),
    Delivery.State.QUEUED: Word("queued", "○", gettext_lazy("等待"), gettext_lazy("还没有轮到")),
    Delivery.State.DEFERRED: Word(
        "deferred", "◐", gettext_lazy("暂缓"), gettext_lazy("收信方请稍后再试，会自动重试")
    ),
    Delivery.State.UNCONFIRMED: Word(
        "unconfirmed", "◇", gettext_lazy("未确认"), gettext_lazy("发出后没有收到答复，可能已送到")
    ),
    Delivery.State.BOUNCED: Word(
        "bounced", "■", gettext_lazy("退回"), gettext_lazy("收信方拒收，不再尝试")
    ),
    Delivery.State.SUPPRESSED: Word(
        "suppressed", "–", gettext_lazy("不发"), gettext_lazy("开始发送后退订或列入不发名单")
    ),
    Delivery.State.CANCELLED: Word(
        "cancelled", "×", gettext_lazy("已取消"), gettext_lazy("发送取消时还没有发出")
    ),
}

STAGE_OVER = Word("accepted", "●", gettext_lazy("发完"))
STAGE_OPEN = Word("leased", "▶", gettext_lazy("放行中"))
STAGE_WAITS = Word("deferred", "◐", gettext_lazy("发完，等候下一批"))
STAGE_AHEAD = Word("queued", "○", gettext_lazy("还没放行"))

SUBSCRIPTIONS: dict[str, Text] = {
    Subscription.State.PENDING: gettext_lazy("等待本人确认"),
    Subscription.State.CONFIRMED: gettext_lazy("列入不发名单"),
    Subscription.State.UNSUBSCRIBED: gettext_lazy("已退订"),
    Subscription.State.BOUNCED: gettext_lazy("地址已停用：无法送达"),
    Subscription.State.COMPLAINED: gettext_lazy("投诉过"),
    "erased": gettext_lazy("资料已删除"),
}

RETURNED = {
    ReturnedMessage.Status.NEW: Word("queued", "○", gettext_lazy("待处理")),
    ReturnedMessage.Status.PROCESSED: Word("accepted", "●", gettext_lazy("已处理")),
    ReturnedMessage.Status.UNPARSED: Word("deferred", "▲", gettext_lazy("看不懂")),
    ReturnedMessage.Status.IGNORED: Word("suppressed", "–", gettext_lazy("不采纳")),
    ReturnedMessage.Status.BROKEN: Word("bounced", "■", gettext_lazy("处理出错")),
}

EFFECTS = {
    ReturnedMessage.Effect.NONE: Word("queued", "–", gettext_lazy("没有影响")),
    ReturnedMessage.Effect.COUNTED: Word("deferred", "◐", gettext_lazy("计一次暂时退回")),
    ReturnedMessage.Effect.BOUNCED: Word("bounced", "■", gettext_lazy("停发：无法送达")),
    ReturnedMessage.Effect.COMPLAINED: Word("bounced", "■", gettext_lazy("停发：投诉")),
    ReturnedMessage.Effect.LEFT: Word("suppressed", "–", pgettext_lazy("done", "退订")),
}

FEEDBACK: dict[str, Text] = {
    Feedback.BOUNCE: gettext_lazy("退信"),
    Feedback.DELAYED: gettext_lazy("延迟通知"),
    Feedback.COMPLAINT: gettext_lazy("投诉"),
    Feedback.DELIVERED: gettext_lazy("送达回执"),
    Feedback.AUTO_REPLY: gettext_lazy("自动回复"),
    Feedback.UNSUBSCRIBE: gettext_lazy("退订邮件"),
    Feedback.UNKNOWN: gettext_lazy("不明"),
}

SEVERITY: dict[str, Text] = {
    "hard": gettext_lazy("永久"),
    "soft": gettext_lazy("暂时"),
}

# Whom people know a group of receiving domains by; others are called by their domain.
PROVIDERS: dict[str, Text] = {
    "tencent": gettext_lazy("腾讯（QQ、Foxmail）"),
    "netease": gettext_lazy("网易（163、126）"),
    "aliyun": gettext_lazy("阿里云"),
    "sina": gettext_lazy("新浪"),
    "gmail": "Gmail",
    "microsoft": gettext_lazy("微软（Outlook、Hotmail）"),
    "yahoo": "Yahoo",
    "apple": "iCloud",
}

# How far a mail had come when the answer was given.
STAGES: dict[str, Text] = {
    Stage.CONNECT: gettext_lazy("连接"),
    Stage.TLS: gettext_lazy("加密连接"),
    Stage.LOGIN: gettext_lazy("登录中继"),
    Stage.MAIL: gettext_lazy("报发件人"),
    Stage.RCPT: gettext_lazy("报收件人"),
    Stage.DATA: gettext_lazy("交正文"),
    Stage.FINAL: gettext_lazy("交完正文"),
}

KINDS: dict[str, Text] = {
    "auto": gettext_lazy("自动"),
    Kind.FULL: gettext_lazy("全文版"),
    Kind.LEAN: gettext_lazy("精简版"),
    Kind.DIGEST: gettext_lazy("摘要版"),
}

SEVERITIES = {
    Severity.ERROR: Word("severity-error", "■", gettext_lazy("错误")),
    Severity.WARNING: Word("severity-warning", "▲", gettext_lazy("警告")),
    Severity.INFO: Word("severity-info", "●", gettext_lazy("提示")),
}


def zone_name(zone: ZoneInfo) -> str:
    """What people call a publication's time zone."""
    return _("北京时间") if zone.key in ("Asia/Shanghai", "PRC") else zone.key


VERDICTS = {
    Verdict.GOOD: Word("check-good", "●", gettext_lazy("正常")),
    Verdict.DOUBT: Word("check-doubt", "▲", gettext_lazy("请看一看")),
    Verdict.BAD: Word("check-bad", "■", gettext_lazy("要处理")),
    Verdict.UNKNOWN: Word("check-unknown", "○", gettext_lazy("查不到")),
}


def percent(share: float | None) -> str:
    """98.6 %; small shares keep the digits that matter; "—" where there is nothing to divide by."""
    if share is None:
        return "—"
    digits = 0 if share in (0, 1) else 1 if share >= 0.01 else 2
    return f"{share:.{digits}%}".replace("%", " %")


# In this order: each says that it is the later ones, too.
_BROWSERS = {
    "MicroMessenger": gettext_lazy("微信"),
    "Edg": "Edge",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "Mac OS X": "Mac",
    "Linux": "Linux",
}


def device(user_agent: str) -> str:
    """What a browser says of itself, in the words of who looks at it."""
    known = (
        next((str(word) for sign, word in names.items() if sign in user_agent), "")
        for names in (_BROWSERS, _SYSTEMS)
    )
    return " · ".join(filter(None, known)) or user_agent[:80] or "—"
