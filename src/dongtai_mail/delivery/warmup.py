"""How much goes over a new relay: so many messages to each provider on day n, then no cap.

Owns: the table of days, and what staff set for a relay instead. Nobody publishes such a table; ours
roughly doubles, as providers ask for slow growth, and ends where a relay's reputation is its own.
Promises: a change holds within seconds, on the days that are over it changes nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dongtai_mail.delivery.models import RelayWarmup
from dongtai_mail.environment import Relay

DAYS = (200, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000, 100_000)
# Those known to be strict with strangers get so much of it, in percent.
PERCENTS = {"tencent": 50, "netease": 50, "microsoft": 50}


@dataclass(frozen=True, slots=True)
class Table:
    """Messages to a provider on each of the ``days``; to those in ``percents`` so much of it."""

    days: Sequence[int]
    percents: Mapping[str, int]
    changed: bool = False

    def cap(self, lane: str, day: int) -> int | None:
        """Messages on this day, counted from 0; None once they are over, 0 before they begin."""
        if day < 0:
            return 0
        if day >= len(self.days):
            return None
        return max(1, self.days[day] * self.percents.get(lane, 100) // 100)


Tables = Mapping[str, Table]


@dataclass(frozen=True, slots=True)
class Warming:
    """A relay on its ``day`` of so many; ``most`` to a provider, ``less`` to some groups.

    ``most`` is None once the days are over.
    """

    name: str
    day: int
    days: int
    most: int | None
    less: Sequence[tuple[str, int]]
    changed: bool


def default() -> Table:
    return Table(DAYS, PERCENTS)


def tables() -> dict[str, Table]:
    """By the relay's name, what staff changed."""
    rows = RelayWarmup.objects.order_by("relay")
    return {row.relay: Table(row.days, row.percents, changed=True) for row in rows}


def change(relay: Relay, days: Sequence[int], percents: Mapping[str, int]) -> None:
    """Set what staff decided; workers heed it within seconds."""
    values = {"days": list(days), "percents": dict(percents)}
    RelayWarmup.objects.update_or_create(relay=relay.name, defaults=values)


def forget(relay: Relay) -> None:
    """Go back to the default."""
    RelayWarmup.objects.filter(relay=relay.name).delete()


def warming(relays: Iterable[Relay], today: datetime.date) -> list[Warming]:
    """The relays that may not carry all yet, and those that do because staff said so."""
    known, found = tables(), []
    for relay in relays:
        table = known.get(relay.name) or default()
        most = cap(relay, "", today, known)
        if relay.warmup is None or (most is None and not table.changed):
            continue
        caps = [(group, cap(relay, group, today, known) or 0) for group in table.percents]
        day = (today - relay.warmup).days + 1
        different = [(group, number) for group, number in caps if most and number != most]
        found.append(Warming(relay.name, day, len(table.days), most, different, table.changed))
    return found


def cap(relay: Relay, lane: str, today: datetime.date, known: Tables) -> int | None:
    """Messages for a lane over this relay today; None without end, 0 before the first day."""
    if relay.warmup is None:
        return None
    return (known.get(relay.name) or default()).cap(lane, (today - relay.warmup).days)
