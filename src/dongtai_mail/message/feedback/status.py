"""What numbers say: enhanced status codes (RFC 3463 and its registry) and reply codes (RFC 5321).

Owns: the two tables and finding such numbers in a text. Promises: numbers that MTAs write when
they know nothing better (x.0.0, x.5.0 …) mean nothing here. Fails: an unknown number has no reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dongtai_mail.message.feedback.model import Reason

# Not part of an IP address or a version: neither digits nor dots around it.
_STATUS = re.compile(r"(?<![\d.\[])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
# A code stands first, after a colon or a bracket, or before its enhanced status.
_CODE = re.compile(
    r"(?:(?:^|[\s;:('\"\[<,#])([2-5][0-5]\d)(?=[\s-]#?[245]\.\d{1,3}\.\d))"
    r"|(?:(?:^|said:|error:|response was:?|server:|smtp;|[;:('\"\[>]|<<<)\s*([2-5][0-5]\d)"
    r"(?=[\s:,-]|$))",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class StatusRule:
    status: str
    reason: Reason
    means: str


# Keyed by subject and detail; the class (4 or 5) tells whether the server still hopes.
STATUSES: dict[str, StatusRule] = {
    rule.status: rule
    for rule in (
        StatusRule("1.0", Reason.USER_UNKNOWN, "other address status"),
        StatusRule("1.1", Reason.USER_UNKNOWN, "bad destination mailbox address"),
        StatusRule("1.2", Reason.HOST_UNKNOWN, "bad destination system address"),
        StatusRule("1.3", Reason.USER_UNKNOWN, "bad destination mailbox address syntax"),
        StatusRule("1.4", Reason.USER_UNKNOWN, "destination mailbox address ambiguous"),
        StatusRule("1.6", Reason.MOVED, "destination mailbox has moved"),
        StatusRule("1.7", Reason.SENDER, "bad sender's mailbox address syntax"),
        StatusRule("1.8", Reason.SENDER, "bad sender's system address"),
        StatusRule("1.9", Reason.NETWORK, "message relayed to non-compliant mailer"),
        StatusRule("1.10", Reason.NO_MAIL_HOST, "recipient address has null MX"),
        StatusRule("2.0", Reason.FILTERED, "other mailbox status"),
        StatusRule("2.1", Reason.SUSPENDED, "mailbox disabled"),
        StatusRule("2.2", Reason.MAILBOX_FULL, "mailbox full"),
        StatusRule("2.3", Reason.TOO_BIG, "message length exceeds administrative limit"),
        StatusRule("2.4", Reason.SYSTEM, "mailing list expansion problem"),
        StatusRule("3.0", Reason.SYSTEM, "other mail system status"),
        StatusRule("3.1", Reason.SYSTEM, "mail system full"),
        StatusRule("3.2", Reason.SYSTEM, "system not accepting network messages"),
        StatusRule("3.4", Reason.TOO_BIG, "message too big for system"),
        StatusRule("3.5", Reason.SYSTEM, "system incorrectly configured"),
        StatusRule("4.1", Reason.NETWORK, "no answer from host"),
        StatusRule("4.2", Reason.NETWORK, "bad connection"),
        StatusRule("4.3", Reason.NETWORK, "directory server failure"),
        StatusRule("4.4", Reason.NO_MAIL_HOST, "unable to route"),
        StatusRule("4.5", Reason.RATE_LIMITED, "mail system congestion"),
        StatusRule("4.6", Reason.NETWORK, "routing loop detected"),
        StatusRule("4.7", Reason.EXPIRED, "delivery time expired"),
        StatusRule("5.3", Reason.RATE_LIMITED, "too many recipients"),
        StatusRule("6.0", Reason.CONTENT, "other media error"),
        StatusRule("6.7", Reason.CONTENT, "non-ASCII addresses not permitted"),
        StatusRule("7.0", Reason.POLICY, "other security status"),
        StatusRule("7.1", Reason.POLICY, "delivery not authorized"),
        StatusRule("7.2", Reason.POLICY, "mailing list expansion prohibited"),
        StatusRule("7.8", Reason.NO_RELAY, "authentication credentials invalid"),
        StatusRule("7.13", Reason.SUSPENDED, "user account disabled"),
        StatusRule("7.17", Reason.MOVED, "mailbox owner has changed"),
        StatusRule("7.18", Reason.MOVED, "domain owner has changed"),
        StatusRule("7.20", Reason.AUTHENTICATION, "no passing DKIM signature"),
        StatusRule("7.23", Reason.AUTHENTICATION, "SPF validation failed"),
        StatusRule("7.25", Reason.BLOCKED, "reverse DNS validation failed"),
        StatusRule("7.26", Reason.AUTHENTICATION, "multiple authentication checks failed"),
        StatusRule("7.27", Reason.SENDER, "sender address has null MX"),
        StatusRule("7.28", Reason.RATE_LIMITED, "mail flood detected"),
    )
}

CODES: dict[int, tuple[Reason, str]] = {
    421: (Reason.RATE_LIMITED, "service not available, closing"),
    422: (Reason.MAILBOX_FULL, "mailbox full"),
    451: (Reason.SYSTEM, "local error"),
    452: (Reason.SYSTEM, "insufficient system storage"),
    521: (Reason.NO_MAIL_HOST, "host does not accept mail"),
    522: (Reason.MAILBOX_FULL, "mailbox full"),
    523: (Reason.TOO_BIG, "message too big"),
    525: (Reason.SUSPENDED, "user account disabled"),
    530: (Reason.NO_RELAY, "authentication required"),
    551: (Reason.MOVED, "user not local"),
    552: (Reason.MAILBOX_FULL, "exceeded storage allocation"),
    556: (Reason.NO_MAIL_HOST, "domain does not accept mail"),
}


def lookup(status: str) -> StatusRule | None:
    """The rule of an enhanced status such as 5.1.1; any 7.x without its own is policy."""
    _, _, detail = status.partition(".")
    found = STATUSES.get(detail)
    if found is None and detail.startswith("7."):
        return STATUSES["7.0"]
    return found


def statuses(text: str) -> list[str]:
    return [".".join(match.groups()) for match in _STATUS.finditer(text)]


def find_status(text: str) -> str:
    """The most telling enhanced status in a text: one that has a reason before one without."""
    found = [status for status in statuses(text) if not status.startswith("2.")]
    return next((status for status in found if lookup(status)), found[0] if found else "")


def find_code(text: str) -> int | None:
    match = _CODE.search(text)
    return int(match[1] or match[2]) if match else None
