"""What passes between the queue and the workers, and how rows are picked out by their ids."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet

from dongtai_mail.delivery.models import Delivery
from dongtai_mail.message.reply import Reply


# Tuples: a frozen dataclass takes five times as long to make, and there is one a message.
class Claimed(NamedTuple):
    """What a worker needs to know to write one delivery."""

    id: int
    subscription_id: int
    address: str
    name: str
    provider: str
    batch_id: int


class Outcome(NamedTuple):
    """What became of one claimed delivery; ``reply`` None means it was not begun."""

    delivery: Claimed
    reply: Reply | None = None
    relay: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """A lane of a sending mailing in which deliveries wait.

    ``per_minute`` caps the mailing; ``left`` is how many wait in the lane, closed stages included.
    """

    mailing_id: int
    lane: str
    per_minute: int | None = field(default=None, compare=False)
    left: int = field(default=0, compare=False)


def leased(ids: Collection[int]) -> QuerySet[Delivery]:
    return among(ids).filter(state=Delivery.State.LEASED)


def among(ids: Collection[int]) -> QuerySet[Delivery]:
    """One array instead of hundreds of parameters where the database can.

    It is written as text: Django copies parameters deeply, one number after the other.
    """
    if connection.vendor == "postgresql":
        array = "{" + ",".join(map(str, ids)) + "}"
        return Delivery.objects.extra(
            where=["delivery_delivery.id = ANY(%s::bigint[])"], params=[array]
        )
    return Delivery.objects.filter(pk__in=list(ids))
