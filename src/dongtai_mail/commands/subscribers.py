"""``dongtai subscribers import FILE.csv --list SLUG``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from dongtai_mail.commands import shell

SHOWN = 50


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="dongtai subscribers", description="Readers of lists.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    verb = verbs.add_parser("import", help="subscribe the readers in a CSV file to a list")
    verb.add_argument("file", type=Path)
    verb.add_argument("--list", required=True, metavar="SLUG", dest="slug")
    arguments = parser.parse_args(argv)
    return shell.run(lambda: _import(arguments.file, arguments.slug))


def _import(file: Path, slug: str) -> int:
    from dongtai_mail.commands.lookup import list_named
    from subscribers.importing import import_csv

    report = import_csv(list_named(slug), file)
    print(f"新增 {report.added:,}，已有 {report.known:,}，未导入 {len(report.refused):,}。")
    for refusal in report.refused[:SHOWN]:
        print(f"  第 {refusal.line} 行 {refusal.value}：{refusal.reason}")
    if len(report.refused) > SHOWN:
        print(f"  …… 另有 {len(report.refused) - SHOWN:,} 行")
    return 0 if not report.refused else 1
