"""Who is confirmed on a list, as a set that a million readers fill in milliseconds.

Owns: the sets that the database keeps of each list, and reading them as Python integers: bit n is
the reader whose id is n, so that lists are joined by ``|``, taken away by ``& ~`` and counted by
``int.bit_count``. In PostgreSQL, triggers note every change of a subscription as bits to flip, in
pieces of ``PIECE`` readers: rows are only added, so nobody waits for anybody, and since flipping
has no order, all the rows of a piece, XORed, are the set at that moment; the tick sums them up.
SQLite, where lists are small, reads the subscriptions instead.
Promises: no way of changing a subscription can be forgotten; after every ``migrate`` the triggers
stand and the sets are those of the subscriptions, whatever a restored dump did to them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections, transaction
from django.db.models import Count, F, Q, QuerySet, Value

from subscribers.models import Membership, Subscriber, SubscriberList, Subscription
from subscribers.models.people import PIECE

TABLE, PIECES = "subscribers_subscription", "subscribers_membership"
# Above this many rows more than pieces, a list is worth summing up.
ROWS = 300

_SHIFT, _MASK, _OCTETS = PIECE.bit_length() - 1, PIECE - 1, PIECE // 8
_PIECE_OF = f"{{0}} >> {_SHIFT}"
# The first octet's lowest bit is bit 0, as in Python's little-endian integers.
_BIT = f"set_bit(0::bit({PIECE}), (({{0}} & {_MASK}) # 7)::int, 1)"
# The same within a word of 64 bits, whose first octet would be its highest; bits of a number are
# put together in a third of the time that bits of a piece take, and words then into pieces.
_WORD_OF = f"({{0}} >> 6) & {PIECE // 64 - 1}"
_BIT_OF_WORD = "1::bigint << (({0} & 63) # 56)::int"
_PLACED = f"bits::bit(64)::bit({PIECE}) >> (word * 64)::int"
# What goes over the wire begins with the length.
_SENT = "substring(bit_send(bit_xor({0})) FROM 5)"

_NOTE = f"INSERT INTO {PIECES} (subscriber_list_id, piece, bits)"
_FLIPS = f"""
    {_NOTE} SELECT subscriber_list_id, {_PIECE_OF.format("subscriber_id")},
                   bit_xor({_BIT.format("subscriber_id")})
      FROM {{0}} WHERE state = 'confirmed' GROUP BY 1, 2"""
_BOTH = """(SELECT subscriber_list_id, subscriber_id, state FROM after_rows
            UNION ALL SELECT subscriber_list_id, subscriber_id, state FROM before_rows) changes"""
_CHANGED = f" HAVING bit_xor({_BIT.format('subscriber_id')}) <> 0::bit({PIECE})"
_TRUNCATE = f"DELETE FROM {PIECES}"
# What has to be flipped so that the sets are the subscriptions: nothing, but for a trigger that was
# missing, or a restored dump whose rows were noted as they came and whose notes then came, too.
_MISSING = f"""
    {_NOTE} SELECT subscriber_list_id, piece, bit_xor(bits)
      FROM (SELECT subscriber_list_id, {_PIECE_OF.format("subscriber_id")} AS piece,
                   {_BIT.format("subscriber_id")} AS bits
              FROM {TABLE} WHERE state = 'confirmed'
            UNION ALL SELECT subscriber_list_id, piece, bits FROM {PIECES}) both_sides
     GROUP BY 1, 2 HAVING bit_xor(bits) <> 0::bit({PIECE})"""

POSTGRESQL = "".join(
    f"""
    CREATE OR REPLACE FUNCTION subscribers_membership_{event}() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN {statement}; RETURN NULL; END $$;
    CREATE OR REPLACE TRIGGER subscribers_membership_{event} AFTER {event} ON {TABLE}
        {rows} FOR EACH STATEMENT EXECUTE FUNCTION subscribers_membership_{event}();"""
    for event, rows, statement in (
        ("insert", "REFERENCING NEW TABLE AS after_rows", _FLIPS.format("after_rows")),
        (
            "update",
            "REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows",
            _FLIPS.format(_BOTH) + _CHANGED,
        ),
        ("delete", "REFERENCING OLD TABLE AS before_rows", _FLIPS.format("before_rows")),
        ("truncate", "", _TRUNCATE),
    )
)


# So that two processes count at once: PostgreSQL must know that there are few pieces and words.
POSTGRESQL += "".join(
    f"""
    CREATE STATISTICS IF NOT EXISTS {table}_{name}
        ON ({part.format(f"({column})")}) FROM {table};"""
    for table, column in (("subscribers_subscriber", "id"), (TABLE, "subscriber_id"))
    for name, part in (("pieces", _PIECE_OF), ("words", _WORD_OF))
)


def hold(publication_id: int) -> None:
    """Until the transaction ends, nobody else freezes an audience here, or takes readers back."""
    lists = SubscriberList.objects.filter(publication=publication_id).order_by("pk")
    list(lists.select_for_update(no_key=True).values_list("pk", flat=True))


def confirmed(lists: Collection[int]) -> dict[int, int]:
    """The confirmed readers of each of these lists."""
    if connection.vendor != "postgresql":
        rows = Subscription.objects.filter(subscriber_list__in=lists, state="confirmed")
        return sets(lists, rows.values_list("subscriber_list", "subscriber"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT subscriber_list_id, piece, {_SENT.format('bits')} FROM {PIECES}"
            " WHERE subscriber_list_id = ANY(%s) GROUP BY 1, 2",
            [list(lists)],
        )
        return _pieced(lists, cursor.fetchall())


def among(lists: Collection[int], condition: Q) -> dict[int, int]:
    """Which confirmed readers of each list meet a condition on their subscription.

    Others may be in the sets as well: intersect with `confirmed`.
    """
    found = _those(lists, condition)
    if connection.vendor != "postgresql" or not lists:
        return sets(lists, found.iterator())
    if _of_time(condition):
        # Most readers came before a day, or after it: the fewer are looked for.
        others = _those(lists, ~condition)
        if _estimate(others) < _estimate(found):
            return {each: ~people for each, people in _gathered(lists, others).items()}
    return _gathered(lists, found)


def _those(lists: Collection[int], condition: Q) -> QuerySet[Subscription, Any]:
    rows = Subscription.objects.filter(condition).filter(
        subscriber_list__in=lists, state=Subscription.State.CONFIRMED
    )
    return rows.order_by().values_list("subscriber_list", "subscriber")


def _of_time(condition: Q) -> bool:
    """Whether it asks only when somebody came, which is never unknown."""
    return all(
        _of_time(child)
        if isinstance(child, Q)
        else isinstance(child, tuple) and child[0].startswith("created_at")
        for child in condition.children
    )


def _estimate(rows: QuerySet[Any, Any]) -> float:
    """How many rows PostgreSQL expects, which it knows without looking."""
    return float(json.loads(rows.explain(format="json"))[0]["Plan"]["Plan Rows"])


def people(condition: Q) -> int:
    """The readers who meet a condition on themselves, whatever they subscribe to."""
    found = Subscriber.objects.filter(condition).order_by().values_list("pk")
    if connection.vendor != "postgresql":
        return readers(list(found.values_list("pk", flat=True)))
    return _gathered([0], found.values_list(Value(0), "pk"))[0]


def _gathered(lists: Collection[int], found: QuerySet[Any, Any]) -> dict[int, int]:
    """The rows (list, reader) as a set for each list, put together where they are."""
    sql, parameters = found.query.sql_with_params()
    word, bit = _WORD_OF.format("reader"), _BIT_OF_WORD.format("reader")
    with _looking_up() as cursor:
        cursor.execute(
            f"SELECT list, piece, {_SENT.format(_PLACED)}"
            f" FROM (SELECT list, {_PIECE_OF.format('reader')} AS piece, {word} AS word,"
            f" bit_or({bit}) AS bits FROM ({sql}) found (list, reader) GROUP BY 1, 2, 3) words"
            " GROUP BY 1, 2",
            parameters,
        )
        return _pieced(lists, cursor.fetchall())


@contextmanager
def _looking_up() -> Iterator[Any]:
    """A cursor for which a row by its number is cheap, as it is in memory and on today's disks.

    By default PostgreSQL would sooner read a million readers than look up ten thousand. Within
    a transaction of the caller, whose other statements it would change as well, all stays.
    """
    if connection.in_atomic_block:
        with connection.cursor() as cursor:
            yield cursor
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL random_page_cost = 1.1")
        yield cursor


def sets(lists: Collection[int], rows: Iterable[tuple[int, int]]) -> dict[int, int]:
    """(list, reader) as a set for each list; one that nobody is on has an empty one."""
    found: dict[int, list[int]] = {each: [] for each in lists}
    for each, reader in rows:
        found[each].append(reader)
    return {each: readers(numbers) for each, numbers in found.items()}


def readers(numbers: Collection[int]) -> int:
    """These readers as a set."""
    bits = bytearray(max(numbers, default=0) // 8 + 1)
    for each in numbers:
        bits[each >> 3] |= 1 << (each & 7)
    return int.from_bytes(bits, "little")


def octets(people: int) -> bytes:
    """A set as PostgreSQL's ``get_bit`` reads it: bit n of the octets is reader n."""
    return people.to_bytes(people.bit_length() // 8 + 1, "little")


def ids(people: int) -> list[int]:
    """Who is in a set, in order."""
    return [number for number, bit in enumerate(bin(people)[:1:-1]) if bit == "1"]


def _pieced(lists: Collection[int], rows: Iterable[tuple[int, int, bytes]]) -> dict[int, int]:
    found = {each: bytearray() for each in lists}
    for each, piece, bits in rows:
        whole, begin = found[each], piece * _OCTETS
        if len(whole) < begin + _OCTETS:
            whole.extend(bytes(begin + _OCTETS - len(whole)))
        whole[begin : begin + _OCTETS] = bits
    return {each: int.from_bytes(whole, "little") for each, whole in found.items()}


def compact() -> None:
    """Sum up what was noted of a list, in one statement without a gap; for every tick."""
    if connection.vendor != "postgresql":
        return
    counted = Membership.objects.values("subscriber_list").annotate(
        spare=Count("id") - Count("piece", distinct=True)
    )
    grown = counted.filter(spare__gt=ROWS).order_by()
    for pk in list(grown.values_list(F("subscriber_list"), flat=True)):
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH gone AS (DELETE FROM {PIECES} WHERE subscriber_list_id = %s"
                f" RETURNING subscriber_list_id, piece, bits) {_NOTE}"
                " SELECT subscriber_list_id, piece, bit_xor(bits) FROM gone"
                f" GROUP BY 1, 2 HAVING bit_xor(bits) <> 0::bit({PIECE})",
                [pk],
            )


def install(using: str, **_: Any) -> None:
    """Make the triggers that are missing, and the sets right; connected to ``post_migrate``."""
    database = connections[using]
    if database.vendor != "postgresql":
        return
    with transaction.atomic(using=using), database.cursor() as cursor:
        if PIECES not in database.introspection.table_names(cursor):
            return
        # Nobody changes a subscription between the first trigger and the count.
        cursor.execute(f"LOCK TABLE {TABLE} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(POSTGRESQL)
        cursor.execute(_MISSING)
