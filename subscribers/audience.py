"""Audiences described by forms: several lists minus others, and rules about people.

Owns: the description, a JSON object, and its meaning as one SELECT over subscriptions:

    {"lists": [1, 2], "except": [3], "match": "all",
     "rules": [{"field": "provider", "test": "is", "value": "tencent"}]}

Promises: an audience is confirmed readers of the lists who are not paused, not on a list to leave
out, and meet the rules, each person once; every value goes to the database as a parameter; a list
of another publication is refused. Rules about past mailings are ``delivery.audience``'s, which
hands them in. Fails: ``AudienceError`` for a description that makes no sense.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from subscribers.models import SubscriberList, Subscription

Description = dict[str, Any]
Rule = Mapping[str, str]
Condition = Callable[[Rule], Q]

ATTRIBUTE = "attribute"
MOST_RULES = 20
_TEXT_TESTS = {"is": "iexact", "contains": "icontains", "starts": "istartswith"}
_TEXT_FIELDS = {
    "organisation": "subscriber__organisation",
    "name": "subscriber__name",
    "domain": "subscriber__key",
}
_NAME = re.compile(r"[^\x00-\x1f\"]{1,50}")


class AudienceError(ValueError):
    """The description makes no sense; the text says what to change."""


def people(
    publication_id: int, description: Description, further: Mapping[str, Condition] | None = None
) -> QuerySet[Subscription, int]:
    """The ids of the subscriptions to write to, one a person."""
    lists = _lists(publication_id, description.get("lists"))
    left_out = _lists(publication_id, description.get("except"))
    if not lists:
        raise AudienceError("请至少选一份名单。")
    now = timezone.now()
    found = Subscription.objects.filter(
        Q(paused_until=None) | Q(paused_until__lte=now),
        _matching(description, {**_CONDITIONS, **(further or {})}),
        subscriber_list__in=lists,
        state=Subscription.State.CONFIRMED,
    )
    if left_out:
        others = Subscription.objects.filter(
            subscriber_list__in=left_out, state=Subscription.State.CONFIRMED
        )
        found = found.exclude(subscriber__in=others.values("subscriber"))
    once = found.order_by().values("subscriber").annotate(first=Min("pk"))
    return once.values_list("first", flat=True)


def _lists(publication_id: int, ids: object) -> list[int]:
    if ids is None:
        return []
    if not isinstance(ids, list) or not all(isinstance(each, int) for each in ids):
        raise AudienceError("名单要写成编号。")
    own = SubscriberList.objects.filter(publication=publication_id, pk__in=ids)
    if own.count() != len(set(ids)):
        raise AudienceError("有的名单不属于这份刊物，请重新选择。")
    return list(ids)


def _matching(description: Description, conditions: Mapping[str, Condition]) -> Q:
    rules = description.get("rules", [])
    if not isinstance(rules, list) or len(rules) > MOST_RULES:
        raise AudienceError(f"条件最多 {MOST_RULES} 条。")
    met = Q()
    for rule in rules:
        field = str(rule.get("field", "")).partition(":")[0]
        if field not in conditions:
            raise AudienceError(f"没有“{field}”这种条件。")
        met = (
            met | conditions[field](rule)
            if description.get("match") == "any"
            else (met & conditions[field](rule))
        )
    return met


def _text(rule: Rule) -> Q:
    field, value = _TEXT_FIELDS[rule["field"]], rule.get("value", "").strip()
    if rule["field"] == "domain":
        value, test = f"@{value.lower().lstrip('@')}", "endswith"
    else:
        test = _TEXT_TESTS.get(rule.get("test", ""), "")
    if not value.strip("@") or not test or "\x00" in value:
        raise AudienceError("条件里的文字不能空着。")
    return Q(**{f"{field}__{test}": value})


def _exact(field: str) -> Condition:
    return lambda rule: Q(**{field: rule.get("value", "").replace("\x00", "")})


def _attribute(rule: Rule) -> Q:
    name = rule["field"].partition(":")[2]
    if not _NAME.fullmatch(name) or "__" in name or name.isdecimal():
        raise AudienceError("资料的名称写得不对。")
    value = rule.get("value", "").replace("\x00", "")
    if rule.get("test") == "set":
        return Q(subscriber__attributes__has_key=name)
    if rule.get("test") == "contains":
        return Q(**{f"subscriber__attributes__{name}__icontains": value})
    return (
        Q(subscriber__attributes__contains={name: value})
        if _contains()
        else Q(**{f"subscriber__attributes__{name}": value})
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
        raise AudienceError("天数请填 0 到 36500 的整数。")
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
