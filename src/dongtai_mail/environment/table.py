"""Every variable of an installation: its name, meaning, default and kind of value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dongtai_mail.environment.values import (
    choice,
    database,
    directory,
    hosts,
    keys,
    mailbox,
    origin,
    percent,
    positive,
    provider_keys,
    redis,
    relays,
    required_text,
    text,
    token,
    webhook_secret,
)


@dataclass(frozen=True, slots=True)
class Variable:
    """``default`` None means that production must set it."""

    name: str
    meaning: str
    parse: Callable[[str], Any]
    default: str | None = None
    embedded: str | None = None


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "DONGTAI_SECRET_KEY",
        "Django's secret: sessions and forms. 50 random characters or more.",
        required_text,
    ),
    Variable(
        "DONGTAI_SEAL_KEYS",
        "Keys of the links in mails already sent (unsubscribing, bounces), as `1:HEX`, or "
        "`1:HEX,2:HEX` after a rotation; the highest number seals, all open. Never remove one.",
        keys,
    ),
    Variable(
        "DONGTAI_ORIGIN",
        "Where readers and staff reach the web pages, for example https://news.example.org.",
        origin,
        embedded="http://127.0.0.1:8025",
    ),
    Variable(
        "DONGTAI_ALLOWED_HOSTS",
        "Further host names the web server answers to, with commas; the origin's is among them.",
        hosts,
        default="",
    ),
    Variable(
        "DONGTAI_DATABASE_URL",
        "postgres://user:password@host:5432/name",
        database,
    ),
    Variable(
        "DONGTAI_REDIS_URL",
        "The broker that wakes workers: redis://host:6379/0",
        redis,
    ),
    Variable(
        "DONGTAI_RELAY_URL",
        "The mail server that takes the mail, or several with spaces between: smtp:// needs "
        "STARTTLS, smtps:// is TLS from the start, smtp+plain:// sends in clear and is for a relay "
        "beside us. `?connections=10&messages=1000` limits the sessions that each worker process "
        "keeps open, and the messages that one session carries. `&warmup=2026-11-01` is a new "
        "relay's first day: each provider gets few messages over it at first, more each day.",
        relays,
        embedded="smtp+plain://127.0.0.1:2526",
    ),
    Variable(
        "DONGTAI_BATCH_SIZE",
        "Deliveries that a worker claims at once, at most.",
        positive,
        default="500",
    ),
    Variable(
        "DONGTAI_LEASE_SECONDS",
        "How long a claimed batch stays a worker's own when nothing is heard of it; 15 at least, "
        "since workers look every 5 seconds.",
        positive,
        default="300",
    ),
    Variable(
        "DONGTAI_UNCONFIRMED_SECONDS",
        "How long an unconfirmed delivery rests before its mailing's policy sends it again.",
        positive,
        default="60",
    ),
    Variable(
        "DONGTAI_RETRY_HOURS",
        "How long a deferred delivery is tried before it counts as bounced.",
        positive,
        default="72",
    ),
    Variable(
        "DONGTAI_STAGE_BOUNCE_PERCENT",
        "A mailing in stages stops when more than this part of what was answered bounced.",
        percent,
        default="5",
    ),
    Variable(
        "DONGTAI_STAGE_COMPLAINT_PERCENT",
        "The same for complaints; Gmail and Yahoo ask for less than 0.3.",
        percent,
        default="0.3",
    ),
    Variable(
        "DONGTAI_IMAP_URL",
        "The mailbox to which bounces come, for the worker to empty: "
        "imaps://user:password@host/INBOX. It must get nothing else.",
        mailbox,
        default="",
    ),
    Variable(
        "DONGTAI_WEBHOOK_SECRET",
        "`user:password` that the mail provider sends with its webhooks; empty for no webhooks.",
        webhook_secret,
        default="",
    ),
    Variable(
        "DONGTAI_WEBHOOK_KEYS",
        "What django-anymail needs to check a provider's signatures, as NAME=value with spaces "
        "between: MAILGUN_WEBHOOK_SIGNING_KEY=….",
        provider_keys,
        default="",
    ),
    Variable(
        "DONGTAI_SOFT_BOUNCES",
        "So many days with a bounce for a passing reason end a subscription …",
        positive,
        default="5",
    ),
    Variable(
        "DONGTAI_SOFT_BOUNCE_DAYS",
        "… within so many days.",
        positive,
        default="30",
    ),
    Variable(
        "DONGTAI_RETURN_DAYS",
        "How long a bounce may take to come back: an accepted mail older than this arrived, and "
        "the bounces before it are forgiven.",
        positive,
        default="5",
    ),
    Variable(
        "DONGTAI_COMPLAINT_SCOPE",
        "What a complaint ends: `publication`, all lists of the one; `everywhere`, all mail.",
        choice("publication", "everywhere"),
        default="publication",
    ),
    Variable(
        "DONGTAI_RETURNED_DAYS",
        "How long messages that came back are kept; what they did is kept longer.",
        positive,
        default="30",
    ),
    Variable(
        "DONGTAI_METRICS_TOKEN",
        "Who may read `/metrics` from elsewhere: `Authorization: Bearer TOKEN`. Without it only "
        "this machine may, past no proxy.",
        token,
        default="",
    ),
    Variable(
        "DONGTAI_DATA_DIR",
        "A directory that survives restarts: the send journal and the DKIM keys (`dkim/`).",
        directory,
        default="/var/lib/dongtai",
        embedded="var",
    ),
    Variable(
        "DONGTAI_CATCHER_DATABASE",
        "Set by `dongtai up`: where the local mail catcher keeps what it received.",
        text,
        default="",
    ),
    Variable(
        "DONGTAI_LOG_LEVEL",
        "DEBUG, INFO, WARNING or ERROR.",
        choice("DEBUG", "INFO", "WARNING", "ERROR"),
        default="INFO",
    ),
)
