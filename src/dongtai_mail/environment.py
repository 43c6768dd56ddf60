"""The installation's settings as environment variables (12-factor).

Owns: the table of every variable, with its meaning, default and check.
Promises: ``load`` answers a complete, checked set of values, or raises one
``ConfigurationError`` that names every variable that is wrong and what to put there. Nothing that
suits only development is accepted in production: the embedded mode is switched on by
``dongtai up`` alone and answers on loopback only.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import dj_database_url

LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")
MODES = ("production", "embedded", "test")


class ConfigurationError(Exception):
    """One or more variables are missing or wrong; the text names each."""


class _Wrong(ValueError):
    """A value that a parser refuses; its text says what to put there."""


@dataclass(frozen=True, slots=True)
class Variable:
    """``default`` None means that production must set it."""

    name: str
    meaning: str
    parse: Callable[[str], Any]
    default: str | None = None
    embedded: str | None = None


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail is handed over. ``security`` is "starttls", "tls" or "none".

    ``connections`` is how many sessions each worker process may have open, ``messages`` how many
    one session carries. ``warmup`` is its first day: it gets little at first, more each day.
    """

    host: str
    port: int
    security: str
    username: str | None = None
    password: str | None = None
    connections: int = 10
    messages: int = 1000
    warmup: datetime.date | None = None

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An IMAP folder to which bounces come. ``security`` is as of a ``Relay``."""

    host: str
    port: int
    security: str
    username: str
    password: str
    folder: str


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
    except _Wrong as wrong:
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


def _text(raw: str) -> str:
    return raw


def _required_text(raw: str) -> str:
    if not raw:
        raise _Wrong("is empty.")
    return raw


def _origin(raw: str) -> str:
    raw = raw.lower()
    # Links in mails begin with it: what isn't plain here would break each of them.
    if not re.fullmatch(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d+)?/?", raw, re.ASCII):
        raise _Wrong(f"{raw!r} is no origin; write https://news.example.org, no more.")
    parts = urlsplit(raw)
    _ = parts.port  # Fails where there is no such port.
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise _Wrong(f"{raw!r}: only https leaves this machine.")
    return raw.rstrip("/")


def _hosts(raw: str) -> list[str]:
    return [host.strip() for host in raw.split(",") if host.strip()]


def _positive(raw: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", raw) or int(raw) < 1:
        raise _Wrong(f"{raw!r} is no positive whole number below a thousand million.")
    return int(raw)


def _percent(raw: str) -> float:
    if not re.fullmatch(r"\d{1,3}(\.\d+)?", raw) or not 0 < float(raw) <= 100:
        raise _Wrong(f"{raw!r} is no percentage; write a number above 0, up to 100.")
    return float(raw)


def _token(raw: str) -> str:
    if raw and not re.fullmatch(r"[\w.~+/=-]{16,}", raw, re.ASCII):
        raise _Wrong("needs 16 or more letters, digits and signs that a header can carry.")
    return raw


def _directory(raw: str) -> Path:
    return Path(raw).expanduser().resolve()


def _database(raw: str) -> str:
    if not re.match(r"(postgres|postgresql|sqlite)://", raw):
        raise _Wrong("write postgres://user:password@host:5432/name.")
    dj_database_url.parse(raw)
    return raw


def _redis(raw: str) -> str:
    if not re.match(r"(rediss?|redis\+socket|unix)://", raw):
        raise _Wrong("write redis://host:6379/0, or redis+socket:///path/to/redis.sock.")
    return raw


def _relays(raw: str) -> tuple[Relay, ...]:
    if not raw.split():
        raise _Wrong("is empty.")
    return tuple(_relay(url) for url in raw.split())


def _relay(raw: str) -> Relay:
    parts = urlsplit(raw)
    securities = {"smtp": "starttls", "smtps": "tls", "smtp+plain": "none"}
    if parts.scheme not in securities or not parts.hostname:
        raise _Wrong(
            "write smtp://user:password@host:587 (STARTTLS), smtps://…:465 (TLS) or, to a relay "
            "on this machine or in its private network, smtp+plain://host:25."
        )
    security = securities[parts.scheme]
    port = parts.port or {"starttls": 587, "tls": 465, "none": 25}[security]
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    given = [name for name in ("connections", "messages") if name in options]
    counts = {name: _positive(options.pop(name)) for name in given}
    warmup = _date(options.pop("warmup")) if "warmup" in options else None
    if options:
        names = "connections=N, messages=N and warmup=DATE"
        raise _Wrong(f"{'&'.join(options)}: only {names} can follow the '?'.")
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return Relay(parts.hostname, port, security, username, password, **counts, warmup=warmup)


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw not in choices:
            raise _Wrong(f"{raw!r} is none of {', '.join(choices)}.")
        return raw

    return parse


def _mailbox(raw: str) -> Mailbox | None:
    if not raw:
        return None
    parts = urlsplit(raw)
    securities = {"imaps": "tls", "imap": "starttls", "imap+plain": "none"}
    if parts.scheme not in securities or not (parts.hostname and parts.username and parts.password):
        raise _Wrong(
            "write imaps://user:password@host/INBOX (TLS), imap:// (STARTTLS) or, to a server on "
            "this machine, imap+plain://; signs like @ in a password as %40."
        )
    security = securities[parts.scheme]
    if security == "none" and parts.hostname not in LOOPBACK:
        raise _Wrong("imap+plain:// would send the password in clear; only this machine may.")
    port = parts.port or (993 if security == "tls" else 143)
    folder = unquote(parts.path[1:]) or "INBOX"
    login = (unquote(parts.username), unquote(parts.password))
    return Mailbox(parts.hostname, port, security, *login, folder)


def _webhook_secret(raw: str) -> str:
    if raw and not re.fullmatch(r"[\w.~-]+:[\w.~-]{16,}", raw, re.ASCII):
        raise _Wrong("write user:password, the password of 16 or more letters and digits.")
    return raw


def _provider_keys(raw: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in raw.split()]
    if not all(re.fullmatch(r"[A-Z][A-Z0-9_]+", name) and value for name, _, value in pairs):
        raise _Wrong("write NAME=value pairs, for example MAILGUN_WEBHOOK_SIGNING_KEY=….")
    return {name: value for name, _, value in pairs}


def _date(raw: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(raw)
    except ValueError:
        raise _Wrong(f"warmup={raw}: write its first day as 2026-11-01.") from None


def _keys(raw: str) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    for pair in filter(None, re.split(r"[,\s]+", raw)):
        number, _, digits = pair.partition(":")
        if not re.fullmatch(r"[0-9]{1,3}:(?:[0-9a-fA-F]{2}){32,}", pair):
            raise _Wrong("write 1:HEX, newer keys after it (2:HEX), each of 32 bytes or more.")
        if int(number) in keys:
            raise _Wrong(f"has two keys with the number {int(number)}; links need the right one.")
        keys[int(number)] = bytes.fromhex(digits)
    if not keys or not all(1 <= number <= 255 for number in keys):
        raise _Wrong("needs at least one key, numbered from 1 to 255.")
    return keys


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "DONGTAI_SECRET_KEY",
        "Django's secret: sessions and forms. 50 random characters or more.",
        _required_text,
    ),
    Variable(
        "DONGTAI_SEAL_KEYS",
        "Keys of the links in mails already sent (unsubscribing, bounces), as `1:HEX`, or "
        "`1:HEX,2:HEX` after a rotation; the highest number seals, all open. Never remove one.",
        _keys,
    ),
    Variable(
        "DONGTAI_ORIGIN",
        "Where readers and staff reach the web pages, for example https://news.example.org.",
        _origin,
        embedded="http://127.0.0.1:8025",
    ),
    Variable(
        "DONGTAI_ALLOWED_HOSTS",
        "Further host names the web server answers to, with commas; the origin's is among them.",
        _hosts,
        default="",
    ),
    Variable(
        "DONGTAI_DATABASE_URL",
        "postgres://user:password@host:5432/name",
        _database,
    ),
    Variable(
        "DONGTAI_REDIS_URL",
        "The broker that wakes workers: redis://host:6379/0",
        _redis,
    ),
    Variable(
        "DONGTAI_RELAY_URL",
        "The mail server that takes the mail, or several with spaces between: smtp:// needs "
        "STARTTLS, smtps:// is TLS from the start, smtp+plain:// sends in clear and is for a relay "
        "beside us. `?connections=10&messages=1000` limits the sessions that each worker process "
        "keeps open, and the messages that one session carries. `&warmup=2026-11-01` is a new "
        "relay's first day: each provider gets few messages over it at first, more each day.",
        _relays,
        embedded="smtp+plain://127.0.0.1:2526",
    ),
    Variable(
        "DONGTAI_BATCH_SIZE",
        "Deliveries that a worker claims at once.",
        _positive,
        default="500",
    ),
    Variable(
        "DONGTAI_LEASE_SECONDS",
        "How long a claimed batch stays a worker's own when nothing is heard of it.",
        _positive,
        default="300",
    ),
    Variable(
        "DONGTAI_UNCONFIRMED_SECONDS",
        "How long an unconfirmed delivery rests before its mailing's policy sends it again.",
        _positive,
        default="60",
    ),
    Variable(
        "DONGTAI_RETRY_HOURS",
        "How long a deferred delivery is tried before it counts as bounced.",
        _positive,
        default="72",
    ),
    Variable(
        "DONGTAI_STAGE_BOUNCE_PERCENT",
        "A mailing in stages stops when more than this part of what was answered bounced.",
        _percent,
        default="5",
    ),
    Variable(
        "DONGTAI_STAGE_COMPLAINT_PERCENT",
        "The same for complaints; Gmail and Yahoo ask for less than 0.3.",
        _percent,
        default="0.3",
    ),
    Variable(
        "DONGTAI_IMAP_URL",
        "The mailbox to which bounces come, for the worker to empty: "
        "imaps://user:password@host/INBOX. It must get nothing else.",
        _mailbox,
        default="",
    ),
    Variable(
        "DONGTAI_WEBHOOK_SECRET",
        "`user:password` that the mail provider sends with its webhooks; empty for no webhooks.",
        _webhook_secret,
        default="",
    ),
    Variable(
        "DONGTAI_WEBHOOK_KEYS",
        "What django-anymail needs to check a provider's signatures, as NAME=value with spaces "
        "between: MAILGUN_WEBHOOK_SIGNING_KEY=….",
        _provider_keys,
        default="",
    ),
    Variable(
        "DONGTAI_SOFT_BOUNCES",
        "So many days with a bounce for a passing reason end a subscription …",
        _positive,
        default="5",
    ),
    Variable(
        "DONGTAI_SOFT_BOUNCE_DAYS",
        "… within so many days.",
        _positive,
        default="30",
    ),
    Variable(
        "DONGTAI_RETURN_DAYS",
        "How long a bounce may take to come back: an accepted mail older than this arrived, and "
        "the bounces before it are forgiven.",
        _positive,
        default="5",
    ),
    Variable(
        "DONGTAI_COMPLAINT_SCOPE",
        "What a complaint ends: `publication`, all lists of the one; `everywhere`, all mail.",
        _choice("publication", "everywhere"),
        default="publication",
    ),
    Variable(
        "DONGTAI_RETURNED_DAYS",
        "How long messages that came back are kept; what they did is kept longer.",
        _positive,
        default="30",
    ),
    Variable(
        "DONGTAI_METRICS_TOKEN",
        "Who may read `/metrics` from elsewhere: `Authorization: Bearer TOKEN`. Without it only "
        "this machine may, past no proxy.",
        _token,
        default="",
    ),
    Variable(
        "DONGTAI_DATA_DIR",
        "A directory that survives restarts: the send journal and the DKIM keys (`dkim/`).",
        _directory,
        default="/var/lib/dongtai",
        embedded="var",
    ),
    Variable(
        "DONGTAI_CATCHER_DATABASE",
        "Set by `dongtai up`: where the local mail catcher keeps what it received.",
        _text,
        default="",
    ),
    Variable(
        "DONGTAI_LOG_LEVEL",
        "DEBUG, INFO, WARNING or ERROR.",
        _choice("DEBUG", "INFO", "WARNING", "ERROR"),
        default="INFO",
    ),
)
