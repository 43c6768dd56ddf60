"""What staff look at once a mailing is as large as it gets, and how long each look takes.

Owns: the further lists, segments, departures and returned mail that make the looks honest, and the
looks themselves: every page and count about a mailing, its audience and its lists. Each is asked
for as a browser does, signed in, through Django's client: without the network, with everything
else. A page whose number has to be counted person by person comes at once and fetches the number;
both are measured.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlencode

from common import House

REPEATS = 7
PAGE_MILLISECONDS = 200
# Every so many readers are on these, too.
LISTS = {"trade": 2, "press": 3, "staff": 20_000, "left": 10}
UNCONFIRMED, BOUNCED, SUPPRESSED, PAUSED, LEFT = 2_000, 100, 200, 500, 300

_MORE = """
    INSERT INTO subscribers_subscription
           (subscriber_id, subscriber_list_id, state, created_at, changed_at)
    SELECT id, %s, 'confirmed', now(), now() FROM subscribers_subscriber
     WHERE id %% %s = 0 ORDER BY id
"""
_PAUSE = """
    UPDATE subscribers_subscription SET paused_until = now() + interval '9 days'
     WHERE id %% %s = 7
"""
_SUPPRESS = """
    INSERT INTO subscribers_suppression (key, hash, reason, source, created_at)
    SELECT key, hash, 'complaint', 'benchmark', now() FROM subscribers_subscriber
     WHERE id %% %s = 5
"""
_ACCEPT = (
    "UPDATE delivery_delivery SET state = 1, attempts = 1, changed_at = now()"
    " WHERE mailing_id = %s AND state = 0",
    "UPDATE delivery_delivery SET state = 2, changed_at = now() + (id %% 180) * interval '1 minute'"
    " WHERE mailing_id = %s AND state = 1",
)
_SETTLE = (
    "UPDATE delivery_delivery SET state = 6 WHERE mailing_id = %s AND id %% %s = 3",
    "UPDATE delivery_delivery SET state = 4 WHERE mailing_id = %s AND id %% %s = 4",
    "UPDATE delivery_delivery SET state = 5 WHERE mailing_id = %s AND id %% %s = 6",
)
_RETURNED = """
    INSERT INTO delivery_returnedmessage
           (fingerprint, door, recipient, size, received_at, status, kind, evidence, judgement,
            effect, note, delivery_id, subscription_id)
    SELECT md5(id::text), 'benchmark', '', 2000, now(), 'processed', 'dsn', '', '[]',
           CASE WHEN id %% 10 = 4 THEN 'complained' ELSE 'bounced' END, '', id, subscription_id
      FROM delivery_delivery WHERE mailing_id = %s AND state = 4
"""
_UNSUBSCRIBED = """
    INSERT INTO subscribers_subscriptionevent
           (subscription_id, state, source, detail, mailing, actor, at)
    SELECT subscription_id, 'unsubscribed', 'page', 'mailing ' || mailing_id, mailing_id, '', now()
      FROM delivery_delivery WHERE mailing_id = %s AND id %% %s = 8
"""


def add_lists(built: House) -> None:
    """Several lists of the same people, some paused, some suppressed."""
    for slug, every in LISTS.items():
        built.installation.run("publication", "add-list", "observer", slug, slug)
        _execute(_MORE, built.list(slug).pk, every)
    _execute(_PAUSE, PAUSED)
    _execute(_SUPPRESS, SUPPRESSED)


def accept_all(mailing: Any) -> None:
    for statement in _ACCEPT:
        _execute(statement, mailing.pk)


def wear(mailing: Any) -> None:
    """What remains of a mailing: refusals, bounces, what came back, who left, who may have it."""
    for statement, every in zip(_SETTLE, (UNCONFIRMED, BOUNCED, LEFT), strict=True):
        _execute(statement, mailing.pk, every)
    _execute(_RETURNED, mailing.pk)
    _execute(_UNSUBSCRIBED, mailing.pk, LEFT)
    _put_off(mailing)


def finish(*mailings: Any) -> None:
    """They are over, whatever still waits."""
    from django.utils import timezone

    from dongtai_mail.delivery.models import Mailing

    rows = Mailing.objects.filter(pk__in=[each.pk for each in mailings])
    rows.update(state=Mailing.State.FINISHED, finished_at=timezone.now())
    for each in mailings:
        each.refresh_from_db()


def tidy() -> None:
    """What the scheduler's tick and PostgreSQL's own housekeeping would have done by then."""
    from dongtai_mail.delivery import reasons
    from dongtai_mail.delivery import tally as deliveries
    from subscribers import membership, tally

    for module in (tally, membership, reasons, deliveries):
        module.compact()
    _execute("VACUUM ANALYZE")


def _execute(statement: str, *values: object) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)


def _put_off(mailing: Any) -> None:
    """One reader in fifty was put off once before the mail was taken."""
    from django.utils import timezone

    from dongtai_mail.delivery import reasons
    from dongtai_mail.delivery.models import Attempt, Delivery

    ids = mailing.deliveries.order_by("id").values_list("id", flat=True)[::50]
    answer = {"stage": "rcpt", "code": 451, "enhanced": "4.7.1", "relay": "mx.test:25"}
    text = "frequency limited, try again later"
    attempts = [
        Attempt(delivery_id=pk, mailing=mailing, at=timezone.now(), text=text, **answer)
        for pk in ids
    ]
    for start in range(0, len(attempts), 500):
        some = Attempt.objects.bulk_create(attempts[start : start + 500])
        reasons.count((attempt, Delivery.State.DEFERRED) for attempt in some)


def several(built: House) -> dict[str, Any]:
    """Three lists minus another, as a mailing describes its audience."""
    pk = {slug: built.list(slug).pk for slug in ("all", *LISTS)}
    return {"lists": [pk["all"], pk["trade"], pk["press"]], "except": [pk["left"]]}


def segments(built: House) -> dict[str, int]:
    """Saved segments by their names: of lists alone, and of each kind of rule."""
    from subscribers.models import Segment

    lists = [built.list("all").pk]
    rules = {
        "lists": [],
        "provider": [{"field": "provider", "test": "is", "value": "qq.test"}],
        "organisation": [{"field": "organisation", "test": "contains", "value": "99"}],
        "since": [{"field": "since", "test": "within", "value": "30"}],
    }
    made = {}
    for name, ruled in rules.items():
        audience = {"lists": lists, "except": [built.list("left").pk], "rules": ruled}
        publication = built.list("all").publication
        row = Segment.objects.create(publication=publication, name=name, audience=audience)
        made[name] = row.pk
    return made


def look(built: House, mailing: Any, described: Any) -> None:
    """Print every look. ``described`` is a mailing to ``several``, begun as well."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    made = segments(built)
    planned = _plan(built)
    tidy()
    client = Client(headers={"host": "news.example.org"})
    client.force_login(get_user_model().objects.create_superuser("benchmark", password=None))
    print(f"\nmilliseconds; the bar is {PAGE_MILLISECONDS}, the CPU this process's own")
    for name, act in _counts(built, mailing, made):
        _print(name, act)
    for name, path, headers in _paths(built, mailing, described, planned, made):
        _print(name, partial(_get, client, path, headers))


