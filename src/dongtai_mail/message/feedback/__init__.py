"""What came back: bounces, delays, complaints, receipts, robots' replies, wishes to leave.

Owns: the way from the octets of a returned message to a `Feedback`. Each module says which
question it answers; ``docs/bounces.md`` has the tables. Promises: pure, linear in the message's
size, bounded by its first megabyte, and never raising, whatever the octets are. Nothing here
decides what follows: that is the policy of who asked.
"""

from dongtai_mail.message.feedback.model import (
    HARD,
    Command,
    Evidence,
    Feedback,
    Kind,
    Reason,
    RecipientReport,
    Severity,
    Source,
)
from dongtai_mail.message.feedback.reader import read

__all__ = [
    "HARD",
    "Command",
    "Evidence",
    "Feedback",
    "Kind",
    "Reason",
    "RecipientReport",
    "Severity",
    "Source",
    "read",
]
