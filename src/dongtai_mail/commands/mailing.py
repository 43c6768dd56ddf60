"""``dongtai mailing list|show|pause|resume|cancel|reconcile``: mailings, seen and steered.

``show`` is the exact account: the ledger by state and by lane, the reasons of what was not
accepted, and every unconfirmed delivery; it exits with 1 when the ledger doesn't add up.
``reconcile`` settles now what workers that died on this host, or fell silent anywhere, left; a
lease that has run out by this host's clock is watched for a while first, as clocks may be wrong.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dongtai_mail.arguments import Parser, either
from dongtai_mail.commands import shell

if TYPE_CHECKING:
    from dongtai_mail.delivery.models import Mailing

# Batches, and the lease that each had.
Leases = dict[int, datetime.datetime | None]
LISTED = 20
UNCONFIRMED_SHOWN = 100


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    return shell.run(lambda: int(arguments.verb(arguments)))


def _parser() -> Parser:
    parser = Parser(
        prog="dongtai mailing",
        description="查看和控制发送；show 的账不平时退出码为 1。"
        " · Mailings, seen and steered; show exits with 1 when the ledger doesn't add up.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _verb(verbs, "list", "最近的发送 · the latest mailings", _list, json=True)
    show = _verb(
        verbs, "show", "一次发送的明细账 · the exact account of one", _show, "mailing", json=True
    )
    show.add_argument(
        "--all", action="store_true", help="列出每一封未确认的 · every unconfirmed delivery"
    )
    _verb(verbs, "pause", "暂停，不再开始新的 · begin no further message", _pause, "mailing")
    _verb(verbs, "resume", "继续，正好发完其余的 · go on with exactly the rest", _resume, "mailing")
    _verb(verbs, "cancel", "取消，不再发送 · send nothing more, for good", _cancel, "mailing")
    _verb(
        verbs,
        "reconcile",
        "结清已死进程留下的 · settle what dead workers left",
        _reconcile,
        json=True,
    )
    return parser


def _verb(
    verbs: Any,
    name: str,
    meaning: str,
    verb: Callable[[argparse.Namespace], int],
    *positionals: str,
    json: bool = False,
) -> Parser:
    parser: Parser = verbs.add_parser(name, help=meaning)
    parser.set_defaults(verb=verb)
    for positional in positionals:
        parser.add_argument(
            positional, help="发送的编号 · its number, as `dongtai mailing list` shows it"
        )
    if json:
        parser.add_argument("--json", action="store_true", help="供程序读取 · for programs")
    return parser


def _list(arguments: argparse.Namespace) -> int:
    from dongtai_mail.delivery import accounts
    from dongtai_mail.delivery.models import Mailing

    with shell.in_their_language():
        rows = [accounts.summary(row) for row in Mailing.objects.select_related(*_RELATED)[:LISTED]]
    if arguments.json:
        return _json(rows)
    for row in rows:
        print(f"{row['id']:>6}  {row['state_name']}  {row['scheduled_at']:%Y-%m-%d %H:%M}", end="")
        print(f"  {row['issue']} → {row['list']}  {_ledger_line(row)}")
    if not rows:
        print(either("还没有发送过。", "Nothing has been sent yet."))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from dongtai_mail.delivery import accounts

    mailing = _mailing(arguments.mailing)
    with shell.in_their_language():
        account = accounts.account(mailing, None if arguments.all else UNCONFIRMED_SHOWN)
    if arguments.json:
        _json(account)
    else:
        _print(account)
    return 0 if account["adds_up"] else 1


def _print(account: dict[str, Any]) -> None:
    what = f"{account['issue']} → {account['list']}"
    print(_heading(account, what))
    for name in ("note", "stage"):
        if account[name]:
            print(account[name])
    print(f"\n{_ledger_line(account)}")
    if not account["adds_up"]:
        print(
            either(
                "合计与目标人数不符：请把这一页和日志交给维护者。",
                "This does not add up to the targeted readers: give this and the logs to whoever "
                "maintains the software.",
            )
        )
    print(either("\n按接收方：", "\nBy provider:"))
    for lane, ledger in account["lanes"].items():
        parts = ", ".join(f"{name} {count:,}" for name, count in ledger.items() if count)
        print(f"  {lane or either('其他', 'others')}: {parts}")
    if account["reasons"]:
        print(
            either(
                "\n没有被接收的原因（次数、结果、阶段、代码、答复）：",
                "\nWhy not accepted (how often, became, stage, code, reply):",
            )
        )
    for each in account["reasons"]:
        code = " ".join(str(part) for part in (each["code"] or "—", each["enhanced"]) if part)
        print(f"  {each['count']:>9,}  {each['state']}  {each['stage']}  {code}  {each['text']}")
    for state, left in account["left_before"].items():
        print(f"  {left:>9,}  suppressed  {state}")
    _print_unconfirmed(account["unconfirmed"])


def _print_unconfirmed(unconfirmed: dict[str, Any]) -> None:
    if not unconfirmed["count"]:
        return
    count, policy = unconfirmed["count"], unconfirmed["policy_name"]
    heading = either(f"未确认 {count:,} 封，处理方式：", f"Unconfirmed {count:,}: ")
    print(f"\n{heading}{policy}")
    for each in unconfirmed["deliveries"]:
        print(f"  {each['id']}  {each['address']}  {each['since']:%Y-%m-%d %H:%M:%S}")
    if len(unconfirmed["deliveries"]) < unconfirmed["count"]:
        print(either("  …… 加 --all 列出全部", "  … --all lists every one"))


def _heading(row: dict[str, Any], *more: str) -> str:
    name = row["state_name"]
    chinese = f"发送 {row['id']}：{'，'.join((*more, name))}。"
    return either(chinese, f"Mailing {row['id']}: {', '.join((*more, name))}.")


def _ledger_line(row: dict[str, Any]) -> str:
    sums = " + ".join(f"{name} {count:,}" for name, count in row["ledger"].items() if count)
    return f"targeted {row['targeted']:,} = {sums or 0}"


def _json(value: object) -> int:
    def plain(other: object) -> str:
        return other.isoformat() if isinstance(other, datetime.datetime) else str(other)

    print(json.dumps(value, ensure_ascii=False, indent=2, default=plain))
    return 0


def _pause(arguments: argparse.Namespace) -> int:
    from dongtai_mail.delivery import mailings

    return _change(arguments, mailings.pause)


def _resume(arguments: argparse.Namespace) -> int:
    from dongtai_mail.delivery import mailings

    return _change(arguments, mailings.resume)


def _cancel(arguments: argparse.Namespace) -> int:
    from dongtai_mail.delivery import mailings

    def cancel(mailing: Mailing) -> None:
        mailings.cancel(mailing)
        mailings.cancel_rest()

    return _change(arguments, cancel)


def _change(arguments: argparse.Namespace, change: Callable[[Mailing], None]) -> int:
    from dongtai_mail.delivery import accounts

    mailing = _mailing(arguments.mailing)
    change(mailing)
    mailing.refresh_from_db()
    with shell.in_their_language():
        row = accounts.summary(mailing)
    print(f"{_heading(row)} {_ledger_line(row)}")
    return 0


def _silent(lapsed: Leases) -> Leases:
    """Batches that seem to have lapsed, once a worker that lives would have renewed them."""
    from django.conf import settings

    if lapsed:
        seconds = settings.LEASE_SECONDS / 3
        print(
            either(
                f"{len(lapsed)} 个批次看来已过期；等 {seconds:.0f} 秒，看有没有进程还在续期……",
                f"{len(lapsed)} batches seem to have lapsed; watching for {seconds:.0f} s whether "
                "a worker renews them…",
            ),
            file=sys.stderr,
        )
        time.sleep(seconds)
    return lapsed


def _reconcile(arguments: argparse.Namespace) -> int:
    import redis

    from dongtai_mail.delivery import pace, queue
    from worker import duties

    settled = duties.settle_dead_workers()
    try:
        settled += duties.settle_lapsed(pace.client(), _silent(queue.lapsed()))
    except redis.RedisError as error:
        raise shell.CommandRefused(
            either(
                f"Redis 不可用：{error}。本机的发送记录已处理 {len(settled)} 份；"
                "过期的批次要等 Redis 恢复，才能分清哪些已经发出。",
                f"Redis is not there: {error}. This machine's records are settled "
                f"({len(settled)}); what of the expired batches went out can be told only "
                "when Redis is back.",
            )
        ) from error
    if arguments.json:
        return _json([dataclasses.asdict(each) for each in settled])
    for each in settled:
        print(
            f"{each.evidence}: batches {each.batches}, accepted {each.accepted:,}, "
            f"unconfirmed {each.unconfirmed:,}, given back {each.given_back:,}"
        )
    if settled:
        print(either(f"已处理 {len(settled)} 份。", f"Settled: {len(settled)}."))
    else:
        print(
            either(
                "没有要处理的：没有停掉的进程留下未记的批次。",
                "Nothing to settle: no dead worker left a batch unrecorded.",
            )
        )
    return 0


_RELATED = ("edition__issue__publication", "subscriber_list")


def _mailing(text: str) -> Mailing:
    from dongtai_mail.delivery.models import Mailing

    rows = Mailing.objects.select_related(*_RELATED)
    found = rows.filter(pk=int(text)).first() if text.isdecimal() else None
    if found is None:
        raise shell.CommandRefused(
            either(
                f"没有编号为 {text!r} 的发送。dongtai mailing list 列出最近的。",
                f"There is no mailing {text!r}. dongtai mailing list shows the last ones.",
            )
        )
    return found
