"""Who some of a mailing's readers are, and who is left out and why.

Promises: the same conditions as the audience that is frozen; the parts add up to the readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from subscribers import tally
from subscribers.models import Subscription
from subscribers.selection import Selection

SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Account:
    """``on_lists`` are subscriptions: readers + duplicates + left out + suppressed.

    Besides, those who are not confirmed (``pending``) or want no mail for a while (``paused``).
    """

    on_lists: int
    readers: int
    duplicates: int
    left_out: int
    suppressed: int
    pending: int
    paused: int


def account(selected: Selection) -> Account:
    on_lists = _sum(selected.on_lists)
    chosen, readers = selected.chosen.bit_count(), selected.readers.bit_count()
    suppressed = selected.excluded.bit_count()
    return Account(
        on_lists=on_lists,
        readers=readers,
        duplicates=on_lists - chosen,
        left_out=chosen - readers - suppressed,
        suppressed=suppressed,
        pending=tally.counts(*selected.on_lists)[Subscription.State.PENDING],
        paused=_sum(selected.paused),
    )


def _sum(lists: Mapping[int, int]) -> int:
    return sum(people.bit_count() for people in lists.values())


def sample(selected: Selection) -> list[Subscription]:
    """Some who would get it, spread over the time of joining; the same ones when asked again."""
    rows = Subscription.objects.select_related("subscriber", "subscriber_list")
    found = []
    for reader in _spread(selected.readers):
        lists = [each for each, people in selected.on_lists.items() if people >> reader & 1]
        row = rows.filter(subscriber=reader, subscriber_list__in=lists).order_by("pk").first()
        if row is not None:  # Whoever was erased a moment ago has none.
            found.append(row)
    return found


def _spread(people: int) -> list[int]:
    """The first of a set, and the next from each of some places of equal distance on."""
    first = _lowest(people)
    step = (people.bit_length() - first) / SAMPLE
    found: list[int] = []
    for number in range(SAMPLE):
        least = max(first + int(step * number), found[-1] + 1 if found else 0)
        if rest := people >> least:
            found.append(least + _lowest(rest))
    return found


def _lowest(people: int) -> int:
    return (people & -people).bit_length() - 1 if people else 0
