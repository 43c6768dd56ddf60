"""``dongtai import FILE --publication SLUG``: a manuscript becomes an issue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dongtai_mail.arguments import Parser, one_line
from dongtai_mail.commands import shell


def main(argv: Sequence[str]) -> int:
    parser = Parser(prog="dongtai import", description="把稿件导入刊物。 · Import a manuscript.")
    parser.add_argument("file", type=Path, help="稿件 · the manuscript")
    parser.add_argument(
        "--publication", required=True, metavar="SLUG", help="刊物的短名 · its short name"
    )
    arguments = parser.parse_args(argv)
    return shell.run(lambda: _import(arguments.file, arguments.publication))


def _import(file: Path, slug: str) -> int:
    from dongtai_mail.commands.lookup import publication_named
    from dongtai_mail.content import Severity
    from dongtai_mail.issues.importing import import_manuscript, imported

    publication, data = publication_named(slug), file.read_bytes()
    if imported(publication, data):
        print("这份文件以前导入过，就是下面这一期；没有再导入一次。")
    issue = import_manuscript(publication, data, file.name)
    items = sum(section.items.count() for section in issue.sections.all())
    print(f"{issue}：编号 {issue.pk}，{issue.sections.count()} 个栏目，{items} 条。")
    for finding in issue.manuscript.findings:
        place = f"第 {finding['line']} 行 " if finding["line"] else ""
        severity = Severity(finding["severity"]).word
        print(f"  {one_line(severity + ' ' + place + finding['message'])}")
    return 0
