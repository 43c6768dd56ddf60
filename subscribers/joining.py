"""Checked rows become people on a list: an import's second half.

Promises: taking in lines again changes nothing more, so an import that was cut off goes on where it
stopped; nobody whose address was suppressed meanwhile comes in; a state that a subscription already
has is never touched. Fails: with ``LeaseLost``, as a worker that slept, while another took them in
and staff took them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from subscribers import leasing
from subscribers.models import (
    ImportRow,
    ImportRun,
    Notice,
    Subscription,
    SubscriptionEvent,
    Wording,
)

Verdict = ImportRow.Verdict
HANDS = 2


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a run to take in, ``wording`` being the number of its basis of consent."""

    run: ImportRun
    first: int
    last: int
    wording: int | None


@contextmanager
def hands() -> Iterator[tuple[int, Callable[[Lines], Future[None]]]]:
    """How many take lines in at once, and how to give them some: two where the database can."""
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield 0, _join_here
        return
    with ThreadPoolExecutor(HANDS) as pool:
        try:
            yield HANDS, lambda lines: pool.submit(_join_beside, lines)
        finally:
            pool.shutdown(cancel_futures=True)


def _join_here(lines: Lines) -> Future[None]:
    join(lines)
    done: Future[None] = Future()
    done.set_result(None)
    return done


def _join_beside(lines: Lines) -> None:
    """With a connection of this thread's own, which would outlive it."""
    try:
        join(lines)
    finally:
        connection.close()


def wording(run: ImportRun) -> int | None:
    """Asked once a run: two who make it at once would wait for each other's lines."""
    return Wording.of(run.basis).pk if run.basis else None


def join(lines: Lines) -> None:
    """Take lines in, all or none of them."""
    try:
        with transaction.atomic():
            _join(lines)
    except (IntegrityError, OperationalError) as error:
        # Somebody is known by now: by the same lines, before a kill, or by another way. To be
        # ready for that would cost every row, so it is asked for only then.
        if isinstance(error, OperationalError) and not _deadlocked(error):
            raise
        with transaction.atomic():
            _join(lines, meanwhile=True)


def _deadlocked(error: OperationalError) -> bool:
    """Another import has the same people in another order."""
    return getattr(error.__cause__, "sqlstate", None) == "40P01"


def _join(lines: Lines, *, meanwhile: bool = False) -> None:
    """``meanwhile``: others may have brought people who were new when they were looked for."""
    run, values = lines.run, _values(lines)
    leasing.check(run)
    with connection.cursor() as cursor:
        if run.policy != ImportRun.Policy.KEEP:
            cursor.execute(_update(run.policy), values)
        postgres = connection.vendor == "postgresql"
        people = _PEOPLE.format(
            attributes=_JSONB if postgres else _JSON,
            # In one order, in which imports wait for each other, and never in a circle.
            order="key" if meanwhile else "line",
            known="ON CONFLICT (key) DO NOTHING" if meanwhile else "",
        )
        known = _KNOWN_MEANWHILE if meanwhile else _KNOWN
        (_join_by_cte if postgres else _join_by_ids)(cursor, people, known, values)
        if run.consent == ImportRun.Consent.DOUBLE_OPT_IN:
            cursor.execute(_NOTICES, values)


def added(run: ImportRun) -> int:
    """How many subscriptions a run has brought by now."""
    return SubscriptionEvent.objects.filter(source="import", detail=f"import {run.pk}").count()


def _values(lines: Lines) -> dict[str, Any]:
    run = lines.run
    double = run.consent == ImportRun.Consent.DOUBLE_OPT_IN
    now = timezone.now()
    return {
        "run": run.pk,
        "first": lines.first,
        "last": lines.last,
        "list": run.subscriber_list_id,
        "publication": run.subscriber_list.publication_id,
        "state": Subscription.State.PENDING if double else Subscription.State.CONFIRMED,
        "now": now,
        "day": timezone.localdate(now),
        "detail": f"import {run.pk}",
        "actor": run.created_by,
        "wording": lines.wording,
        "confirm": Notice.Kind.CONFIRM,
        "queued": Notice.State.QUEUED,
        **{verdict.name.lower(): verdict.value for verdict in Verdict},
    }


def _join_by_cte(cursor: Any, people: str, known: str, values: dict[str, Any]) -> None:
    """All in one statement a kind of row: what is made here need not be found again."""
    cursor.execute(
        f"WITH people AS ({people} RETURNING id),"
        f" added AS ({_SUBSCRIPTIONS} SELECT id, {_SUBSCRIPTION} FROM people RETURNING id)"
        f" {_EVENTS} SELECT id, {_EVENT} FROM added",
        values,
    )
    cursor.execute(
        f"WITH added AS ({_SUBSCRIPTIONS} {known} RETURNING id)"
        f" {_EVENTS} SELECT id, {_EVENT} FROM added",
        values,
    )


