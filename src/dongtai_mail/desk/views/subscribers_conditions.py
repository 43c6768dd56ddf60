"""A segment's description as the fields of a form, and back.

Owns: which tests a field knows, and the rows of the form. Promises: what was typed comes back as
it was, also where it makes no sense; a row without a field is no condition; no form has more rows
than an audience may have rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from dongtai_mail.desk import forms
from subscribers.audience import ATTRIBUTE, MOST_RULES, Description

Choices = tuple[tuple[str, str | Promise], ...]

TESTS: dict[str, str | Promise] = {
    "is": gettext_lazy("是"),
    "contains": gettext_lazy("含有"),
    "starts": gettext_lazy("开头是"),
    "set": gettext_lazy("填了"),
    "within": gettext_lazy("以内"),
    "before": gettext_lazy("以前"),
    "some": gettext_lazy("收到过"),
    "none": gettext_lazy("没有收到过"),
}
FIELDS: dict[str, tuple[str | Promise, tuple[str, ...]]] = {
    "organisation": (gettext_lazy("单位"), ("contains", "is", "starts")),
    "name": (gettext_lazy("姓名"), ("contains", "is", "starts")),
    "domain": (gettext_lazy("邮箱域名"), ("is",)),
    "provider": (gettext_lazy("邮箱服务商"), ("is",)),
    "language": (gettext_lazy("语言"), ("is",)),
    "since": (gettext_lazy("订阅时间（天）"), ("within", "before")),
    "engaged": (gettext_lazy("收到过邮件（天内）"), ("some", "none")),
    ATTRIBUTE: (gettext_lazy("其他资料"), ("is", "contains", "set")),
}
_PARTS = ("field", "key", "test", "value")


@dataclass(frozen=True, slots=True)
class Condition:
    """One row; an empty ``field`` is a row that nobody has filled in."""

    field: str = ""
    key: str = ""
    test: str = ""
    value: str = ""

    @property
    def fields(self) -> Choices:
        return tuple((name, label) for name, (label, _) in FIELDS.items())

    @property
    def tests(self) -> Choices:
        known = FIELDS[self.field][1] if self.field in FIELDS else tuple(TESTS)
        return tuple((name, TESTS[name]) for name in known)

    @property
    def values(self) -> Choices:
        """What may be chosen, where a field has few values."""
        return tuple(settings.LANGUAGES) if self.field == "language" else ()

    @property
    def has_key(self) -> bool:
        return self.field in ("", ATTRIBUTE)

    @property
    def rule(self) -> dict[str, str]:
        name = f"{ATTRIBUTE}:{self.key.strip()}" if self.field == ATTRIBUTE else self.field
        # A form without scripts shows every test for every field.
        tests = FIELDS[self.field][1] if self.field in FIELDS else (self.test,)
        values = [value for value, _ in self.values] or [self.value]
        return {
            "field": name,
            "test": self.test if self.test in tests else tests[0],
            "value": self.value if self.value in values else values[0],
        }


def typed(data: QueryDict) -> list[Condition]:
    """The rows of a form as they were sent."""
    rows: list[Condition] = []
    while len(rows) < MOST_RULES and f"field-{len(rows)}" in data:
        number = len(rows)
        rows.append(Condition(*(forms.typed(data, f"{part}-{number}")[:200] for part in _PARTS)))
    return rows


def saved(description: Description) -> list[Condition]:
    """The rows that say what a description says."""
    rows = []
    for rule in description.get("rules", []):
        name, _, key = str(rule.get("field", "")).partition(":")
        rows.append(Condition(name, key, rule.get("test", ""), rule.get("value", "")))
    return rows


def with_room(rows: list[Condition]) -> list[Condition]:
    """The rows with an empty one to fill in at their end."""
    if len(rows) < MOST_RULES and (not rows or rows[-1].field):
        return [*rows, Condition()]
    return rows


def described(data: QueryDict) -> Description:
    return {
        "lists": _numbers(data, "list"),
        "except": _numbers(data, "except"),
        "match": "any" if data.get("match") == "any" else "all",
        "rules": [row.rule for row in typed(data) if row.field],
    }


def _numbers(data: QueryDict, name: str) -> list[int]:
    texts = data.getlist(name)
    return [int(text) for text in texts if text.isdecimal() and len(text) < 19]
