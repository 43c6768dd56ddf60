"""What an issue said at a moment, and what is different between two such moments, item by item.

Owns: the snapshot that a review keeps. Promises: an item is known by its row, so that one which
moved and was changed is one change; of the items that stayed, the fewest are said to have moved.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dongtai_mail.issues.differences import Run, runs
from dongtai_mail.issues.models import Issue, Publication
from dongtai_mail.issues.readable import field_runs

Snapshot = Mapping[str, Any]

SENDER = "sender"
ISSUE_FIELDS = {
    "masthead": gettext_lazy("刊名"),
    "number": gettext_lazy("期号"),
    "date": gettext_lazy("出刊日期"),
    "subject": gettext_lazy("邮件主题"),
    "preheader": gettext_lazy("预览文字"),
    "host_name": gettext_lazy("主办单位"),
    "host_also": gettext_lazy("主办单位的另一名称"),
    "colophon_address": gettext_lazy("编辑部地址"),
    "colophon_postcode": gettext_lazy("邮政编码"),
    "colophon_organisation": gettext_lazy("编辑部所在单位"),
    "colophon_phone": gettext_lazy("电话"),
}
# What readers see of an issue besides what it says itself.
FIELDS = {**ISSUE_FIELDS, SENDER: gettext_lazy("发件人")}
ITEM_FIELDS = {
    "title": gettext_lazy("标题"),
    "heading": gettext_lazy("正文前的小标题"),
    "body": gettext_lazy("正文"),
    "source": gettext_lazy("来源"),
    "compiler": gettext_lazy("编选"),
    "date": gettext_lazy("日期"),
    "source_line": gettext_lazy("来源行"),
    "cover_url": gettext_lazy("封面图"),
    "cover_alt": gettext_lazy("封面图的说明"),
    "featured": gettext_lazy("列入目录"),
}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """``runs`` are the marked text; a field that is only yes or no has its words in them."""

    name: str
    label: str
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One item: ``kind`` is added, removed, moved or changed; a moved one may have ``fields``."""

    kind: str
    item: int
    title: str
    section: str
    was_in: str
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """``fields`` are the issue's own; ``sections`` names its sections where they differ."""

    fields: tuple[FieldChange, ...]
    sections: tuple[Run, ...]
    items: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.fields or self.sections or self.items)

    def summary(self) -> str:
        """One sentence that names the first few."""
        names = [f"《{change.title}》" for change in self.items]
        names += [each.label for each in self.fields]
        names += [_("栏目")] if self.sections else []
        if not names:
            return ""
        first = "、".join(names[:3])
        if len(names) <= 3:
            return _("改动了%(names)s") % {"names": first}
        return _("改动了%(names)s等 %(count)s 处") % {"names": first, "count": len(names)}


def snapshot(issue: Issue) -> dict[str, Any]:
    """The issue as its rows stand now, as JSON."""
    sections = issue.sections.prefetch_related("items")
    own = {name: _plain(getattr(issue, name)) for name in ISSUE_FIELDS}
    return {
        "version": issue.version,
        "fields": {**own, SENDER: sender(issue.publication)},
        "sections": [
            {
                "name": section.name,
                "items": [
                    {"id": item.pk, "version": item.version}
                    | {name: _plain(getattr(item, name)) for name in ITEM_FIELDS}
                    for item in section.items.all()
                ],
            }
            for section in sections
        ],
    }


def sender(publication: Publication) -> str:
    """From, which readers see though no edition says it."""
    return f"{publication.from_name} <{publication.from_address}>"


def _plain(value: Any) -> str | bool:
    return value if isinstance(value, bool) else str(value or "")


def between(before: Snapshot, after: Snapshot) -> Changes:
    """What somebody who knows ``before`` has to look at in ``after``."""
    names = [[section["name"] for section in each["sections"]] for each in (before, after)]
    return Changes(
        _fields(before["fields"], after["fields"], FIELDS),
        runs("\n".join(names[0]), "\n".join(names[1])) if names[0] != names[1] else (),
        tuple(_items(_placed(before), _placed(after))),
    )


Placed = dict[int, tuple[str, Mapping[str, Any]]]


def _placed(said: Snapshot) -> Placed:
    return {
        item["id"]: (section["name"], item)
        for section in said["sections"]
        for item in section["items"]
    }


def _items(before: Placed, after: Placed) -> list[Change]:
    moved = _moved([number for number in before if number in after], list(after))
    changes = []
    for number, (section, item) in after.items():
        if number not in before:
            changes.append(Change("added", number, item["title"], section, "", _new(item)))
            continue
        was_in, was = before[number]
        fields = _fields(was, item, ITEM_FIELDS)
        if number in moved or was_in != section:
            changes.append(Change("moved", number, item["title"], section, was_in, fields))
        elif fields:
            changes.append(Change("changed", number, item["title"], section, was_in, fields))
    gone = (number for number in before if number not in after)
    for number in gone:
        section, item = before[number]
        changes.append(Change("removed", number, item["title"], "", section))
    return changes


def _new(item: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    return _fields(dict.fromkeys(ITEM_FIELDS, ""), item, {"body": ITEM_FIELDS["body"]})


def _fields(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, Any]
) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(name, str(label), field_runs(name, _word(before[name]), _word(after[name])))
        for name, label in names.items()
        # An older snapshot doesn't know them all.
        if name in before and before[name] != after[name]
    )


def _word(value: str | bool) -> str:
    if isinstance(value, bool):
        return _("是") if value else _("否")
    return value


def _moved(before: Sequence[int], after: Sequence[int]) -> set[int]:
    """The fewest items whose moving explains the new order: all but a longest rising row."""
    places = {number: place for place, number in enumerate(before)}
    stayed = [number for number in after if number in places]
    tails: list[int] = []
    chains: list[list[int]] = []
    for number in stayed:
        at = bisect_left(tails, places[number])
        chain = [*(chains[at - 1] if at else []), number]
        tails[at : at + 1] = [places[number]]
        chains[at : at + 1] = [chain]
    return set(stayed) - set(chains[-1] if chains else [])
