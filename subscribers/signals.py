"""What subscribers announces to whoever may listen; nothing here depends on being heard.

``import_due`` carries ``run_id`` of an import or its undoing, ``notice_due`` nothing, after the
transaction that left the work in the database. When nobody hears it, the scheduler finds it a few
seconds later.
"""

from django.dispatch import Signal

import_due = Signal()
notice_due = Signal()

# Sent with ``run`` in the transaction that takes the last of an import's readers back.
import_undone = Signal()

# Sent within the transaction of an erasure with ``subscription_ids`` and ``addresses``, before the
# person is gone: whoever keeps anything about them forgets it now.
erasing = Signal()

# Sent with ``subscription_ids`` for a person's own data: each receiver answers a dict that JSON can
# hold, with what it keeps about them.
gathering = Signal()

# Sent within the transaction that makes one subscription of two, with ``lost_id`` and ``kept_id``,
# before the one is gone: whoever keeps anything about it keeps it of the other one from now on.
joining = Signal()

# Sent within the transaction that makes two subscriptions of one again, with ``from_id``,
# ``to_id``, the ``key`` of the address of ``to_id`` and ``since`` when they were one: whoever
# keeps what was sent there gives it up to it.
parting = Signal()
