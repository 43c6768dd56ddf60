"""Readers from a CSV file into a list.

Promises: every row is imported, known already, or refused with its line and reason; nobody who
left, bounced, complained or is suppressed comes back; rows are committed in chunks, so an import
that was cut off is simply run again. Fails: ``ImportFailed`` when the file can't be read as a
table at all, before anything is written.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from django.db import transaction

from dongtai_mail.message.address import Address, AddressError, parse, provider
from subscribers.models import Subscriber, SubscriberList, Subscription, SubscriptionEvent

CHUNK = 1000
HEADERS = {
    "address": ("email", "e-mail", "mail", "address", "邮箱", "电子邮箱", "邮件", "邮箱地址"),
    "name": ("name", "姓名", "名字", "称呼"),
    "organisation": ("organisation", "organization", "company", "单位", "公司", "机构"),
}


class ImportFailed(Exception):
    """The file is no table of readers; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    line: int
    value: str
    reason: str


@dataclass
class ImportReport:
    """What became of the rows: ``added + known + len(refused)`` is how many there were."""

    added: int = 0
    known: int = 0
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Row:
    address: Address
    name: str
    organisation: str


def import_csv(subscriber_list: SubscriberList, path: Path) -> ImportReport:
    """Subscribe the readers in a CSV file (UTF-8, GB18030 or UTF-16) to a list."""
    report = ImportReport()
    with path.open("rb") as file:
        encoding = _encoding(file)
        file.seek(0)
        rows = _rows(io.TextIOWrapper(file, encoding, newline=""), report)
        seen: set[str] = set()
        while chunk := list(islice(rows, CHUNK)):
            fresh = {row.address.key: row for row in chunk if row.address.key not in seen}
            report.known += len(chunk) - len(fresh)
            seen |= fresh.keys()
            _subscribe(subscriber_list, fresh, report)
    return report


def _encoding(file: io.BufferedReader) -> str:
    head = file.read(4)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8-sig", "gb18030"):
        if _decodes(file, encoding):
            return encoding
    raise ImportFailed("看不出文件的编码：请另存为“CSV UTF-8”再导入。")


def _decodes(file: io.BufferedReader, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while data := file.read(1 << 20):
            decoder.decode(data)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _rows(file: io.TextIOWrapper, report: ImportReport) -> Iterator[_Row]:
    reader = csv.reader(file)
    try:
        header = [cell.strip().lower() for cell in next(reader)]
    except (StopIteration, csv.Error, UnicodeError) as error:
        raise ImportFailed("文件是空的，或不是 CSV 表格。") from error
    columns = _columns(header)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, UnicodeError) as error:
            report.refused.append(Refusal(reader.line_num, "", f"这一行读不出来：{error}"))
            if isinstance(error, UnicodeError):
                return
            continue
        if any(cell.strip() for cell in cells):
            row = _row(cells, columns, len(header), reader.line_num)
            if isinstance(row, _Row):
                yield row
            else:
                report.refused.append(row)


def _columns(header: Sequence[str]) -> dict[str, int]:
    columns = {}
    for column, names in HEADERS.items():
        places = [place for place, cell in enumerate(header) if cell in names]
        if len(places) > 1:
            raise ImportFailed(f"表头里有 {len(places)} 列都像“{names[-1]}”，请只留一列。")
        if places:
            columns[column] = places[0]
    if "address" not in columns:
        raise ImportFailed(
            f"表头里没有邮箱一列（例如“邮箱”或“email”）；第一行是：{', '.join(header)[:200]}"
        )
    return columns


def _row(cells: list[str], columns: dict[str, int], width: int, line: int) -> _Row | Refusal:
    if len(cells) != width:
        return Refusal(line, "", f"有 {len(cells)} 格，表头有 {width} 格")
    values = {column: cells[place].strip() for column, place in columns.items()}
    raw = values["address"]
    for value in values.values():
        if not value.isprintable():
            return Refusal(line, raw[:320], "含有换行或控制字符")
    if len(values.get("name", "")) > 100 or len(values.get("organisation", "")) > 200:
        return Refusal(line, raw[:320], "姓名超过 100 字或单位超过 200 字")
    try:
        address = parse(raw)
    except AddressError as error:
        return Refusal(line, raw[:320], str(error))
    return _Row(address, values.get("name", ""), values.get("organisation", ""))


def _subscribe(
    subscriber_list: SubscriberList, rows: dict[str, _Row], report: ImportReport
) -> None:
    with transaction.atomic():
        Subscriber.objects.bulk_create(
            [_subscriber(row) for row in rows.values()], ignore_conflicts=True
        )
        people = Subscriber.objects.filter(key__in=rows).values_list("id", flat=True)
        on_list = Subscription.objects.filter(
            subscriber_list=subscriber_list, subscriber__key__in=rows
        )
        known = set(on_list.values_list("subscriber_id", flat=True))
        added = Subscription.objects.bulk_create(
            Subscription(
                subscriber_id=person,
                subscriber_list=subscriber_list,
                state=Subscription.State.CONFIRMED,
            )
            for person in people
            if person not in known
        )
        SubscriptionEvent.objects.bulk_create(
            SubscriptionEvent(subscription=row, state=row.state, source="import") for row in added
        )
    report.added += len(added)
    report.known += len(known)


def _subscriber(row: _Row) -> Subscriber:
    return Subscriber(
        address=row.address.display,
        key=row.address.key,
        provider=provider(row.address.domain),
        name=row.name,
        organisation=row.organisation,
    )
