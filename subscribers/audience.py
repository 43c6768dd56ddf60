"""Audiences described by forms: several lists minus others, and rules about people.

Owns: the description, a JSON object, and what its parts mean (``selection`` puts them together):

    {"lists": [1, 2], "except": [3], "match": "all",
     "rules": [{"field": "provider", "test": "is", "value": "tencent"}],
     "also": [{"lists": [4], "rules": […]}], "without": [{"lists": [1], "rules": […]}]}

``also`` and ``without`` are descriptions, such as those of segments (without parts of their own):
their people are added and taken away. They are copies, so that a mailing keeps its audience when
a segment changes.
Promises: every value goes to the database as a parameter; a list of another publication is
refused. Rules about past mailings are ``delivery.audience``'s, which hands them in. Fails:
``AudienceError`` for a description that makes no sense.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from subscribers.models import SubscriberList

Description = dict[str, Any]
Rule = Mapping[str, str]
Condition = Callable[[Rule], Q]

ATTRIBUTE = "attribute"
MOST_RULES = 20
MOST_PARTS = 20
_TEXT_TESTS = {"is": "iexact", "contains": "icontains", "starts": "istartswith"}
_AS_WRITTEN = {"iexact": "exact", "icontains": "contains", "istartswith": "startswith"}
_TEXT_FIELDS = {
    "organisation": "subscriber__organisation",
    "name": "subscriber__name",
    "domain": "subscriber__key",
}
_NAME = re.compile(r"[^\x00-\x1f\"@]{1,50}")
_ADDRESS = re.compile(r"[^\s@]@[^\s@]")


class AudienceError(ValueError):
    """The description makes no sense; the text says what to change."""


def conditions(further: Mapping[str, Condition]) -> Mapping[str, Condition]:
    """Every field that a rule may name, and what it means."""
    return {**_CONDITIONS, **further}


def added(description: Description) -> list[Description]:
    """The parts whose people make up the audience."""
    also = parts(description, "also")
    return [description, *also] if description.get("lists") or not also else also


def parts(description: Description, name: str) -> list[Description]:
    found = description.get(name, [])
    if not (isinstance(found, list) and all(isinstance(part, dict) for part in found)):
        raise AudienceError(_("分组的条件写得不对，请重新选择。"))
    if len(found) > MOST_PARTS:
        raise AudienceError(_("最多合并或排除 %(most)s 个分组。") % {"most": MOST_PARTS})
    return found


def lists_of(publication_id: int, part: Description) -> list[int]:
    """The lists on which a part looks for people."""
    lists = own_lists(publication_id, part.get("lists"))
    if not lists:
        raise AudienceError(_("请至少选一份名单。"))
    return lists


def own_lists(publication_id: int, ids: object) -> list[int]:
    if ids is None:
        return []
    if not isinstance(ids, list) or not all(isinstance(each, int) for each in ids):
        raise AudienceError(_("名单要写成编号。"))
    own = SubscriberList.objects.filter(publication=publication_id, pk__in=ids)
    if own.count() != len(set(ids)):
        raise AudienceError(_("有的名单不属于这份刊物，请重新选择。"))
    return list(ids)


def matching(description: Description, known: Mapping[str, Condition]) -> Q:
    rules = description.get("rules", [])
    if not isinstance(rules, list) or len(rules) > MOST_RULES:
        raise AudienceError(_("条件最多 %(most)s 条。") % {"most": MOST_RULES})
    met = Q()
    for rule in rules:
        field = str(rule.get("field", "")).partition(":")[0]
        if field not in known:
            raise AudienceError(_("没有“%(field)s”这种条件。") % {"field": field})
        refuse_address(str(rule.get("value", "")))
        met = (
            met | known[field](rule)
            if description.get("match") == "any"
            else (met & known[field](rule))
        )
    return met


def refuse_address(text: str) -> None:
    """Descriptions are kept in mailings and in the audit log, where erasing reaches nobody."""
    if _ADDRESS.search(text):
        raise AudienceError(
            _("名称和条件里不能写邮箱地址；可以只写 @ 后面的域名，或另建一份名单。")
        )


def _text(rule: Rule) -> Q:
    field, value = _TEXT_FIELDS[rule["field"]], rule.get("value", "").strip()
    if rule["field"] == "domain":
        value, test = f"@{value.lower().lstrip('@')}", "endswith"
    else:
        test = _TEXT_TESTS.get(rule.get("test", ""), "")
    if not value.strip("@") or not test or "\x00" in value:
        raise AudienceError(_("条件里的文字不能空着。"))
    if value.lower() == value.upper():
        # Chinese and digits: to fold a million names would double what it takes to look at them.
        test = _AS_WRITTEN.get(test, test)
    return Q(**{f"{field}__{test}": value})


def _exact(field: str) -> Condition:
    return lambda rule: Q(**{field: rule.get("value", "").replace("\x00", "")})


def _attribute(rule: Rule) -> Q:
    name = rule["field"].partition(":")[2]
    if not _NAME.fullmatch(name) or "__" in name or name.isdecimal():
        raise AudienceError(_("资料的名称写得不对。"))
    value = rule.get("value", "").replace("\x00", "")
    if rule.get("test") == "set":
        return Q(subscriber__attributes__has_key=name)
    if rule.get("test") == "contains":
        return Q(**{f"subscriber__attributes__{name}__icontains": value})
    return (
        Q(subscriber__attributes__contains={name: value})
        if _contains()
        else Q(**{f"subscriber__attributes__{name}__exact": value})
    )


def _contains() -> bool:
    from django.db import connection

    return bool(connection.features.supports_json_field_contains)


def _since(rule: Rule) -> Q:
    try:
        days = int(rule.get("value", ""))
    except ValueError:
        days = -1
    if not 0 <= days <= 36500:
        raise AudienceError(_("天数请填 0 到 36500 的整数。"))
    at = timezone.now() - datetime.timedelta(days=days)
    test = "created_at__gte" if rule.get("test") == "within" else "created_at__lt"
    return Q(**{test: at})


_CONDITIONS: dict[str, Condition] = {
    "organisation": _text,
    "name": _text,
    "domain": _text,
    "provider": _exact("subscriber__provider"),
    "language": _exact("subscriber__language"),
    "since": _since,
    ATTRIBUTE: _attribute,
}
