"""What others may want to know about issues without being called by name."""

from django.dispatch import Signal

# issue_id, actor: something that readers would get has changed; sent inside the transaction.
issue_changed = Signal()
