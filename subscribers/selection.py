"""What a described audience comes to at this moment: how many, on which lists, and who is left out.

Promises: an audience is confirmed readers of the lists who are not paused, not on a list to leave
out, and meet the rules, with those added and without those taken away, each person once; lists
joined, and lists and segments taken away, are sets (``subscribers.membership``), so that millions
on several lists cost milliseconds; only rules about people read the people. Numbers of one
selection never contradict each other. Fails: ``AudienceError``, as ``subscribers.audience``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_
from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from subscribers import audience, membership
from subscribers.audience import Condition, Description
from subscribers.models import Subscriber, Subscription, Suppression

_PERSON = "subscriber__"


@dataclass(frozen=True)
class Selection:
    """Sets of readers (bit n is reader n).

    ``on_lists`` are those whom each list adds; ``left_out`` are taken away from all of them;
    ``paused`` are those on the lists of ``on_lists`` who want no mail for a while.
    """

    on_lists: Mapping[int, int]
    left_out: int
    suppressed: int
    paused: Mapping[int, int]

    @cached_property
    def chosen(self) -> int:
        return reduce(or_, self.on_lists.values(), 0)

    @cached_property
    def readers(self) -> int:
        """Who would get a mailing now."""
        return self.chosen & ~self.left_out & ~self.suppressed

    @property
    def excluded(self) -> int:
        """Who would get it, were they not suppressed."""
        return self.chosen & ~self.left_out & self.suppressed

    def once(self) -> dict[int, int]:
        """The readers of each list, nobody on two: whoever is on several is on the first."""
        rest, found = self.readers, {}
        for each in sorted(self.on_lists):
            found[each] = self.on_lists[each] & rest
            rest &= ~found[each]
        return found


def select(
    publication_id: int, description: Description, further: Mapping[str, Condition] | None = None
) -> Selection:
    return _Selecting(publication_id, description, further or {}).selection()


def check(
    publication_id: int, description: Description, further: Mapping[str, Condition] | None = None
) -> None:
    """Raise ``AudienceError`` for what makes no sense, without counting anybody."""
    known = audience.conditions(further or {})
    audience.own_lists(publication_id, description.get("except"))
    for part in (*audience.added(description), *audience.parts(description, "without")):
        audience.lists_of(publication_id, part)
        audience.own_lists(publication_id, part.get("except"))
        audience.matching(part, known)


def has_rules(description: Description) -> bool:
    """Whether people have to be read, which takes a second for a million."""
    every = [description, *description.get("also", ()), *description.get("without", ())]
    return any(part.get("rules") for part in every)


class _Selecting:
    def __init__(
        self, publication: int, description: Description, further: Mapping[str, Condition]
    ) -> None:
        self._publication = publication
        self._conditions = audience.conditions(further)
        # What the whole leaves out is taken away at the end, and counted.
        self._added = [
            {**part, "except": None} if part is description else part
            for part in audience.added(description)
        ]
        self._without = audience.parts(description, "without")
        self._except = audience.own_lists(publication, description.get("except"))
        lists = set(self._except)
        for part in (*self._added, *self._without):
            lists.update(audience.lists_of(publication, part), self._exceptions(part))
        self._confirmed = membership.confirmed(lists)

    def _exceptions(self, part: Description) -> list[int]:
        return audience.own_lists(self._publication, part.get("except"))

    def selection(self) -> Selection:
        found: dict[int, int] = {}
        for part in self._added:
            for each, people in self._part(part).items():
                found[each] = found.get(each, 0) | people
        paused = _paused(found)
        gone = [people for part in self._without for people in self._part(part).values()]
        return Selection(
            on_lists={each: people & ~paused[each] for each, people in found.items()},
            left_out=reduce(or_, gone, self._on(self._except)),
            suppressed=_suppressed(self._publication),
            paused={each: paused[each] & self._confirmed[each] for each in found},
        )

    def _part(self, part: Description) -> dict[int, int]:
        """Whom each list of a part adds, paused or not."""
        lists = audience.lists_of(self._publication, part)
        left_out = self._on(self._exceptions(part))
        met = audience.matching(part, self._conditions)
        people = {each: self._confirmed[each] & ~left_out for each in lists}
        if not met:
            return people
        alone = _of_person(met)
        if alone is not None:
            matching = dict.fromkeys(lists, membership.people(alone))
        else:
            matching = membership.among(lists, met)
        return {each: people[each] & matching[each] for each in lists}

    def _on(self, lists: Collection[int]) -> int:
        return reduce(or_, (self._confirmed[each] for each in lists), 0)


def _of_person(condition: Q) -> Q | None:
    """The same condition on people, where it says nothing of subscriptions: they need no join."""
    children: list[Any] = []
    for child in condition.children:
        if isinstance(child, Q):
            inner = _of_person(child)
            if inner is None:
                return None
            children.append(inner)
        elif isinstance(child, tuple) and child[0].startswith(_PERSON):
            children.append((child[0].removeprefix(_PERSON), child[1]))
        else:
            return None
    return Q(*children, _connector=condition.connector, _negated=condition.negated)


def _paused(lists: Collection[int]) -> dict[int, int]:
    rows = Subscription.objects.filter(subscriber_list__in=lists, paused_until__gt=timezone.now())
    return membership.sets(lists, rows.values_list("subscriber_list", "subscriber"))


def _suppressed(publication_id: int) -> int:
    """From each suppression to its reader: few, where looking through the readers takes long."""
    here = Suppression.objects.filter(Q(publication=None) | Q(publication=publication_id))
    reader = Subscriber.objects.filter(key=OuterRef("key")).values("pk")[:1]
    numbers = here.order_by().annotate(reader=Subquery(reader)).values_list("reader", flat=True)
    return membership.readers([number for number in numbers if number is not None])
