"""What others may want to know about issues without being called by name."""

from django.dispatch import Signal

# issue_id, actor: something that readers would get has changed; sent inside the transaction.
issue_changed = Signal()

# review, actor: an approval or a request has ended because readers would get something else.
review_ended = Signal()
