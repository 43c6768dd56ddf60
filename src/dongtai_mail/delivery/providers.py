"""How fast we write to receiving providers: defaults with their reasons, and what staff changed.

The big providers publish few numbers; where none is known the default is a careful one, and the
throttle finds the real limit: it slows down when a provider says so and speeds up again in steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from dongtai_mail.delivery.models import ProviderLimit


@dataclass(frozen=True, slots=True)
class Limit:
    """None means no limit. ``source`` says where the numbers come from."""

    per_minute: int | None
    connections: int | None
    messages_per_connection: int | None
    source: str


CAREFUL = "no number is published; a careful start"

DEFAULTS: dict[str, Limit] = {
    "tencent": Limit(600, 4, 50, f"limits by IP, domain and sender, by 550; {CAREFUL}"),
    "netease": Limit(600, 4, 30, f"421 HL:ICC counts connections, 451 MI:DMC messages; {CAREFUL}"),
    "aliyun": Limit(600, 4, 50, CAREFUL),
    "sina": Limit(300, 3, 30, CAREFUL),
    "gmail": Limit(3000, 10, 100, f"asks senders to keep to few connections; {CAREFUL}"),
    "microsoft": Limit(3000, 10, 100, f"421 4.3.2 answers too many connections; {CAREFUL}"),
    "yahoo": Limit(1200, 5, 20, f"asks for few messages a connection; {CAREFUL}"),
    "apple": Limit(1200, 5, 50, CAREFUL),
}
# Everybody else: the relay is the limit until the provider says otherwise.
OTHERS = Limit(None, None, 100, "as fast as the relay takes it")


def limits() -> dict[str, Limit]:
    """Every provider with a limit of its own, staff's changes before the defaults."""
    changed = {
        row.provider: Limit(
            row.per_minute, row.connections, row.messages_per_connection, "set by staff"
        )
        for row in ProviderLimit.objects.all()
    }
    return {**DEFAULTS, **changed}
