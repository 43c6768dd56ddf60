"""The queue is a table: claiming deliveries, recording what became of them, and making good.

Promises: a delivery is leased to at most one batch at a time; an outcome is recorded only while
its delivery still belongs to the batch that reports it, so that reporting twice or late changes
nothing; whatever was leased and is not accounted for comes back. Works the same on PostgreSQL,
where claims skip each other's rows, and on SQLite, where BEGIN IMMEDIATE puts them in a row.
"""

from dongtai_mail.delivery.queue.claiming import (
    Departures,
    claim,
    departed,
    doubtful,
    own_lane,
    requeue_due,
    suppress,
    waiting,
)
from dongtai_mail.delivery.queue.leases import Watch, close, extend, lapsed
from dongtai_mail.delivery.queue.rows import Claimed, Outcome, Queued, among
from dongtai_mail.delivery.queue.settling import record, settle

__all__ = [
    "Claimed",
    "Departures",
    "Outcome",
    "Queued",
    "Watch",
    "among",
    "claim",
    "close",
    "departed",
    "doubtful",
    "extend",
    "lapsed",
    "own_lane",
    "record",
    "requeue_due",
    "settle",
    "suppress",
    "waiting",
]
