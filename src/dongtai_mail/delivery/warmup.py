"""How much goes over a new relay: so many messages to each provider on day n, then no cap.

Owns: the table of days. Nobody publishes such a table; ours roughly doubles, as providers ask for
slow growth, and ends where a relay's reputation is its own. Staff see where it stands, and can
lower a provider's limits beside it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from dongtai_mail.environment import Relay

DAYS = (200, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000, 100_000)
# Those known to be strict with strangers get so much of it.
PARTS = {"tencent": 0.5, "netease": 0.5, "microsoft": 0.5}


@dataclass(frozen=True, slots=True)
class Warming:
    """A relay on its ``day``; ``most`` to a provider, ``strict`` to those of ``PARTS``."""

    name: str
    day: int
    most: int
    strict: int

    @property
    def days(self) -> int:
        return len(DAYS)


def warming(relays: Iterable[Relay], today: datetime.date) -> list[Warming]:
    """The relays that have not all to carry yet, and what they may today."""
    found = []
    for relay in relays:
        most, strict = cap(relay, "", today), cap(relay, "tencent", today)
        if relay.warmup is not None and most is not None and strict is not None:
            found.append(Warming(relay.name, (today - relay.warmup).days + 1, most, strict))
    return found


def cap(relay: Relay, lane: str, today: datetime.date) -> int | None:
    """Messages for a lane over this relay today; None without end, 0 before the first day."""
    if relay.warmup is None:
        return None
    day = (today - relay.warmup).days
    if day < 0:
        return 0
    return int(DAYS[day] * PARTS.get(lane, 1)) if day < len(DAYS) else None
