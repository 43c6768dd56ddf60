"""Rows of a file, validated and written down beside the database's own: an import's first half.

Owns: what makes a row acceptable, and its verdict. Promises: validation costs microseconds a row
and writing is COPY where the database has it; memory holds one batch; verdicts are given by a
handful of statements over the whole file, however big it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from django.db import connection

from dongtai_mail.message.address import AddressError, as_typed, plain, provider
from dongtai_mail.message.header import without_unseen
from subscribers.columns import ADDRESS, ATTRIBUTE, LANGUAGE, NAME, ORGANISATION, Columns
from subscribers.fingerprint import fingerprint
from subscribers.models import ImportRow, ImportRun
from subscribers.tables import Fault, Row

Verdict = ImportRow.Verdict
# As they stand in the database: run, line, verdict, then texts.
FIELDS = (
    *("run_id", "line", "verdict", "key", "hash", "address", "provider"),
    *("name", "organisation", "language", "attributes", "value", "problem"),
)
_COLUMNS = ", ".join(FIELDS)
Record = tuple[str, ...]
# Written at once, while the database takes in those before.
BATCH = 500
JUDGING_MEMORY = "256MB"
NAME_LENGTH, ORGANISATION_LENGTH = 100, 200
_ENGLISH = {"en", "english", "英文", "英语", "en-gb", "en-us"}
_NEW, _BAD = str(Verdict.NEW.value), str(Verdict.BAD.value)
_NOTHING = ("",) * 8


class Reader:
    """Turns a file's rows into records of one run."""

    def __init__(self, run: int, columns: Columns) -> None:
        self._run = str(run)
        # -1 where the file has none.
        self._address, self._name, self._organisation, self._spoken = (
            columns.get(field, -1) for field in (ADDRESS, NAME, ORGANISATION, LANGUAGE)
        )
        self._further = [
            (field.removeprefix(ATTRIBUTE), place)
            for field, place in columns.items()
            if field.startswith(ATTRIBUTE)
        ]

    def batches(self, rows: Iterable[Row]) -> Iterator[list[Record]]:
        run, record, rest = self._run, self._record, iter(rows)
        while some := list(islice(rest, BATCH)):
            yield [(run, str(number), *record(cells)) for number, cells in some]

    def _record(self, cells: list[str] | Fault) -> Record:
        if isinstance(cells, Fault):
            return _refused(cells.value, cells.reason)
        raw = _cell(cells, self._address)
        name, organisation = _cell(cells, self._name), _cell(cells, self._organisation)
        cleaned = ""
        if not f"{name}{organisation}".isprintable():
            name, organisation, cleaned = _cleaned(name, organisation)
        problem = _problem(raw, name, organisation)
        if problem:
            return _refused(raw, problem)
        try:
            key, display, domain = plain(raw) or _read(raw)
        except AddressError as error:
            return _refused(raw, str(error))
        language = self._language(cells) if self._spoken >= 0 else ""
        attributes = self._attributes(cells) if self._further else ""
        texts = (name, organisation, language, attributes, "", cleaned)
        return (_NEW, key, fingerprint(key), display, provider(domain), *texts)

    def _language(self, cells: Sequence[str]) -> str:
        return "en" if _cell(cells, self._spoken).lower() in _ENGLISH else "zh-hans"

    def _attributes(self, cells: Sequence[str]) -> str:
        values = {name: without_unseen(_cell(cells, place))[:500] for name, place in self._further}
        filled = {name: value for name, value in values.items() if value}
        return json.dumps(filled, ensure_ascii=False) if filled else ""


def _read(raw: str) -> tuple[str, str, str]:
    address = as_typed(raw)
    return address.key, address.display, address.domain


def _cell(cells: Sequence[str], place: int) -> str:
    return cells[place].strip() if 0 <= place < len(cells) else ""


def _cleaned(name: str, organisation: str) -> tuple[str, str, str]:
    """What forms refuse in a name; a whole list can't be typed again, so it is taken out."""
    seen = without_unseen(name), without_unseen(organisation)
    return *seen, "" if seen == (name, organisation) else "姓名或单位里看不见的字符已去掉"


