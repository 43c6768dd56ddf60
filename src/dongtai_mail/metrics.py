"""``/metrics``: how sending goes, as Prometheus reads it.

Promises: every number is computed when it is asked for, from the rows, the tally and Redis, so it
is the same whichever web process answers, and costs milliseconds whatever the audience; no
address of a reader is in it. It is for those who watch: from this machine, when no proxy stands
between, or with the bearer token of ``DONGTAI_METRICS_TOKEN``.
Fails: with 403 for anybody else; without Redis ``dongtai_redis_up`` is 0 and its part is left out.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dongtai_mail.delivery import gauges, pace
from dongtai_mail.delivery.models import Delivery, Mailing, Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LOOPBACK = ("127.0.0.1", "::1")
PROXIED = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "Via")
# Mailings that are over stay in sight for a while: so many of the latest.
LATEST = 10

State = Delivery.State
Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its samples."""

    name: str
    kind: str
    meaning: str
    samples: list[tuple[Labels, float]]


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    if not _allowed(request):
        text = "from this machine, or with the token of DONGTAI_METRICS_TOKEN\n"
        return HttpResponse(text, status=403, content_type="text/plain")
    return HttpResponse(exposition([*_rows(), *_redis()]), content_type=CONTENT_TYPE)


def _allowed(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "")
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    if settings.METRICS_TOKEN and secrets.compare_digest(given.encode(), wanted.encode()):
        return True
    direct = not any(name in request.headers for name in PROXIED)
    return direct and request.META.get("REMOTE_ADDR") in LOOPBACK


def exposition(families: Iterable[Family]) -> str:
    """Prometheus's text format 0.0.4."""
    return "".join(line + "\n" for family in families for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.meaning}"
    yield f"# TYPE {family.name} {family.kind}"
    if family.kind == "summary":
        yield from (
            f"{family.name}_{labels['of']} {value:.15g}" for labels, value in family.samples
        )
        return
    for labels, value in family.samples:
        pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{family.name}{{{pairs}}} {value:.15g}" if pairs else f"{family.name} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _rows() -> Iterator[Family]:
    latest = list(Mailing.objects.values_list("pk", flat=True)[:LATEST])
    under_way = Mailing.objects.exclude(state__in=(Mailing.State.FINISHED, Mailing.State.CANCELLED))
    shown = {*latest, *under_way.values_list("pk", flat=True)}
    yield Family(
        "dongtai_deliveries",
        "gauge",
        "Deliveries of the mailings under way and the latest others, by state.",
        [
            ({"mailing": str(mailing), "state": State(state).name.lower()}, count)
            for mailing, state, count in _tally("mailing", "state", mailing__in=shown)
        ],
    )
    yield Family(
        "dongtai_mailings",
        "gauge",
        "Mailings under way, by state.",
        [
            ({"state": state}, count)
            for state, count in under_way.values_list("state").annotate(n=Count("pk")).order_by()
        ],
    )
    yield from _by_provider(set(under_way.values_list("pk", flat=True)))
    unconfirmed = sum(count for _, count in _tally("state", state=State.UNCONFIRMED))
    yield Family(
        "dongtai_unconfirmed",
        "gauge",
        "Deliveries whose outcome is not known.",
        [({}, unconfirmed)],
    )
    yield Family(
        "dongtai_oldest_queued_seconds",
        "gauge",
        "How long ago the oldest sending mailing began that still has deliveries queued.",
        [({}, _oldest())],
    )


def _by_provider(under_way: set[int]) -> Iterator[Family]:
    for name, state, meaning in (
        ("dongtai_queue_depth", State.QUEUED, "Deliveries that wait for a worker, by provider."),
        ("dongtai_leased", State.LEASED, "Deliveries that workers have in hand, by provider."),
        ("dongtai_deferred", State.DEFERRED, "Deliveries that wait to be retried, by provider."),
    ):
        counted = _tally("lane", mailing__in=under_way, state=state)
        samples = [({"provider": lane or "others"}, count) for lane, count in counted]
        yield Family(name, "gauge", meaning, samples)
    # No counters: one that comes back after it was accepted goes from the one to the other.
    for name, state in (
        ("dongtai_accepted", State.ACCEPTED),
        ("dongtai_bounced", State.BOUNCED),
    ):
        counted = _tally("lane", state=state)
        samples = [({"provider": lane or "others"}, count) for lane, count in counted]
        meaning = f"Deliveries that are {state.name.lower()}, by provider; deriv() is the pace."
        yield Family(name, "gauge", meaning, samples)


def _tally(*by: str, **of: Any) -> list[tuple[Any, ...]]:
    rows = Tally.objects.filter(**of).values_list(*by).annotate(sum=Sum("delta"))
    return list(rows.order_by(*by))


def _oldest() -> float:
    waiting = Mailing.objects.filter(
        state=Mailing.State.SENDING,
        pk__in=[mailing for mailing, count in _tally("mailing", state=State.QUEUED) if count],
    )
    began = waiting.order_by("started_at").values_list("started_at", flat=True).first()
    return (timezone.now() - began).total_seconds() if began else 0.0


def _redis() -> Iterator[Family]:
    meaning = "Whether Redis answers."
    try:
        client = pace.client()
        told = gauges.told(client)
        paces = pace.paces(client, pace.lanes())
    except redis.RedisError:
        yield Family("dongtai_redis_up", "gauge", meaning, [({}, 0)])
        return
    yield Family("dongtai_redis_up", "gauge", meaning, [({}, 1)])
    yield from _providers(paces)
    yield from _relays(told)


def _providers(paces: dict[str, pace.Pace]) -> Iterator[Family]:
    named = [({"provider": lane or "others"}, each) for lane, each in paces.items()]
    yield Family(
        "dongtai_provider_pace",
        "gauge",
        "The part of its limit that a provider is written to at.",
        [(labels, each.factor) for labels, each in named],
    )
    yield Family(
        "dongtai_provider_paused_seconds",
        "gauge",
        "How long a provider is still left alone.",
        [(labels, each.paused_for) for labels, each in named if each.paused_for],
    )


def _relays(told: gauges.Told) -> Iterator[Family]:
    yield Family("dongtai_workers", "gauge", "Processes that send now.", [({}, len(told.workers))])
    relays = sorted({relay for seen in told.workers.values() for relay in seen})
    for name, meaning, value in (
        ("dongtai_relay_sessions", "Open sessions to a relay.", lambda each: each.sessions),
        ("dongtai_relay_resting", "Processes for which a relay rests.", lambda each: not each.fit),
    ):
        samples = [
            (
                {"relay": relay},
                float(sum(value(seen[relay]) for seen in told.workers.values() if relay in seen)),
            )
            for relay in relays
        ]
        yield Family(name, "gauge", meaning, samples)
    messages = [
        ({"relay": name.split()[1], "outcome": name.split()[2]}, count)
        for name, count in sorted(told.counts.items())
        if name.startswith("relay ")
    ]
    meaning = "Messages that a relay answered, by outcome."
    yield Family("dongtai_relay_messages_total", "counter", meaning, messages)
    seconds = ({"of": "sum"}, told.counts.get("batch seconds", 0.0))
    number = ({"of": "count"}, told.counts.get("batches", 0.0))
    meaning = "From claiming a batch to the record of its last outcome."
    yield Family("dongtai_batch_seconds", "summary", meaning, [seconds, number])
