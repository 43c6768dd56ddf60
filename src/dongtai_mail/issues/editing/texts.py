"""Saving an item's text or an issue's own fields, against the version that was changed.

Promises: a save is one conditional UPDATE on the version. With ``base`` (what the person began
from) fields that nobody else has touched are joined; what two people wrote differently never is.
Saving what stands there already changes nothing, so an answer that was lost can be asked again.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from dongtai_mail.issues.editing.keeping import (
    FOR_EDITORS,
    Values,
    announce,
    fields,
    keep,
    plain,
    said,
    values,
)
from dongtai_mail.issues.models import Issue, Item

Row = TypeVar("Row", Issue, Item)


class Conflict(Exception):
    """Somebody else has changed it since: ``current`` is the row now, ``names`` what differs."""

    def __init__(self, current: Issue | Item, names: frozenset[str] = frozenset()) -> None:
        super().__init__(f"{current} is at version {current.version} already")
        self.current = current
        self.names = names


def save_item(
    item: Item,
    version: int,
    values: Values,
    actor: str,
    *,
    base: Values | None = None,
    apart: bool = False,
) -> Item:
    """The item as saved; ``values`` are fields of ``keeping.ITEM_FIELDS``, any of them."""
    with transaction.atomic():
        saved, changed = _save(item, version, values, actor, base, apart=apart)
        if changed - FOR_EDITORS and saved.section is not None:
            announce(saved.section.issue_id, actor)
    return saved


def save_issue(
    issue: Issue,
    version: int,
    values: Values,
    actor: str,
    *,
    base: Values | None = None,
    apart: bool = False,
) -> Issue:
    """The issue as saved; ``values`` are fields of ``keeping.ISSUE_FIELDS``, any of them."""
    try:
        with transaction.atomic():
            saved, changed = _save(issue, version, values, actor, base, apart=apart)
            if changed:
                announce(saved.pk, actor)
    except IntegrityError as taken:
        raise ValidationError({"number": _("这个期号已经有了，请换一个。")}) from taken
    return saved


def _save(
    row: Row, version: int, wanted: Values, actor: str, base: Values | None, *, apart: bool
) -> tuple[Row, frozenset[str]]:
    current = _now(row)
    mine = _own(wanted, base)
    changed = frozenset(name for name in mine if plain(getattr(current, name)) != plain(mine[name]))
    if not changed:
        return current, changed
    if current.version != version:
        _refuse_overwriting(current, changed, base)
    gone = isinstance(current, Item) and current.discarded_at is not None
    if gone:
        raise Conflict(current, changed)
    before, by = values(current), getattr(current, "changed_by", "")
    _check(current, {name: mine[name] for name in changed})
    if not _write(current, {name: mine[name] for name in changed}, actor):
        raise Conflict(_now(row), changed)
    saved = _now(row)
    keep(saved, before, actor, by=by, apart=apart)
    return saved, changed


def _own(wanted: Values, base: Values | None) -> dict[str, Any]:
    """What the person changed themselves."""
    if base is None:
        return dict(wanted)
    return {
        name: value
        for name, value in wanted.items()
        if name not in base or plain(value) != plain(base[name])
    }


def _refuse_overwriting(
    current: Issue | Item, changed: frozenset[str], base: Values | None
) -> None:
    """Raises Conflict unless nobody else has touched what this person changed."""
    now = said(current)
    if base is None:
        raise Conflict(current, changed)
    touched = frozenset(
        name for name in changed if name not in base or now[name] != plain(base[name])
    )
    if touched:
        raise Conflict(current, touched)


def _check(row: Issue | Item, wanted: Values) -> None:
    """Raises ValidationError in time; a database would refuse it unexplained."""
    unknown = set(wanted) - set(fields(row))
    if unknown:
        raise ValueError(f"{sorted(unknown)} are no fields that are written")
    for name, value in wanted.items():
        setattr(row, name, value)
    row.clean_fields(exclude={field.name for field in row._meta.fields} - set(wanted))


def _write(row: Issue | Item, wanted: Values, actor: str) -> bool:
    by = {"changed_by": actor[:150]} if isinstance(row, Item) else {}
    rows = type(row)._default_manager.filter(pk=row.pk, version=row.version)
    cleaned = {name: getattr(row, name) for name in wanted}
    return bool(rows.update(**cleaned, **by, version=F("version") + 1, changed_at=timezone.now()))


def _now(row: Row) -> Row:
    """The row as it is stored, whatever was done to this copy of it."""
    follow = ("section",) if isinstance(row, Item) else ()
    return type(row)._default_manager.select_related("publication", *follow).get(pk=row.pk)