def _plan(built: House) -> Any:
    """A mailing that is to begin tomorrow, to several lists minus one."""
    import datetime

    from django.utils import timezone

    from dongtai_mail.delivery import scheduling

    return scheduling.schedule(
        built.edition,
        built.list("all"),
        request_key="planned",
        at=timezone.now() + datetime.timedelta(days=1),
        described=several(built),
    )


def _counts(
    built: House, mailing: Any, made: dict[str, int]
) -> Iterator[tuple[str, Callable[[], object]]]:
    from dongtai_mail.delivery import audience, mailings
    from subscribers.models import Segment

    yield "ledger", partial(mailings.ledger, mailing)
    yield "whether anything is to go", partial(mailings.to_go, mailing)
    count = partial(audience.count, built.list("all").publication_id)
    yield "count: one list", partial(count, {"lists": [built.list("all").pk]})
    yield "count: three lists minus one", partial(count, several(built))
    for name, pk in made.items():
        described = Segment.objects.get(pk=pk).audience
        yield f"count: a segment by {name}", partial(count, described)


def _paths(
    built: House, mailing: Any, described: Any, planned: Any, made: dict[str, int]
) -> Iterator[tuple[str, str, dict[str, str]]]:
    from django.urls import reverse

    slug, issue = mailing.edition.issue.publication.slug, mailing.edition.issue_id
    of_publication = (
        *("publication", "mailings", "reports", "subscribers", "segments", "imports"),
        *("suppressions", "returned-messages", "audit"),
    )
    for name in of_publication:
        yield name, reverse(f"desk:{name}", args=[slug]), {}
    yield "search, an address's beginning", f"{reverse('desk:search', args=[slug])}?q=reader5", {}
    of_mailing = (
        *("mailing", "progress", "mailing-unconfirmed", "mailing-following", "report"),
        *("report-csv", "cancellation"),
    )
    for which, row in (("", mailing), (" of several lists", described)):
        for name in of_mailing:
            yield name + which, reverse(f"desk:{name}", args=[row.pk]), {}
        following = reverse("desk:mailing-following", args=[row.pk])
        yield f"mailing-following{which}, its number", following, {"HX-Request": "true"}
    for name in ("mailing", "progress"):
        yield f"{name} of a planned one", reverse(f"desk:{name}", args=[planned.pk]), {}
    for which in ("all", "staff"):
        yield f"subscriber-list {which}", reverse("desk:subscriber-list", args=[which]), {}
    last = reverse("desk:subscriber-list", args=["all"])
    yield "subscriber-list all, its last page", f"{last}?page={mailing.targeted // 50}", {}
    for what, query in _plans(built, made).items():
        for name in ("send", "send-last", "send-readers"):
            path = f"{reverse(f'desk:{name}', args=[issue])}?{query}"
            yield f"{name}: {what}", path, {}
            if "segment" in what:
                yield f"{name}: {what}, its number", path, {"HX-Request": "true"}


def _plans(built: House, made: dict[str, int]) -> dict[str, str]:
    """What the form of the send page says, as addresses."""
    pk = {slug: built.list(slug).pk for slug in ("all", *LISTS)}
    chosen: dict[str, dict[str, object]] = {
        "one list": {"list": [pk["all"]]},
        "two lists minus one": {"list": [pk["all"], pk["trade"]], "except_list": [pk["left"]]},
        "four lists minus one": {
            "list": [pk[slug] for slug in ("all", "trade", "press", "staff")],
            "except_list": [pk["left"]],
        },
        "a list minus a segment": {"list": [pk["all"]], "except_segment": [made["provider"]]},
    }
    return {what: urlencode({"when": "now", **plan}, doseq=True) for what, plan in chosen.items()}


def _get(client: Any, path: str, headers: dict[str, str]) -> None:
    response = client.get(path, secure=True, headers=headers)
    assert response.status_code == 200, (path, response.status_code)


def _print(name: str, act: Callable[[], object]) -> None:
    first, *again = [_timed(act) for _ in range(REPEATS + 1)]
    middle = statistics.median(again)
    verdict = "met" if middle < PAGE_MILLISECONDS else "MISSED"
    print(f"{name:<46}{middle:>8.1f}, first {first:>8.1f}  {verdict}", flush=True)


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000
