"""Why deliveries were not accepted: equal answers of receiving servers, counted as they come.

Owns: the wording of an answer (its text without what differs from reader to reader) and the
count of each. Promises: reading the reasons of a mailing costs the same for ten attempts as for a
million, since attempts are counted when they are recorded, in the same transaction.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Sum

from dongtai_mail.delivery.models import Attempt, Delivery, Mailing, Refusal

# Above this many rows a mailing's refusals are worth summing up.
ROWS = 300
WORDING_LENGTH = 200
_GROUPED = ("state", "stage", "code", "enhanced", "wording")

# Addresses; long tokens of letters and digits, as queue ids are; long numbers, as times are.
_PERSONAL = re.compile(
    r"<?[^\s<>@'(]+@[^\s<>')]+>?"
    r"|(?<![\w/=&?.-])(?=(?:[\w.+-]*\d){4})(?=[\w.+-]*[^\W\d_])[\w+-][\w.+-]{8,}[\w+-]"
    r"|\b\d{7,}\b"
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Equal answers: what the deliveries became (``state``), and how many attempts got it."""

    state: Delivery.State
    stage: str
    code: int | None
    enhanced: str
    wording: str
    count: int


def wording(text: str) -> str:
    """The text of an answer without what differs from reader to reader."""
    return _PERSONAL.sub("…", " ".join(text.split()))[:WORDING_LENGTH]


def count(attempts: Iterable[tuple[Attempt, int]]) -> None:
    """Count attempts, each with the state that it put its delivery into."""
    counted = Counter(
        (
            *(each.mailing_id, state, each.stage),
            *(each.code, each.enhanced, wording(each.text)),
        )
        for each, state in attempts
    )
    names = ("mailing_id", *_GROUPED)
    Refusal.objects.bulk_create(
        Refusal(**dict(zip(names, key, strict=True)), delta=number)
        for key, number in counted.items()
    )


def reasons(mailing: Mailing) -> list[Reason]:
    """Every reason of a mailing, by state, the most frequent first."""
    rows = Refusal.objects.filter(mailing=mailing).values_list(*_GROUPED).order_by()
    found = [
        Reason(Delivery.State(state), stage, code, enhanced, worded, number)
        for state, stage, code, enhanced, worded, number in rows.annotate(sum=Sum("delta"))
    ]
    return sorted(found, key=lambda each: (each.state, -each.count, each.wording))


def compact() -> None:
    """Sum up what workers added since."""
    grown = Refusal.objects.values("mailing").annotate(rows=Count("id")).filter(rows__gt=ROWS)
    for mailing_id in list(grown.values_list("mailing", flat=True)):
        _compact(mailing_id)


def _compact(mailing_id: int) -> None:
    with transaction.atomic():
        rows = Refusal.objects.select_for_update(skip_locked=True).filter(mailing=mailing_id)
        ids: list[int] = []
        sums: Counter[tuple[object, ...]] = Counter()
        for pk, delta, *key in rows.values_list("pk", "delta", *_GROUPED):
            ids.append(pk)
            sums[tuple(key)] += delta
        if len(ids) - len(sums) < ROWS // 2:
            return
        Refusal.objects.filter(pk__in=ids).delete()
        Refusal.objects.bulk_create(
            Refusal(mailing_id=mailing_id, delta=delta, **dict(zip(_GROUPED, key, strict=True)))
            for key, delta in sums.items()
        )
