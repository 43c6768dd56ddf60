"""What delivery announces to whoever may listen; nothing here depends on being heard.

``mailing_due`` carries ``mailing_id``, after the transaction that made the mailing due. When
nobody hears it, the scheduler finds the mailing a few seconds later.
"""

from django.dispatch import Signal

mailing_due = Signal()
