"""How fast we write to receiving providers: defaults with their reasons, and what staff changed.

The big providers publish few numbers and call the rest confidential; each number here stands
beside its source, or beside the words that say it is ours. Where it is ours it is careful: the
throttle finds the real limit, slows down when a provider says so and speeds up again in steps.
The numbers are about what a provider sees. A relay with a queue of its own connects on its own
terms; there our limits shape what it is given to send.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dongtai_mail.delivery import queue
from dongtai_mail.delivery.models import ProviderLimit


@dataclass(frozen=True, slots=True)
class Limit:
    """None means no limit. ``source`` says where the numbers come from, for staff."""

    per_minute: int | None
    connections: int | None
    messages_per_connection: int | None
    source: str | Promise
    changed: bool = False


DEFAULTS: dict[str, Limit] = {
    # The help on 550 "frequency limited" names limits a minute, hour and day for each IP, domain
    # and sender, and says that the numbers are confidential. service.mail.qq.com, exmail.qq.com
    "tencent": Limit(
        600,
        4,
        50,
        _(
            "腾讯按 IP、域名、发件人限制每分钟、每小时、每日的发信量，数值保密（QQ 邮箱帮助："
            "frequency limited）。"
        ),
    ),
    # mail.163.com/postmaster lists 421 HL:ICC, 421 HL:IFC, 450/451 MI:DMC, 451 MI:SFQ, no numbers.
    "netease": Limit(
        600,
        4,
        30,
        _(
            "网易限制并发连接（421 HL:ICC）、短期总量（421 HL:IFC）、每次连接的封数（MI:DMC）和 "
            "15 分钟内的发信量（451 MI:SFQ），未公布数值（网易退信代码表）。"
        ),
    ),
    # The help on "too frequently sending": limits a minute, hour and day, confidential.
    "aliyun": Limit(
        600,
        4,
        50,
        _(
            "阿里云按发件人限制每分钟、每小时、每日的发信量，数值保密（阿里邮箱帮助："
            "too frequently sending）。"
        ),
    ),
    "sina": Limit(300, 3, 30, _("新浪未公布接收限制。")),
    # support.google.com/a/answer/81126: a consistent rate, no bursts, slowly more; 421 4.7.28.
    "gmail": Limit(
        3000,
        10,
        100,
        _("Gmail 要求匀速、逐步加量，过快时答 421 4.7.28，未公布数值（Google 发件人指南）。"),
    ),
    # 451 4.7.652 "exceeded the maximum number of connections" (S3115), without a number.
    "microsoft": Limit(
        3000,
        10,
        100,
        _("微软限制并发连接（451 4.7.652）并按 IP 信誉限制流量（451 4.7.650），未公布数值。"),
    ),
    # help.yahoo.com/kb/SLN3433.html
    "yahoo": Limit(
        1200,
        5,
        20,
        _("每次连接最多 20 封是雅虎公布的（帮助 SLN3433）；并发连接只要求合理，未公布数值。"),
    ),
    # support.apple.com/102322 publishes no number; Validity's settings for senders give 50 messages
    # a connection, and 150 connections, which is for the largest senders.
    "apple": Limit(
        1200,
        5,
        50,
        _(
            "苹果未公布数值（support.apple.com/102322）；每次连接 50 封取自 Validity 给发信方的"
            "建议。"
        ),
    ),
}
# Everybody else: the relay is the limit until the provider says otherwise.
OTHERS = Limit(None, None, None, _("以中继接收的速度为准；对方要求慢时自动变慢。"))
CHANGED = _("由工作人员设定。")


def limits() -> dict[str, Limit]:
    """Every provider with a limit of its own, staff's changes before the defaults."""
    changed = {
        row.provider: Limit(
            row.per_minute, row.connections, row.messages_per_connection, CHANGED, changed=True
        )
        for row in ProviderLimit.objects.order_by("provider")
    }
    return {**DEFAULTS, **changed}


def change(
    provider: str,
    per_minute: int | None,
    connections: int | None,
    messages_per_connection: int | None,
) -> None:
    """Set what staff decided; the workers heed it within seconds, mailings under way too."""
    ProviderLimit.objects.update_or_create(
        provider=provider,
        defaults={
            "per_minute": per_minute,
            "connections": connections,
            "messages_per_connection": messages_per_connection,
        },
    )
    queue.own_lane(provider)


def forget(provider: str) -> bool:
    """Go back to the default; whether there was something to forget."""
    return bool(ProviderLimit.objects.filter(provider=provider).delete()[0])
