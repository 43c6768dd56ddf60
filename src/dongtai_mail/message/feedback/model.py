"""The vocabulary of what comes back: kinds, reasons, verdicts, and a report a recipient.

Owns: the types that `read` answers with and that the policy over them is written in.
Promises: values, frozen; ``HARD`` is the whole list of reasons that speak against an address for
good. Everything else speaks against a moment, a message or a sender.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    BOUNCE = "bounce"
    DELAYED = "delayed"
    COMPLAINT = "complaint"
    DELIVERED = "delivered"
    AUTO_REPLY = "auto_reply"
    UNSUBSCRIBE = "unsubscribe"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    HARD = "hard"
    SOFT = "soft"


class Reason(StrEnum):
    """Why a server refused, from what it said; ``OTHER`` where it said nothing we know."""

    USER_UNKNOWN = "user_unknown"
    HOST_UNKNOWN = "host_unknown"
    NO_MAIL_HOST = "no_mail_host"
    MOVED = "moved"
    MAILBOX_FULL = "mailbox_full"
    SUSPENDED = "suspended"
    FILTERED = "filtered"
    TOO_BIG = "too_big"
    EXPIRED = "expired"
    RATE_LIMITED = "rate_limited"
    BLOCKED = "blocked"
    SPAM = "spam"
    VIRUS = "virus"
    AUTHENTICATION = "authentication"
    POLICY = "policy"
    SENDER = "sender"
    NO_RELAY = "no_relay"
    CONTENT = "content"
    SYNTAX = "syntax"
    NETWORK = "network"
    SYSTEM = "system"
    OTHER = "other"


HARD = frozenset(
    {Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.NO_MAIL_HOST, Reason.MOVED},
)


class Command(StrEnum):
    """Which command a refusal answered, where the notice tells."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    UNKNOWN = "unknown"


class Source(StrEnum):
    """The class of evidence that decided a reason."""

    PHRASE = "phrase"
    STATUS = "status"
    CODE = "code"
    FIELD = "field"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Evidence:
    source: Source
    rule: str


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What was said about one recipient.

    ``address`` is whom the server refused, ``original`` whom we had written to where the notice
    knows the two apart (an alias, a forward). ``severity`` is None where nothing was refused.
    """

    address: str
    severity: Severity | None
    reason: Reason
    evidence: Evidence
    original: str = ""
    status: str = ""
    code: int | None = None
    diagnostic: str = ""
    command: Command = Command.UNKNOWN


# RFC 5965 (7.3) and RFC 6591: kinds of report that no reader has asked for.
_NO_OBJECTION = frozenset({"not-spam", "auth-failure", "virus", "dmarc"})


@dataclass(frozen=True, slots=True)
class Feedback:
    """``tokens`` are sealed strings from our own addresses in it: a VERP sender, a mailto link."""

    kind: Kind
    recipients: tuple[RecipientReport, ...] = ()
    evidence: str = ""
    original_message_id: str = ""
    tokens: tuple[str, ...] = ()
    feedback_type: str = ""

    @property
    def objection(self) -> bool:
        """Whether a reader has complained, not a filter or somebody who likes the mail."""
        return self.kind is Kind.COMPLAINT and self.feedback_type not in _NO_OBJECTION