def _problem(raw: str, name: str, organisation: str) -> str:
    if not raw:
        return "没有邮箱地址"
    if len(name) > NAME_LENGTH or len(organisation) > ORGANISATION_LENGTH:
        return f"姓名超过 {NAME_LENGTH} 字或单位超过 {ORGANISATION_LENGTH} 字"
    return ""


def _refused(value: str, problem: str) -> Record:
    return (_BAD, *_NOTHING, _printable(value)[:320], _printable(problem)[:300])


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " if c == "\u3000" else "\ufffd" for c in text)


def write(batches: Iterable[list[Record]]) -> int:
    """Add records, as fast as the database can; answers the last line, 0 for none."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # The database takes in one batch while the next is made: no thread of ours waits.
            with cursor.copy(f"COPY subscribers_importrow ({_COLUMNS}) FROM STDIN") as stream:
                return _each(batches, lambda records: stream.write(_copied(records)))
        places = ", ".join(["%s"] * len(FIELDS))
        insert = f"INSERT INTO subscribers_importrow ({_COLUMNS}) VALUES ({places})"
        return _each(batches, lambda records: cursor.executemany(insert, records))


def _each(batches: Iterable[list[Record]], write: Callable[[list[Record]], object]) -> int:
    last = 0
    for records in batches:
        write(records)
        last = int(records[-1][1])
    return last


def _copied(records: list[Record]) -> bytes:
    # No value has a tab or a line end in it, see _cleaned and _printable.
    text = "\n".join(map("\t".join, records)).replace("\\", "\\\\")
    return f"{text}\n".encode()


def judge(run: ImportRun) -> dict[str, int]:
    """Give the acceptable rows their verdicts; answers how many of each there are."""
    values = {
        "run": run.pk,
        "list": run.subscriber_list_id,
        "publication": run.subscriber_list.publication_id,
        **{verdict.name.lower(): verdict.value for verdict in Verdict},
    }
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE subscribers_importrow")
            # Who comes twice is found in memory; it ends with the transaction.
            cursor.execute(f"SET LOCAL work_mem = '{JUDGING_MEMORY}'")
        for statement in (_SUPPRESSED, _DUPLICATE, _KNOWN, _PERSON):
            cursor.execute(statement, values)
        cursor.execute(
            "SELECT verdict, COUNT(*) FROM subscribers_importrow WHERE run_id = %s GROUP BY 1",
            [run.pk],
        )
        counted = dict(cursor.fetchall())
    return {verdict.name.lower(): counted.get(verdict.value, 0) for verdict in Verdict}


_OWN = "subscribers_importrow.run_id = %(run)s AND subscribers_importrow.verdict = %(new)s"
_SUPPRESSED = f"""
    UPDATE subscribers_importrow SET verdict = %(suppressed)s
     WHERE {_OWN} AND EXISTS (
           SELECT 1 FROM subscribers_suppression suppression
            WHERE suppression.hash = subscribers_importrow.hash
              AND (suppression.publication_id IS NULL
                   OR suppression.publication_id = %(publication)s))
"""
_DUPLICATE = f"""
    WITH twice AS (
        SELECT hash, MIN(line) AS line FROM subscribers_importrow
         WHERE {_OWN} GROUP BY hash HAVING COUNT(*) > 1)
    UPDATE subscribers_importrow SET verdict = %(duplicate)s
      FROM twice
     WHERE {_OWN} AND subscribers_importrow.hash = twice.hash
       AND subscribers_importrow.line > twice.line
"""
_KNOWN = f"""
    UPDATE subscribers_importrow SET verdict = %(known)s
     WHERE {_OWN} AND EXISTS (
           SELECT 1 FROM subscribers_subscriber person
             JOIN subscribers_subscription subscription ON subscription.subscriber_id = person.id
            WHERE person.key = subscribers_importrow.key
              AND subscription.subscriber_list_id = %(list)s)
"""
_PERSON = f"""
    UPDATE subscribers_importrow SET verdict = %(person)s
     WHERE {_OWN} AND EXISTS (
           SELECT 1 FROM subscribers_subscriber person
            WHERE person.key = subscribers_importrow.key)
"""
