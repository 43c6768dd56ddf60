"""Readers out of the house: a list as CSV or XLSX, and one person's own data as JSON.

Promises: CSV and XLSX come in pieces from a cursor that stays in the database, so a million rows
need no memory; a cell that a spreadsheet would calculate is made text (OWASP, CSV injection); a
person's own data is everything that is kept about them.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from subscribers.erasure import keys_of
from subscribers.fingerprint import fingerprint
from subscribers.links import masked
from subscribers.models import (
    AddressChange,
    ImportRow,
    Notice,
    Release,
    Subscriber,
    SubscriberList,
    Subscription,
    SubscriptionEvent,
    Suppression,
)
from subscribers.restoring import PARTED
from subscribers.signals import gathering

# An import knows these again, in either language.
HEADER = (
    *(_("邮箱"), _("姓名"), _("单位"), _("语言")),
    *(_("状态"), _("订阅时间"), _("变更时间"), _("其他资料")),
)
CHUNK = 2000
_IMPORTED = ("line", "address", "name", "organisation", "language", "attributes")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# A worksheet ends here.
WORKSHEET_ROWS = 1_048_575

Row = tuple[str, ...]


def rows(subscriber_list: SubscriberList) -> Iterator[Row]:
    """Every subscription of a list, streamed."""
    labels = dict(Subscription.State.choices)
    found = Subscription.objects.filter(subscriber_list=subscriber_list).order_by("pk")
    values = found.values_list(
        *("subscriber__address", "subscriber__name", "subscriber__organisation"),
        *("subscriber__language", "state", "created_at", "changed_at", "subscriber__attributes"),
    )
    for *texts, state, created, changed, attributes in values.iterator(CHUNK):
        yield (
            *(str(text) for text in texts),
            str(labels[state]),
            created.isoformat(timespec="seconds"),
            changed.isoformat(timespec="seconds"),
            json.dumps(attributes, ensure_ascii=False) if attributes else "",
        )


def csv_chunks(found: Iterator[Row]) -> Iterator[bytes]:
    """UTF-8 with the mark by which Excel knows it."""
    yield b"\xef\xbb\xbf" + _csv([_header()])
    while chunk := list(islice(found, CHUNK)):
        yield _csv([[neutral(cell) for cell in row] for row in chunk])


def _header() -> list[str]:
    return list(map(gettext, HEADER))


def _csv(table: Sequence[Sequence[str]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(table)
    return buffer.getvalue().encode()


def neutral(cell: str) -> str:
    """The cell as text: a leading apostrophe keeps spreadsheets from calculating it."""
    return f"'{cell}" if cell.lstrip(" \u3000").startswith(FORMULA) else cell


def xlsx(found: Iterator[Row]) -> Iterator[bytes]:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    while True:
        sheet = book.create_sheet()
        sheet.append(_header())
        count = 0
        for row in islice(found, WORKSHEET_ROWS):
            sheet.append([_cell(sheet, cell) for cell in row])
            count += 1
        if count < WORKSHEET_ROWS:
            break
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while piece := file.read(1 << 16):
            yield piece


def _cell(sheet: Any, text: str) -> Any:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\ufffd", neutral(text)))
    cell.data_type = "s"
    return cell


def personal(person: Subscriber) -> dict[str, Any]:
    """Everything that is kept about one person, as the person gets it."""
    subscriptions = person.subscriptions.select_related("subscriber_list__publication")
    # What was sent by those may have been another reader's.
    parted = SubscriptionEvent.objects.filter(detail=PARTED).values("subscription")
    ids = list(person.subscriptions.exclude(pk__in=parted).values_list("pk", flat=True))
    answers: list[tuple[Any, Any]] = gathering.send(Subscriber, subscription_ids=ids)
    hashes = [fingerprint(key) for key in keys_of(person)]
    return {
        "address": person.address,
        "name": person.name,
        "organisation": person.organisation,
        "language": person.language,
        "attributes": person.attributes,
        "kept_since": person.created_at.isoformat(),
        "subscriptions": [_subscription(each) for each in subscriptions.order_by("pk")],
        "suppressions": [
            {"reason": each.reason, "since": each.created_at.isoformat(), "source": each.source}
            for each in Suppression.objects.filter(hash__in=hashes).order_by("pk")
        ],
        "suppressions_taken_back": [
            {"reason": each.reason, "at": each.at.isoformat(), "was": each.suppressed_for}
            for each in Release.objects.filter(hash__in=hashes).order_by("pk")
        ],
        "moves": [_move(each) for each in person.moves.order_by("pk")],
        "imported_rows": [
            {name: getattr(each, name) for name in _IMPORTED} | {"import": each.run_id}
            for each in ImportRow.objects.filter(hash__in=hashes).order_by("run", "line")
        ],
        "notices": [
            {"kind": each.kind, "at": each.created_at.isoformat(), "asked_from": each.ip}
            for each in Notice.objects.filter(subscription__in=ids).order_by("pk")
        ],
        **{name: rows for _, told in answers for name, rows in told.items()},
    }


def _move(each: AddressChange) -> dict[str, Any]:
    """Where one didn't go may be somebody else's address."""
    return {
        "from": each.former,
        "to": each.address if each.moved_at else masked(each.address),
        "asked": each.created_at.isoformat(),
        "moved": each.moved_at.isoformat() if each.moved_at else None,
    }


def _subscription(each: Subscription) -> dict[str, Any]:
    events = each.events.select_related("wording").order_by("at", "id")
    parted = events.filter(detail=PARTED).last()
    if parted is not None:
        events = events.filter(at__gte=parted.at)
    return {
        "publication": each.subscriber_list.publication.name,
        "list": each.subscriber_list.name,
        "state": each.state,
        "since": each.created_at.isoformat(),
        "paused_until": each.paused_until.isoformat() if each.paused_until else None,
        "history": [
            {
                "at": event.at.isoformat(),
                "state": event.state,
                "by": "staff" if event.actor else "you or your mail provider",
                "how": event.source,
                "detail": event.detail,
                "from": event.ip,
                "wording": event.wording.text if event.wording else None,
            }
            for event in events
        ],
    }
