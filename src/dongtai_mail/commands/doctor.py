"""``dongtai doctor``: whether mail of a publication can leave, arrive and come back."""

from __future__ import annotations

from collections.abc import Sequence

from dongtai_mail.arguments import Parser
from dongtai_mail.commands import shell

SIGNS = {"good": "●", "doubt": "▲", "bad": "■", "unknown": "○"}


def main(argv: Sequence[str]) -> int:
    parser = Parser(
        prog="dongtai doctor", description=__doc__, epilog="Exit code 1 when something is broken."
    )
    parser.add_argument("publication", help="its short name; `dongtai publication list` has them")
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
