"""The order of an issue: its sections, which items are in them, and what lies in the pool.

Promises: whoever changes the order holds the issue's row, so that two people moving at once move
one after the other; positions count from 0 without gaps afterwards. An item's own version grows
only when it is discarded or brought back: moving it is no change of its words.
Fails: ``Section.DoesNotExist`` for a section that is gone; ``Conflict`` for an item that somebody
took to another issue at the same moment; ``ValueError`` across publications.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from dongtai_mail.issues.editing.keeping import PLACE, Values, announce, begin, keep, values
from dongtai_mail.issues.editing.texts import Conflict
from dongtai_mail.issues.models import Issue, Item, Publication, Section

END = 1_000_000


def place(item: Item, section: Section, position: int, actor: str) -> Item:
    """Put the item at ``position`` (from 0) of ``section``, from wherever it is."""
    if item.publication_id != section.issue.publication_id:
        raise ValueError("an item stays in its publication")
    with transaction.atomic(), _moving(item, actor, section.issue_id) as current:
        target = Section.objects.get(pk=section.pk)
        left, back = current.section, current.discarded_at is not None
        current.section, current.discarded_at = target, None
        current.save(update_fields=["section", "discarded_at"])
        if left is not None and left != target:
            _number(Item, list(left.items.all()))
        others = list(target.items.exclude(pk=current.pk))
        others.insert(max(0, min(position, len(others))), current)
        _number(Item, others)
        if back:
            _grow(current, actor, values(current))
    return Item.objects.get(pk=item.pk)


def to_pool(item: Item, actor: str) -> Item:
    """Take the item out of its issue; the pool remembers which section it was meant for."""
    with transaction.atomic(), _moving(item, actor) as current:
        _leave(current)
    return Item.objects.get(pk=item.pk)


def discard(item: Item, actor: str) -> Item:
    """Take the item out of its issue or the pool; ``bring_back`` puts it where it was."""
    with transaction.atomic(), _moving(item, actor) as current:
        if current.discarded_at is None:
            before = values(current) | {PLACE: _place(current)}
            _leave(current)
            Item.objects.filter(pk=item.pk).update(discarded_at=timezone.now())
            _grow(current, actor, before)
    return Item.objects.get(pk=item.pk)


def bring_back(item: Item, actor: str) -> Item:
    """Undo ``discard``; an item whose section is gone lies in the pool."""
    with transaction.atomic():
        current = Item.objects.get(pk=item.pk)
        if current.discarded_at is None:
            return current
        was = next(
            (each.values[PLACE] for each in current.revisions.all() if PLACE in each.values), None
        )
        section = Section.objects.filter(pk=was["section"]).first() if was else None
        if was and section:
            return place(current, section, was["position"], actor)
        Item.objects.filter(pk=item.pk).update(discarded_at=None)
        _grow(current, actor, values(current))
    return Item.objects.get(pk=item.pk)


def new_item(
    publication: Publication,
    values: Values,
    actor: str,
    *,
    section: Section | None = None,
    position: int = END,
) -> Item:
    """An item in the pool, or in a section."""
    with transaction.atomic():
        item = Item(publication=publication, changed_by=actor, **values)
        item.full_clean(exclude={"section", "holder"})
        item.save()
        begin(item, actor)
        return place(item, section, position, actor) if section else item


def add_section(issue: Issue, name: str, actor: str, *, position: int = END) -> Section:
    with transaction.atomic(), _changing({issue.pk}, actor):
        rows = list(Section.objects.filter(issue=issue))
        section = Section(issue=issue, name=name, position=len(rows))
        section.full_clean()
        section.save()
        rows.insert(max(0, min(position, len(rows))), section)
        _number(Section, rows)
    return Section.objects.get(pk=section.pk)


def rename_section(section: Section, name: str, actor: str) -> Section:
    with transaction.atomic(), _changing({section.issue_id}, actor):
        current = Section.objects.get(pk=section.pk)
        current.name = name
        current.full_clean()
        current.save(update_fields=["name"])
    return current


def move_section(section: Section, position: int, actor: str) -> Section:
    with transaction.atomic(), _changing({section.issue_id}, actor):
        current = Section.objects.get(pk=section.pk)
        others = list(Section.objects.filter(issue=section.issue_id).exclude(pk=section.pk))
        others.insert(max(0, min(position, len(others))), current)
        _number(Section, others)
    return Section.objects.get(pk=section.pk)


def remove_section(section: Section, actor: str) -> None:
    """Its items go to the pool."""
    with transaction.atomic(), _changing({section.issue_id}, actor, apart=True):
        for item in Item.objects.filter(section=section).select_related("section"):
            _leave(item)
        Section.objects.filter(pk=section.pk).delete()


def rearrange(issue: Issue, wanted: Sequence[Values], actor: str) -> None:
    """Put the sections, and the items in them, as a revision kept them."""
    with transaction.atomic(), _changing({issue.pk}, actor, apart=True):
        known = {section.pk: section for section in Section.objects.filter(issue=issue)}
        kept = [(known.get(each["id"]) or Section(issue=issue), each) for each in wanted]
        placed = {number for each in wanted for number in each["items"]}
        for item in Item.objects.filter(section__issue=issue).exclude(pk__in=placed):
            _leave(item)
        for position, (section, each) in enumerate(kept):
            section.name, section.position = each["name"], position
            section.save()
            _fill(section, each["items"], actor)
        Section.objects.filter(issue=issue).exclude(pk__in=[row.pk for row, _ in kept]).delete()


def _fill(section: Section, numbers: Sequence[int], actor: str) -> None:
    """The items of a section, but for those that another issue has now."""
    found = Item.objects.select_related("section").in_bulk(list(numbers))
    free = [
        found[number]
        for number in numbers
        if number in found and _issue_of(found[number]) in (None, section.issue_id)
    ]
    for item in free:
        back = item.discarded_at is not None
        item.section, item.discarded_at = section, None
        item.save(update_fields=["section", "discarded_at"])
        if back:
            _grow(item, actor, values(item))
    _number(Item, free)


@contextmanager
def _moving(item: Item, actor: str, *issue_ids: int) -> Iterator[Item]:
    """The item as it stands, with its issue and the given ones held."""
    was = _issue_of(Item.objects.select_related("section").get(pk=item.pk))
    with _changing({*issue_ids, *([was] if was else [])}, actor):
        current = Item.objects.select_related("section").get(pk=item.pk)
        if _issue_of(current) != was:
            raise Conflict(current)
        yield current


@contextmanager
def _changing(issue_ids: set[int], actor: str, *, apart: bool = False) -> Iterator[None]:
    """Hold the issues while their order changes; then write it down and tell."""
    rows = Issue.objects.select_for_update().filter(pk__in=issue_ids)
    held = list(rows.order_by("pk"))
    before = {issue.pk: values(issue) for issue in held}
    yield
    for issue in held:
        if values(issue) == before[issue.pk]:
            continue
        Issue.objects.filter(pk=issue.pk).update(
            version=F("version") + 1, changed_at=timezone.now()
        )
        keep(Issue.objects.get(pk=issue.pk), before[issue.pk], actor, apart=apart)
        announce(issue.pk, actor)


def _leave(item: Item) -> None:
    if item.section is None:
        return
    section, item.wanted_section = item.section, item.section.name
    item.section, item.position = None, 0
    item.save(update_fields=["section", "position", "wanted_section"])
    _number(Item, list(Item.objects.filter(section=section)))


def _number(model: Any, rows: list[Any]) -> None:
    for position, row in enumerate(rows):
        row.position = position
    model.objects.bulk_update(rows, ["position"])


def _grow(item: Item, actor: str, before: Values) -> None:
    """The item's version too: whoever is writing in it is to know."""
    Item.objects.filter(pk=item.pk).update(
        version=F("version") + 1, changed_at=timezone.now(), changed_by=actor
    )
    keep(Item.objects.get(pk=item.pk), before, actor, by=item.changed_by, apart=True)


def _place(item: Item) -> dict[str, int] | None:
    if item.section is None:
        return None
    return {
        "issue": item.section.issue_id,
        "section": item.section.pk,
        "position": item.position,
    }


def _issue_of(item: Item) -> int | None:
    return item.section.issue_id if item.section else None
