"""``dongtai send ISSUE --list SLUG``: an issue to a list, at once or at a time, or in stages."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dongtai_mail.arguments import Parser, either
from dongtai_mail.commands import shell

if TYPE_CHECKING:
    from dongtai_mail.delivery.models import Mailing
    from dongtai_mail.delivery.stages import Stage
    from subscribers.models import SubscriberList

LOOK_SECONDS = 0.5
OPERATOR = "dongtai send"
MOST_PER_MINUTE = 999_999
MOST_MINUTES = 7 * 24 * 60
KINDS = ("auto", "full", "lean", "digest")


def main(argv: Sequence[str]) -> int:
    parser = Parser(
        prog="dongtai send",
        description="把一期发给一个名单；由发送进程和定时进程去做。"
        " · Mail an issue to a list; a worker and the scheduler do the sending.",
    )
    parser.add_argument("issue", help="一期的编号 · the issue's id")
    parser.add_argument(
        "--list", required=True, metavar="SLUG", dest="slug", help="名单 · the list"
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        help="时间，按刊物的时区 · 2026-12-01T09:00 in the publication's zone",
    )
    parser.add_argument("--edition", choices=KINDS, default="auto")
    parser.add_argument(
        "--wait", action="store_true", help="显示进度直到结束 · show progress until it is over"
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="这一期给这个名单发过也再发 · though this issue went to this list before",
    )
    parser.add_argument(
        "--stages",
        metavar="1%,10%,100%",
        help="先发一部分，再自动增加 · so much of the audience first, more by itself",
    )
    parser.add_argument(
        "--per-minute",
        metavar="N",
        help="每分钟最多几封"
        " · at most so many messages a minute (default: the providers' limits alone)",
    )
    parser.add_argument(
        "--staff-first", metavar="LIST", help="先发这个名单 · this list before everybody else"
    )
    parser.add_argument(
        "--stage-wait",
        metavar="MINUTES",
        default="10",
        help="每一步之后等几分钟，看退信和投诉"
        " · how long a stage that is out waits for bounces and complaints (default 10)",
    )
    arguments = parser.parse_args(argv)
    return shell.run(lambda: _send(arguments))


def _send(arguments: argparse.Namespace) -> int:
    from dongtai_mail.commands.lookup import issue_numbered, list_named
    from dongtai_mail.delivery import scheduling
    from dongtai_mail.issues import reviewing
    from dongtai_mail.issues.editions import freeze

    issue = issue_numbered(arguments.issue)
    subscriber_list = list_named(arguments.slug)
    zone = issue.publication.zone
    at = shell.moment(arguments.at, zone) if arguments.at else None
    edition = freeze(issue, None if arguments.edition == "auto" else arguments.edition)
    request_key = _request_key(issue.pk, subscriber_list.pk, arguments.again)
    if issue.publication.needs_approval and not reviewing.is_approved(edition):
        # Whoever may run this command answers for what it sends, and the record says so.
        reviewing.vouch(edition, OPERATOR)
        print(
            either(
                f"这份刊物发送前要审核：已以“{OPERATOR}”的名义批准这一版（{edition.sha256[:12]}）。",
                "This publication asks for approval: "
                f"the edition ({edition.sha256[:12]}) was approved as “{OPERATOR}”.",
            )
        )
    mailing = scheduling.schedule(
        edition,
        subscriber_list,
        request_key=request_key,
        at=at,
        created_by=OPERATOR,
        staged=_stages(arguments, subscriber_list),
        stage_wait_seconds=_minutes(arguments.stage_wait) * 60,
        per_minute=_pace(arguments.per_minute),
    )
    when = mailing.scheduled_at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    print(
        either(
            f"发送 {mailing.pk}：{issue}（{edition.kind}，{edition.size:,} 字节）→ "
            f"{subscriber_list}，{when}（{zone.key}）。",
            f"Mailing {mailing.pk}: {issue} ({edition.kind}, {edition.size:,} bytes) → "
            f"{subscriber_list}, {when} ({zone.key}).",
        )
    )
    return _wait(mailing) if arguments.wait else 0


def _stages(arguments: argparse.Namespace, to: SubscriberList) -> list[Stage]:
    from dongtai_mail.commands.lookup import list_named
    from dongtai_mail.delivery import stages

    first = list_named(arguments.staff_first) if arguments.staff_first else None
    if first is not None and first.publication_id != to.publication_id:
        raise shell.CommandRefused(
            either(
                f"名单 {first.slug} 属于另一份刊物，不能先发给它。",
                f"The list {first.slug} is another publication's and can't get it first.",
            )
        )
    try:
        parts = [
            float(part.strip().removesuffix("%"))
            for part in (arguments.stages or "").split(",")
            if part.strip()
        ]
    except ValueError:
        raise shell.CommandRefused(
            either(
                f"--stages {arguments.stages!r}：请写成 1%,10%,100%。",
                f"--stages {arguments.stages!r}: write it as 1%,10%,100%.",
            )
        ) from None
    try:
        return stages.plan(parts, first)
    except ValueError as error:
        raise shell.CommandRefused(f"--stages {arguments.stages!r}：{error}") from None


def _pace(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MOST_PER_MINUTE:
        raise shell.CommandRefused(
            either(
                f"--per-minute {text!r}：请写成 1 到 {MOST_PER_MINUTE:,} 的整数。",
                f"--per-minute {text!r}: write a number from 1 to {MOST_PER_MINUTE:,}.",
            )
        )
    return int(text)


def _minutes(text: str) -> int:
    """Without a wait no bounce comes in before everybody is written to."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= MOST_MINUTES:
        raise shell.CommandRefused(
            either(
                f"--stage-wait {text!r}：请写成 1 到 {MOST_MINUTES:,} 的整数（分钟）。",
                f"--stage-wait {text!r}: write a number of minutes from 1 to {MOST_MINUTES:,}.",
            )
        )
    return int(text)


