"""SMTP replies as values: what a server said, at which stage, and what follows from it.

Owns: ``Reply`` and ``classify``. Promises: never raises on what a server says. The enhanced
status (RFC 3463) outweighs the code, and the words outweigh both where providers are known to
answer 5yz to a passing condition (QQ Mail's 550 "frequency limited"). The words are the table
that notices of failure are read by (``message.feedback``): both are the same servers' sentences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from dongtai_mail.message.feedback.model import HARD, Reason
from dongtai_mail.message.feedback.phrases import find

ENHANCED = re.compile(r"^([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")


class Stage(StrEnum):
    """Where a transaction was when it ended; after ``FINAL`` began, the server may have it."""

    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    FINAL = "final"


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    DEFER = "defer"
    LIMITED = "limited"
    BOUNCE = "bounce"
    STOP = "stop"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Reply:
    """``code`` None means that no reply came: the connection broke or timed out at ``stage``."""

    stage: Stage
    code: int | None
    text: str = ""

    @property
    def said(self) -> str:
        """Code and words, as people read them."""
        return f"{self.code or ''} {self.text}".strip()

    @property
    def enhanced(self) -> str:
        match = ENHANCED.match(self.text)
        return match.group() if match else ""


# What no reader is to blame for: the message, its sender, or where it came from.
_ABOUT_US = frozenset(
    {
        Reason.AUTHENTICATION,
        Reason.BLOCKED,
        Reason.CONTENT,
        Reason.NO_RELAY,
        Reason.POLICY,
        Reason.SENDER,
        Reason.SPAM,
        Reason.SYNTAX,
        Reason.TOO_BIG,
        Reason.VIRUS,
    }
)
_GREYLISTED = re.compile(r"gr[ea]y-?list", re.IGNORECASE)
_NEEDS_SMTPUTF8 = "5.6.7"
_ABOUT_THE_SENDER = ("5.1.7", "5.1.8")
# A mailbox that gets more than its share (RFC 3463, X.2.1): its provider takes mail to the others.
_ONE_MAILBOX = ("4.2.1", "5.2.1")
# A host that stops, or that has waited for long enough (RFC 3463, X.3.2 and X.4.2).
_CLOSING = ("4.3.2", "4.4.2")
_CLOSES = re.compile(r"shutting down|closing transmission channel|timeout|timed out", re.IGNORECASE)
# Command not implemented, bad sequence: the dialogue went wrong, not the reader nor the letter.
_OUT_OF_STEP = (502, 503)


def readable(text: str) -> str:
    """A server's words as every database keeps them: for a NUL it shows that there was one."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def classify(reply: Reply) -> Verdict:
    """What a mailing does about a reply. Silence after the final dot is never guessed away."""
    if reply.code is None:
        return Verdict.UNCONFIRMED if reply.stage is Stage.FINAL else Verdict.DEFER
    if 200 <= reply.code < 300 and reply.stage is Stage.FINAL:
        return Verdict.ACCEPTED
    if 421 < reply.code < 500 and _GREYLISTED.search(reply.text):
        # Asked of every stranger's first try: coming slower would change nothing.
        return Verdict.DEFER
    phrase = find(reply.text)
    reason = phrase.reason if phrase else Reason.OTHER
    if reason is Reason.RATE_LIMITED and reply.enhanced in _ONE_MAILBOX:
        return Verdict.DEFER
    if reason is Reason.RATE_LIMITED or reply.code == 421:
        return Verdict.LIMITED
    if not 500 <= reply.code < 600:
        # Replies that no standard knows are no verdict on anybody, either.
        return Verdict.DEFER
    return _permanent(reply, reason)


def too_big(reply: Reply) -> bool:
    """Whether a server takes no message of this size, from anybody to anybody."""
    if reply.code is None or not 500 <= reply.code < 600 or reply.enhanced == "5.2.3":
        return False
    phrase = find(reply.text)
    return phrase.reason is Reason.TOO_BIG if phrase else reply.enhanced == "5.3.4"


def closing(reply: Reply) -> bool:
    """Whether a relay ends the session by itself, as when it is stopped (RFC 5321, 3.8).

    That is neither a reader's trouble nor a receiving provider's.
    """
    if reply.code != 421:
        return False
    phrase = find(reply.text)
    if phrase and phrase.reason is Reason.RATE_LIMITED:
        return False
    if reply.enhanced:
        return reply.enhanced in _CLOSING
    return _CLOSES.search(reply.text) is not None


def _permanent(reply: Reply, reason: Reason) -> Verdict:
    if reply.enhanced == _NEEDS_SMTPUTF8:
        # Our own addresses are ASCII, so it is the reader's that can't be written to (RFC 6531).
        return Verdict.BOUNCE
    if reason is Reason.MAILBOX_FULL or reply.enhanced == "5.2.2":
        return Verdict.DEFER
    if reply.enhanced in _ABOUT_THE_SENDER:
        return Verdict.STOP
    if reply.enhanced.startswith("5.1."):
        return Verdict.BOUNCE
    if reply.stage in (Stage.CONNECT, Stage.TLS, Stage.LOGIN, Stage.MAIL):
        # Nobody was named yet: it is about us, our relay or the envelope sender.
        return Verdict.STOP
    if reason in HARD:
        return Verdict.BOUNCE
    if reply.code in _OUT_OF_STEP:
        return Verdict.DEFER
    if reason in _ABOUT_US or reply.enhanced in ("5.3.4", "5.2.3"):
        return Verdict.STOP
    if reply.enhanced.startswith(("5.7.", "5.6.")):
        return Verdict.STOP
    if reply.code == 554 and not reply.enhanced.startswith(("5.1.", "5.2.")):
        return Verdict.STOP
    return Verdict.BOUNCE
