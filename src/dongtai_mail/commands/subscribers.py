"""``dongtai subscribers``: readers in from a file, out into one, and an import taken back.

Promises: of a file that is refused, or only looked at, nothing is kept; a file of readers is made
for its owner alone, never over another, and is gone again when it can't be finished. Exit code 1
says that rows were refused.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dongtai_mail.arguments import Parser, either
from dongtai_mail.commands import shell

if TYPE_CHECKING:
    from subscribers.models import ImportRun

SHOWN = 50
SUFFIXES = (".csv", ".xlsx")
# The largest number that a row can have.
LARGEST = (1 << 63) - 1
POLICIES = ("keep", "fill", "overwrite")


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    return shell.run(lambda: int(arguments.verb(arguments)))


def _parser() -> Parser:
    parser = Parser(prog="dongtai subscribers", description="名单里的读者。 · Readers of lists.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    take = verbs.add_parser(
        "import",
        help="把 CSV 或 XLSX 里的读者加进名单"
        " · subscribe the readers in a CSV or XLSX file to a list",
    )
    take.set_defaults(verb=_import)
    take.add_argument("file", type=Path)
    take.add_argument("--list", required=True, metavar="SLUG", dest="slug")
    take.add_argument(
        "--policy", choices=POLICIES, default="keep", help="对已有的人 · for people known already"
    )
    take.add_argument(
        "--basis", default="", help="这些人凭什么收到邮件 · on what ground these people get mail"
    )
    take.add_argument(
        "--double-opt-in", action="store_true", help="逐个发确认邮件 · ask each of them by mail"
    )
    take.add_argument(
        "--dry-run", action="store_true", help="只说会怎样，不执行 · say what would happen, no more"
    )
    give = verbs.add_parser(
        "export", help="把名单写成 CSV 或 XLSX · write a list's readers into a CSV or XLSX file"
    )
    give.set_defaults(verb=_export)
    give.add_argument("file", type=Path, help="由后缀决定格式 · its ending chooses: .csv or .xlsx")
    give.add_argument("--list", required=True, metavar="SLUG", dest="slug")
    undo = verbs.add_parser(
        "undo", help="撤销一次导入（还没发送时） · take an import back, while nothing was sent"
    )
    undo.set_defaults(verb=_undo)
    undo.add_argument("number", type=int)
    return parser


def _import(arguments: argparse.Namespace) -> int:
    from dongtai_mail.commands.lookup import list_named
    from subscribers import importing, leasing
    from subscribers.models import ImportRun

    with arguments.file.open("rb") as file:
        chunks = iter(lambda: file.read(1 << 20), b"")
        run = importing.receive(list_named(arguments.slug), chunks, arguments.file.name, "shell")
    run.policy, run.basis = arguments.policy, arguments.basis.strip()
    if arguments.double_opt_in:
        run.consent = ImportRun.Consent.DOUBLE_OPT_IN
    elif not run.basis:
        run.basis = f"文件 {run.filename}，没有写明依据"
        print("没有写明同意的依据（--basis）；历史里只记下文件名。", file=sys.stderr)
    try:
        importing.begin_here(run, proceed=not arguments.dry_run)
    except importing.ImportFailed:
        importing.discard(run)
        raise
    except (KeyboardInterrupt, leasing.LeaseLost):
        print(f"没有做完：编号 {run.pk} 的导入由后台进程接着做。", file=sys.stderr)
        raise KeyboardInterrupt from None
    return _report(run)


def _report(run: ImportRun) -> int:
    from subscribers.importing import discard
    from subscribers.models import ImportRow

    counts = run.counts
    verb = "新增" if "added" in counts else "将新增"
    added = counts.get("added", counts["new"] + counts["person"])
    refused = counts["bad"] + counts["duplicate"] + counts["suppressed"]
    print(
        f"编码 {run.encoding}，{run.judged:,} 行。{verb} {added:,}，已有 {counts['known']:,}，",
        end="",
    )
    print(f"未导入 {refused:,}。")
    rows = ImportRow.objects.filter(run=run).exclude(
        verdict__in=(ImportRow.Verdict.NEW, ImportRow.Verdict.PERSON, ImportRow.Verdict.KNOWN)
    )
    for row in rows[:SHOWN]:
        why = row.problem or row.get_verdict_display()
        print(f"  第 {row.line} 行 {row.value or row.address}：{why}")
    if refused > SHOWN:
        print(f"  …… 另有 {refused - SHOWN:,} 行")
    if "added" in counts:
        print(f"撤销：dongtai subscribers undo {run.pk}")
    else:
        discard(run)
    return 0 if not refused else 1


def _export(arguments: argparse.Namespace) -> int:
    from dongtai_mail.commands.lookup import list_named
    from subscribers import exporting

    path: Path = arguments.file
    if path.suffix.lower() not in SUFFIXES:
        raise shell.CommandRefused(
            either(
                f"{path}：结尾要是 {' 或 '.join(SUFFIXES)}。",
                f"{path}: it must end in {' or '.join(SUFFIXES)}.",
            )
        )
    rows = exporting.rows(list_named(arguments.slug))
    chunks = exporting.xlsx(rows) if path.suffix.lower() == ".xlsx" else exporting.csv_chunks(rows)
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise shell.CommandRefused(
            either(
                f"{path}：已经有这个文件，请换一个名字。",
                f"{path}: this file exists; use another name.",
            )
        ) from None
    with os.fdopen(number, "wb") as file:
        try:
            file.writelines(chunks)
        except BaseException:
            path.unlink()
            raise
    print(f"已写入 {path}", file=sys.stderr)
    return 0


def _undo(arguments: argparse.Namespace) -> int:
    from django.db import transaction

    from dongtai_mail.delivery import imports
    from dongtai_mail.desk import audit
    from subscribers import leasing
    from subscribers.models import ImportRun

    run = ImportRun.objects.filter(pk=min(arguments.number, LARGEST)).first()
    if run is None:
        raise shell.CommandRefused(
            either(
                f"没有编号为 {arguments.number} 的导入。",
                f"There is no import {arguments.number}.",
            )
        )
    with transaction.atomic():
        imports.begin_undoing(run, here=True)
        audit.by_operator("import.undo-begun", run)
    try:
        count = imports.undo(run)
    except (KeyboardInterrupt, leasing.LeaseLost):
        print(f"没有做完：编号 {run.pk} 的撤销由后台进程接着做。", file=sys.stderr)
        raise KeyboardInterrupt from None
    print(f"已撤销，取走 {count:,} 人。")
    return 0