def _join_by_ids(cursor: Any, people: str, known: str, values: dict[str, Any]) -> None:
    """The same on SQLite, whose transaction has the database for itself: new ids are ours."""
    person = _highest(cursor, "subscribers_subscriber")
    subscription = _highest(cursor, "subscribers_subscription")
    own = {**values, "person_id": person, "subscription_id": subscription}
    cursor.execute(people, own)
    cursor.execute(
        f"{_SUBSCRIPTIONS} SELECT id, {_SUBSCRIPTION} FROM subscribers_subscriber"
        " WHERE id > %(person_id)s",
        own,
    )
    cursor.execute(f"{_SUBSCRIPTIONS} {known}", own)
    cursor.execute(
        f"{_EVENTS} SELECT id, {_EVENT} FROM subscribers_subscription"
        " WHERE id > %(subscription_id)s",
        own,
    )


def _highest(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM {table}")
    return int(cursor.fetchone()[0])


def _update(policy: str) -> str:
    """The statement for people known already: their gaps filled, or all that the file says."""
    person = "subscribers_subscriber"
    fill = policy == ImportRun.Policy.FILL
    texts = ", ".join(_FILL.format(field) if fill else _OVERWRITE.format(field) for field in _TEXTS)
    language = "" if fill else _LANGUAGE
    old, new = f"{person}.attributes", "row.attributes"
    if connection.vendor == "postgresql":
        new = f"{new}::jsonb"
        merged = f"{new} || {old}" if fill else f"{old} || {new}"
    else:
        merged = f"json_patch({new}, {old})" if fill else f"json_patch({old}, {new})"
    return f"""
        UPDATE subscribers_subscriber SET {texts}{language},
               attributes = CASE WHEN row.attributes = '' THEN {old} ELSE {merged} END
          FROM subscribers_importrow row
         WHERE row.key = {person}.key AND row.run_id = %(run)s
           AND row.line BETWEEN %(first)s AND %(last)s
           AND row.verdict IN (%(known)s, %(person)s)
    """


_TEXTS = ("name", "organisation")
_FILL = "{0} = COALESCE(NULLIF(subscribers_subscriber.{0}, ''), row.{0})"
_OVERWRITE = "{0} = COALESCE(NULLIF(row.{0}, ''), subscribers_subscriber.{0})"
_LANGUAGE = """, language = CASE WHEN row.language <> '' THEN row.language
                                 ELSE subscribers_subscriber.language END"""
_ALLOWED = """
    NOT EXISTS (SELECT 1 FROM subscribers_suppression suppression
                 WHERE suppression.hash = row.hash
                   AND (suppression.publication_id IS NULL
                        OR suppression.publication_id = %(publication)s))
"""
_PEOPLE = f"""
    INSERT INTO subscribers_subscriber
           (address, key, hash, provider, name, organisation, language, attributes, created_at)
    SELECT row.address, row.key, row.hash, row.provider, row.name, row.organisation,
           CASE WHEN row.language = '' THEN 'zh-hans' ELSE row.language END,
           {{attributes}}, %(now)s
      FROM subscribers_importrow row
     WHERE row.run_id = %(run)s AND row.line BETWEEN %(first)s AND %(last)s
       AND row.verdict = %(new)s AND {_ALLOWED}
     ORDER BY row.{{order}}
    {{known}}
"""
_JSON = "CASE WHEN row.attributes = '' THEN '{}' ELSE row.attributes END"
_JSONB = "CASE WHEN row.attributes = '' THEN '{}'::jsonb ELSE row.attributes::jsonb END"
_SUBSCRIPTIONS = """
    INSERT INTO subscribers_subscription
           (subscriber_id, subscriber_list_id, state, created_at, changed_at)
"""
_SUBSCRIPTION = "%(list)s, %(state)s, %(now)s, %(now)s"
_KNOWN_PEOPLE = f"""
    SELECT person.id, {_SUBSCRIPTION}
      FROM subscribers_importrow row JOIN subscribers_subscriber person ON person.key = row.key
     WHERE row.run_id = %(run)s AND row.line BETWEEN %(first)s AND %(last)s
       AND row.verdict IN ({{verdicts}}) AND {_ALLOWED}
     ORDER BY row.{{order}}
        ON CONFLICT (subscriber_id, subscriber_list_id) DO NOTHING
"""
_KNOWN = _KNOWN_PEOPLE.format(verdicts="%(person)s", order="line")
_KNOWN_MEANWHILE = _KNOWN_PEOPLE.format(verdicts="%(new)s, %(person)s", order="key")
_EVENTS = """
    INSERT INTO subscribers_subscriptionevent
           (subscription_id, state, source, detail, actor, wording_id, at)
"""
_EVENT = "%(state)s, 'import', %(detail)s, %(actor)s, %(wording)s, %(now)s"
_NOTICES = """
    INSERT INTO subscribers_notice
           (kind, subscription_id, language, recipient_hash, day, state, attempts, due_at, note,
            created_at)
    SELECT %(confirm)s, subscription.id, person.language, person.hash, %(day)s, %(queued)s, 0,
           %(now)s, '', %(now)s
      FROM subscribers_importrow row
      JOIN subscribers_subscriber person ON person.key = row.key
      JOIN subscribers_subscription subscription
        ON subscription.subscriber_id = person.id AND subscription.subscriber_list_id = %(list)s
     WHERE row.run_id = %(run)s AND row.line BETWEEN %(first)s AND %(last)s
       AND row.verdict IN (%(new)s, %(person)s) AND subscription.state = %(state)s
        ON CONFLICT DO NOTHING
"""
