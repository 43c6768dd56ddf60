"""``dongtai provider list|set|clear``: how fast we write to each receiving provider."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dongtai_mail.arguments import Parser, either
from dongtai_mail.commands import shell

if TYPE_CHECKING:
    from dongtai_mail.delivery.pace import Pace
    from dongtai_mail.delivery.warmup import Warming

UNLIMITED = "none"
NUMBERS = {
    "per_minute": "每分钟的封数 · messages a minute",
    "connections": "同时的连接数，所有进程合计 · connections at once, all workers together",
    "messages_per_connection": "每个连接的封数 · messages a connection",
}


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    return shell.run(lambda: int(arguments.verb(arguments)))


def _parser() -> Parser:
    parser = Parser(
        prog="dongtai provider",
        description="给每家收信方写信有多快。 · How fast we write to each receiving provider.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    listing = verbs.add_parser(
        "list", help="列出限制、来源和现状 · limits, their sources, and how each stands now"
    )
    listing.set_defaults(verb=_list)
    change = verbs.add_parser(
        "set", help="设置限制，没写的不变 · set limits; what isn't named stays as it is"
    )
    change.set_defaults(verb=_set)
    change.add_argument(
        "provider",
        help="一组（tencent、gmail……）或一个域名 · a group (tencent, gmail …) or a domain",
    )
    for name, meaning in NUMBERS.items():
        option = f"--{name.replace('_', '-')}"
        change.add_argument(option, metavar="N", help=f"{meaning}; `{UNLIMITED}` for no limit")
    clear = verbs.add_parser(
        "clear", help="恢复默认限制，立即全速 · back to the default limits; go on at full pace now"
    )
    clear.set_defaults(verb=_clear)
    clear.add_argument("provider")
    return parser


def _list(_: argparse.Namespace) -> int:
    import redis
    from django.conf import settings
    from django.utils import timezone

    from dongtai_mail.delivery import pace, providers, warmup

    lanes, limits = pace.lanes(), providers.limits()
    try:
        paces = pace.paces(pace.client(), lanes)
    except redis.RedisError as error:
        raise shell.CommandRefused(
            either(
                f"Redis 不可用，看不到现在的快慢：{error}",
                f"Redis is not there, so nobody can say how fast it goes now: {error}",
            )
        ) from error
    for lane in lanes:
        limit = limits.get(lane, providers.OTHERS)
        numbers = (limit.per_minute, limit.connections, limit.messages_per_connection)
        shown = " / ".join("—" if number is None else f"{number:,}" for number in numbers)
        what = either("每分钟 / 连接 / 每次连接：", "a minute / connections / per connection: ")
        print(f"{lane or either('其他', 'others')}\t{what}{shown}\t{_standing(paces[lane])}")
        with shell.in_their_language():
            print(f"\t{limit.source}")
    for each in warmup.warming(settings.RELAYS, timezone.localdate()):
        print(_warming(each))
    return 0


def _warming(relay: Warming) -> str:
    if relay.most is None:
        return either(
            f"{relay.name} 的预热已结束，是工作人员设定的。",
            f"The warm-up of {relay.name} was ended by staff.",
        )
    less = "".join(
        either(f"，{group} {number:,} 封", f", {group} {number:,}") for group, number in relay.less
    )
    return either(
        f"新中继 {relay.name} 在预热，今天是第 {relay.day} 天："
        f"给每个接收方最多 {relay.most:,} 封{less}。",
        f"The new relay {relay.name} warms up, day {relay.day}: "
        f"at most {relay.most:,} to each provider{less}.",
    )


def _standing(pace: Pace) -> str:
    if pace.paused_for:
        seconds = f"{pace.paused_for:.0f}"
        paused = either(f"暂停，还有 {seconds} 秒：", f"paused for {seconds} s more: ")
        return f"{paused}{pace.reason}"
    if pace.factor < 1:
        slowed = either(f"放慢到 {pace.factor:.0%}：", f"slowed down to {pace.factor:.0%}: ")
        return f"{slowed}{pace.reason}"
    return either("正常", "normal")


def _set(arguments: argparse.Namespace) -> int:
    from dongtai_mail.delivery import providers

    provider = _named(arguments.provider)
    before = providers.limits().get(provider, providers.OTHERS)
    given = {name: getattr(arguments, name) for name in NUMBERS}
    if not any(given.values()):
        raise shell.CommandRefused(
            either(
                "请给出至少一个数：--per-minute、--connections ……",
                "Give one number at least: --per-minute, --connections …",
            )
        )
    numbers = {
        name: getattr(before, name) if text is None else _number(name, text)
        for name, text in given.items()
    }
    providers.change(provider, **numbers)
    print(
        either(
            f"{provider}：已改，几秒内生效。dongtai provider clear {provider} 恢复默认。",
            f"{provider}: changed, within seconds. dongtai provider clear {provider} brings the "
            "default back.",
        )
    )
    return 0


def _named(text: str) -> str:
    """A group or a domain, spelled as deliveries spell it."""
    from dongtai_mail.delivery.providers import DEFAULTS
    from dongtai_mail.message.address import AddressError, parse, provider

    if text in DEFAULTS:
        return text
    try:
        return provider(parse(f"postmaster@{text}").domain)
    except AddressError:
        groups = ", ".join(DEFAULTS)
        raise shell.CommandRefused(
            either(
                f"{text!r} 不是域名，也不是这些之一：{groups}。",
                f"{text!r} is no domain, nor one of these: {groups}.",
            )
        ) from None


def _number(name: str, text: str) -> int | None:
    if text == UNLIMITED:
        return None
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise shell.CommandRefused(
            either(
                f"--{name.replace('_', '-')} {text!r}：请写 1 到 999999 的整数，"
                f"或 {UNLIMITED}（不限）。",
                f"--{name.replace('_', '-')} {text!r}: write a number from 1 to 999999, "
                f"or {UNLIMITED}.",
            )
        )
    number = int(text)
    if name == "connections" and number > 1000:
        raise shell.CommandRefused(
            either(f"--connections {number}：最多 1000。", f"--connections {number}: 1000 at most.")
        )
    return number


def _clear(arguments: argparse.Namespace) -> int:
    import redis

    from dongtai_mail.delivery import pace, providers

    provider = _named(arguments.provider)
    forgotten = providers.forget(provider)
    try:
        pace.clear(pace.client(), provider)
    except redis.RedisError as error:
        raise shell.CommandRefused(
            either(
                f"Redis 不可用，暂停没有解除：{error}",
                f"Redis is not there; it rests on: {error}",
            )
        ) from error
    chinese = f"{provider}：{'已恢复默认，' if forgotten else ''}现在按上限发送。"
    back = "back to the default, " if forgotten else ""
    print(either(chinese, f"{provider}: {back}sending at its limit now."))
    return 0
