"""The table in docs/settings.md, made from the settings themselves.

``python -m tests.house.settings_table`` writes it anew; a test compares.
"""

from __future__ import annotations

from pathlib import Path

from dongtai_mail.environment import VARIABLES, Variable

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


def renewed(page: str) -> str:
    """The page with the table as it should be."""
    head, rest = page.split(BEGIN)
    return head + BEGIN + table() + END + rest.split(END)[1]


def table() -> str:
    rows = ["| Variable | Meaning | Default | Under `bin/up` |", "|---|---|---|---|"]
    return "\n".join([*rows, *map(_row, VARIABLES)]) + "\n"


def _row(variable: Variable) -> str:
    embedded = variable.default if variable.embedded is None else variable.embedded
    cells = (
        f"`{variable.name}`",
        variable.meaning,
        _value(variable.default, "**must be set**"),
        _value(embedded, "set by `dongtai up`"),
    )
    return f"| {' | '.join(cells)} |"


def _value(value: str | None, missing: str) -> str:
    if value is None:
        return missing
    return f"`{value}`" if value else "empty"


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