def _request_key(issue_id: int, list_id: int, again: bool) -> str:
    from dongtai_mail.delivery.models import Mailing

    before = Mailing.objects.filter(edition__issue=issue_id, subscriber_list=list_id)
    latest = before.exclude(state=Mailing.State.CANCELLED).first()
    if latest is not None and not again:
        raise shell.CommandRefused(
            either(
                f"这一期已经发给过这个名单：发送 {latest.pk}，{latest.get_state_display()}。"
                "确实要再发一次，请加 --again。",
                f"The list got this issue before: mailing {latest.pk}, {latest.state}. "
                "To send it once more all the same, add --again.",
            )
        )
    # A second command at the same moment carries the same key and finds the first one's mailing.
    return f"send-{issue_id}-{list_id}-{before.count()}"


def _wait(mailing: Mailing) -> int:
    from tqdm import tqdm

    from dongtai_mail.delivery import mailings

    unit, doing = either("封", " mails"), either("发送", "Sending")
    with tqdm(unit=unit, desc=doing, dynamic_ncols=True) as bar:
        while not _settled(mailing):
            ledger = mailings.ledger(mailing)
            bar.total = mailing.targeted
            bar.n = mailing.targeted - _to_go(ledger)
            bar.refresh()
            time.sleep(LOOK_SECONDS)
            mailing.refresh_from_db()
        bar.total = bar.n = mailing.targeted
    return _account(mailing)


def _settled(mailing: Mailing) -> bool:
    """Nothing more happens by itself soon: it is over, held, or waits for its next try."""
    from dongtai_mail.delivery.models import Mailing

    moving = (Mailing.State.SCHEDULED, Mailing.State.SENDING)
    return mailing.state not in moving


def _to_go(ledger: dict[str, int]) -> int:
    return ledger["queued"] + ledger["leased"]


def _account(mailing: Mailing) -> int:
    from django.utils.translation import gettext

    from dongtai_mail.delivery import mailings
    from dongtai_mail.sentences import told

    ledger = mailings.ledger(mailing)
    parts = ("accepted", "deferred", "bounced", "suppressed", "unconfirmed", "cancelled")
    sums = " + ".join(f"{name} {ledger[name]:,}" for name in parts)
    with shell.in_their_language():
        state, note = gettext(mailing.get_state_display()), told(mailing.note)
    print(f"{state}{either('。', '. ')}{note}".strip())
    print(f"targeted {mailing.targeted:,} = {sums} + to go {_to_go(ledger):,}")
    return 0 if mailing.state == mailing.State.FINISHED else 1
