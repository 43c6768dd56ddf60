"""The installation's settings as environment variables (12-factor).

Owns: reading and checking them all: ``table`` has every variable, ``values`` what each may say.
Promises: ``load`` answers a complete, checked set of values, or raises one
``ConfigurationError`` that names every variable that is wrong and what to put there. Nothing that
suits only development is accepted in production: the embedded mode is switched on by
``dongtai up`` alone and answers on loopback only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dongtai_mail.environment.table import VARIABLES, Variable
from dongtai_mail.environment.values import LOOPBACK, Mailbox, Relay, Wrong

__all__ = [
    "LOOPBACK",
    "VARIABLES",
    "ConfigurationError",
    "Mailbox",
    "Relay",
    "Variable",
    "load",
]

MODES = ("production", "embedded", "test")


class ConfigurationError(Exception):
    """One or more variables are missing or wrong; the text names each."""


def load(environ: Mapping[str, str]) -> dict[str, Any]:
    """Check and parse every variable; keys are the names without ``DONGTAI_``, in lower case."""
    mode = environ.get("DONGTAI_MODE", "production")
    if mode not in MODES:
        raise ConfigurationError(f"DONGTAI_MODE: {mode!r} is none of {', '.join(MODES)}.")
    values: dict[str, Any] = {"mode": mode}
    problems: list[str] = []
    for variable in VARIABLES:
        _read(variable, environ, mode, values, problems)
    if mode == "production" and not problems:
        problems += _production_problems(values)
    if problems:
        raise ConfigurationError(
            "The settings are not complete (docs/settings.md explains each):\n"
            + "\n".join(f"  {problem}" for problem in problems)
        )
    return values


def _read(
    variable: Variable,
    environ: Mapping[str, str],
    mode: str,
    values: dict[str, Any],
    problems: list[str],
) -> None:
    fallback = variable.default
    if mode != "production" and variable.embedded is not None:
        fallback = variable.embedded
    raw = environ.get(variable.name, fallback)
    if raw is None:
        problems.append(f"{variable.name} is not set: {variable.meaning}")
        return
    try:
        values[variable.name.removeprefix("DONGTAI_").lower()] = variable.parse(raw.strip())
    except Wrong as wrong:
        problems.append(f"{variable.name}: {wrong}")
    except ValueError as error:
        # The library's words; the value stays out of them, since it may hold a password.
        problems.append(f"{variable.name} can't be read: {error}")


def _production_problems(values: Mapping[str, Any]) -> list[str]:
    problems = []
    if not values["origin"].startswith("https://"):
        problems.append("DONGTAI_ORIGIN: production needs an https:// address (RFC 8058).")
    if values["catcher_database"]:
        problems.append("DONGTAI_CATCHER_DATABASE: the mail catcher is for development only.")
    if len(values["secret_key"]) < 50:
        problems.append("DONGTAI_SECRET_KEY: needs at least 50 random characters.")
    if values["database_url"].startswith("sqlite"):
        problems.append("DONGTAI_DATABASE_URL: production needs postgres://…; SQLite is embedded.")
    return problems
