"""What delivery announces to whoever may listen; nothing here depends on being heard.

``mailing_due`` carries ``mailing_id``, after the transaction that made the mailing due. When
nobody hears it, the scheduler finds the mailing a few seconds later.
``mailing_waits`` carries ``mailing_id`` of one that goes on only when a person says so: it was
stopped, or missed its time. Its page says so whoever hears it.
"""

from django.db import transaction
from django.dispatch import Signal

mailing_due = Signal()
mailing_waits = Signal()


def announce_waiting(mailing_id: int) -> None:
    """After the transaction: what listeners do must not undo what was recorded."""
    transaction.on_commit(lambda: mailing_waits.send_robust(None, mailing_id=mailing_id))


def announce_due(mailing_id: int) -> None:
    transaction.on_commit(lambda: mailing_due.send(None, mailing_id=mailing_id))
