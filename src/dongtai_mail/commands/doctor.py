"""``dongtai doctor``: whether mail of a publication can leave, arrive and come back."""

from __future__ import annotations

from collections.abc import Sequence

from dongtai_mail.arguments import Parser
from dongtai_mail.commands import shell

SIGNS = {"good": "●", "doubt": "▲", "bad": "■", "unknown": "○"}


def main(argv: Sequence[str]) -> int:
    parser = Parser(
        prog="dongtai doctor",
        description="检查一份刊物的邮件能否发出、送达、退回。"
        " · Whether mail of a publication can leave, "
        "arrive and come back.",
        epilog="有问题时退出码为 1。 · Exit code 1 when something is broken.",
    )
    parser.add_argument(
        "publication", help="刊物的短名 · its short name; `dongtai publication list` has them"
    )
    arguments = parser.parse_args(argv)
    return shell.run(lambda: _examine(arguments.publication))


def _examine(slug: str) -> int:
    from dongtai_mail.commands.lookup import publication_named
    from dongtai_mail.delivery import doctor

    made = doctor.examine(publication_named(slug))
    for check in made:
        print(f"{SIGNS[check.verdict.value]} {check.name}：{check.found}")
        for line in filter(None, (check.advice, check.record)):
            print(f"    {line}")
    return int(any(check.verdict is doctor.Verdict.BAD for check in made))
