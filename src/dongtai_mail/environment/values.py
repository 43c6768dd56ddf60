"""What the text of a variable means, one function a kind of value.

Promises: a value is complete and sensible, or ``Wrong`` says what to put there; a library's own
``ValueError`` may pass, in its own words. Nothing here looks at another variable.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import dj_database_url

LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "::1")


class Wrong(ValueError):
    """A value that a parser refuses; its text says what to put there."""


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail is handed over. ``security`` is "starttls", "tls" or "none".

    ``connections`` is how many sessions each worker process may have open, ``messages`` how many
    one session carries. ``warmup`` is its first day: it gets little at first, more each day.
    ``number`` counts those with the same host and port, which differ by their login.
    """

    host: str
    port: int
    security: str
    username: str | None = None
    password: str | None = None
    connections: int = 10
    messages: int = 1000
    warmup: datetime.date | None = None
    number: int = 1

    @property
    def name(self) -> str:
        place = f"{self.host}:{self.port}"
        return place if self.number == 1 else f"{place}({self.number})"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An IMAP folder to which bounces come. ``security`` is as of a ``Relay``."""

    host: str
    port: int
    security: str
    username: str
    password: str
    folder: str


def text(raw: str) -> str:
    return raw


def required_text(raw: str) -> str:
    if not raw:
        raise Wrong("is empty.")
    return raw


def origin(raw: str) -> str:
    raw = raw.lower()
    # Links in mails begin with it: what isn't plain here would break each of them.
    if not re.fullmatch(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d+)?/?", raw, re.ASCII):
        raise Wrong(f"{raw!r} is no origin; write https://news.example.org, no more.")
    parts = urlsplit(raw)
    _ = parts.port  # Fails where there is no such port.
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise Wrong(f"{raw!r}: only https leaves this machine.")
    return raw.rstrip("/")


def hosts(raw: str) -> list[str]:
    return [host.strip() for host in raw.split(",") if host.strip()]


def positive(raw: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", raw) or int(raw) < 1:
        raise Wrong(f"{raw!r} is no positive whole number below a thousand million.")
    return int(raw)


def percent(raw: str) -> float:
    if not re.fullmatch(r"\d{1,3}(\.\d+)?", raw) or not 0 < float(raw) <= 100:
        raise Wrong(f"{raw!r} is no percentage; write a number above 0, up to 100.")
    return float(raw)


def token(raw: str) -> str:
    if raw and not re.fullmatch(r"[\w.~+/=-]{16,}", raw, re.ASCII):
        raise Wrong("needs 16 or more letters, digits and signs that a header can carry.")
    return raw


def directory(raw: str) -> Path:
    return Path(raw).expanduser().resolve()


def database(raw: str) -> str:
    if not re.match(r"(postgres|postgresql|sqlite)://", raw):
        raise Wrong("write postgres://user:password@host:5432/name.")
    dj_database_url.parse(raw)
    return raw


def redis(raw: str) -> str:
    if not re.match(r"(rediss?|redis\+socket)://", raw):
        raise Wrong("write redis://host:6379/0, or redis+socket:///path/to/redis.sock.")
    return raw


def relays(raw: str) -> tuple[Relay, ...]:
    if not raw.split():
        raise Wrong("is empty.")
    named: Counter[tuple[str, int]] = Counter()
    found = []
    for each in map(relay, raw.split()):
        named[each.host, each.port] += 1
        found.append(replace(each, number=named[each.host, each.port]))
    return tuple(found)


def relay(raw: str) -> Relay:
    parts = urlsplit(raw)
    securities = {"smtp": "starttls", "smtps": "tls", "smtp+plain": "none"}
    if parts.scheme not in securities or not parts.hostname:
        raise Wrong(
            "write smtp://user:password@host:587 (STARTTLS), smtps://…:465 (TLS) or, to a relay "
            "on this machine or in its private network, smtp+plain://host:25."
        )
    security = securities[parts.scheme]
    port = parts.port or {"starttls": 587, "tls": 465, "none": 25}[security]
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    given = [name for name in ("connections", "messages") if name in options]
    counts = {name: positive(options.pop(name)) for name in given}
    warmup = date(options.pop("warmup")) if "warmup" in options else None
    if options:
        names = "connections=N, messages=N and warmup=DATE"
        raise Wrong(f"{'&'.join(options)}: only {names} can follow the '?'.")
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return Relay(parts.hostname, port, security, username, password, **counts, warmup=warmup)


def choice(*choices: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw not in choices:
            raise Wrong(f"{raw!r} is none of {', '.join(choices)}.")
        return raw

    return parse


def mailbox(raw: str) -> Mailbox | None:
    if not raw:
        return None
    parts = urlsplit(raw)
    securities = {"imaps": "tls", "imap": "starttls", "imap+plain": "none"}
    if parts.scheme not in securities or not (parts.hostname and parts.username and parts.password):
        raise Wrong(
            "write imaps://user:password@host/INBOX (TLS), imap:// (STARTTLS) or, to a server on "
            "this machine, imap+plain://; signs like @ in a password as %40."
        )
    security = securities[parts.scheme]
    if security == "none" and parts.hostname not in LOOPBACK:
        raise Wrong("imap+plain:// would send the password in clear; only this machine may.")
    port = parts.port or (993 if security == "tls" else 143)
    folder = unquote(parts.path[1:]) or "INBOX"
    login = (unquote(parts.username), unquote(parts.password))
    return Mailbox(parts.hostname, port, security, *login, folder)


def webhook_secret(raw: str) -> str:
    if raw and not re.fullmatch(r"[\w.~-]+:[\w.~-]{16,}", raw, re.ASCII):
        raise Wrong("write user:password, the password of 16 or more letters and digits.")
    return raw


def provider_keys(raw: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in raw.split()]
    if not all(re.fullmatch(r"[A-Z][A-Z0-9_]+", name) and value for name, _, value in pairs):
        raise Wrong("write NAME=value pairs, for example MAILGUN_WEBHOOK_SIGNING_KEY=….")
    return {name: value for name, _, value in pairs}


def date(raw: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(raw)
    except ValueError:
        raise Wrong(f"warmup={raw}: write its first day as 2026-11-01.") from None


def keys(raw: str) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    for pair in filter(None, re.split(r"[,\s]+", raw)):
        number, _, digits = pair.partition(":")
        if not re.fullmatch(r"[0-9]{1,3}:(?:[0-9a-fA-F]{2}){32,}", pair):
            raise Wrong("write 1:HEX, newer keys after it (2:HEX), each of 32 bytes or more.")
        if int(number) in keys:
            raise Wrong(f"has two keys with the number {int(number)}; links need the right one.")
        keys[int(number)] = bytes.fromhex(digits)
    if not keys or not all(1 <= number <= 255 for number in keys):
        raise Wrong("needs at least one key, numbered from 1 to 255.")
    return keys
