"""``dongtai manage``: Django's own commands, with the installation's settings."""

from __future__ import annotations

from django.core.management import execute_from_command_line


def main(argv: list[str]) -> int:
    execute_from_command_line(["dongtai manage", *argv])
    return 0
