"""What an item or an issue said before, what each change was, and going back to it.

Promises: restoring is a change like any other: what stands now is kept as a revision first, and
nothing is lost by it. What an earlier order doesn't name goes to the pool; what has since gone to
another issue stays there. Fails: ``Conflict`` when somebody saved in the meantime.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from dongtai_mail.issues import editing
from dongtai_mail.issues.differences import Run
from dongtai_mail.issues.editing.keeping import PLACE, Values, fields
from dongtai_mail.issues.models import Issue, Item, Revision
from dongtai_mail.issues.readable import field_runs

_DATES = ("date", "period_from", "period_to")


@dataclass(frozen=True, slots=True)
class Difference:
    """``name`` is the field's; ``sections`` for an issue's order."""

    name: str
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A revision, and how it differs from the one before it; the first one from nothing."""

    revision: Revision
    differences: tuple[Difference, ...]
    first: bool
    latest: bool


def entries(row: Issue | Item, most: int = 100) -> list[Entry]:
    """The newest first; at most ``most``."""
    found = list(row.revisions.order_by("-version")[: most + 1])
    titles = _titles(found) if isinstance(row, Issue) else {}
    made = []
    for at, revision in enumerate(found[:most]):
        earlier = found[at + 1] if at + 1 < len(found) else None
        told = differences(earlier.values, revision.values, titles) if earlier else ()
        made.append(Entry(revision, told, earlier is None, at == 0))
    return made


def differences(
    before: Values, after: Values, titles: dict[int, str] | None = None
) -> tuple[Difference, ...]:
    """Field by field; ``titles`` name the items of an issue's order."""
    names = [name for name in {**before, **after} if name != PLACE]
    texts = (
        (name, _text(before.get(name), titles or {}), _text(after.get(name), titles or {}))
        for name in names
    )
    return tuple(
        Difference(name, field_runs(name, was, now)) for name, was, now in texts if was != now
    )


def restore(revision: Revision, actor: str) -> Issue | Item:
    """Say again what was said at ``revision``."""
    with transaction.atomic():
        if revision.item is not None:
            return _restore_item(revision.item, revision.values, actor)
        assert revision.issue is not None
        return _restore_issue(revision.issue, revision.values, actor)


def _restore_item(item: Item, kept: Values, actor: str) -> Item:
    current = editing.bring_back(item, actor)
    return editing.save_item(current, current.version, _own(current, kept), actor, apart=True)


def _restore_issue(issue: Issue, kept: Values, actor: str) -> Issue:
    current = Issue.objects.select_for_update().get(pk=issue.pk)
    saved = editing.save_issue(current, current.version, _own(current, kept), actor, apart=True)
    editing.rearrange(saved, kept.get("sections", []), actor)
    return Issue.objects.get(pk=issue.pk)


def _own(row: Issue | Item, kept: Values) -> dict[str, Any]:
    wanted = {name: kept[name] for name in fields(row) if name in kept}
    for name in _DATES:
        if wanted.get(name):
            wanted[name] = datetime.date.fromisoformat(wanted[name])
    return wanted


def _titles(found: Sequence[Revision]) -> dict[int, str]:
    numbers = {
        number
        for revision in found
        for section in revision.values.get("sections", ())
        for number in section["items"]
    }
    return dict(Item.objects.filter(pk__in=numbers).values_list("pk", "title"))


def _text(value: Any, titles: dict[int, str]) -> str:
    if isinstance(value, bool):
        return "✓" if value else ""
    if isinstance(value, list):
        return "\n".join(_line(each, titles) for each in value)
    return "" if value is None else str(value)


def _line(value: Any, titles: dict[int, str]) -> str:
    if not isinstance(value, dict):
        return str(value)
    items = (f"　{titles.get(number) or f'#{number}'}" for number in value["items"])
    return "\n".join((f"【{value['name']}】", *items))
