"""SMTP replies as values: what a server said, at which stage, and what follows from it.

Owns: ``Reply`` and ``classify``. Promises: never raises on what a server says. The enhanced
status (RFC 3463) outweighs the code, and the words outweigh both where providers are known to
answer 5yz to a passing condition (QQ Mail's 550 "frequency limited").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

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
    def enhanced(self) -> str:
        match = ENHANCED.match(self.text)
        return match.group() if match else ""


LIMITED = re.compile(
    r"frequency limited|rate limit|too many (?:messages|connections|recipients|mails)|throttl"
    r"|sending rate|temporarily deferred|\bHL:(?:ICC|IFC|REP)\b|MI:DMC|RP:DRC|DT:SPM",
    re.IGNORECASE,
)
FULL = re.compile(r"mailbox (?:is )?full|over ?quota|quota exceed|insufficient storage", re.I)
TOO_BIG = re.compile(r"message (?:size|too (?:big|large))|size exceed|exceeds.{0,20}size", re.I)
UNKNOWN = re.compile(
    r"user unknown|unknown user|no such user|does not exist|not exist|mailbox unavailable"
    r"|mailbox not found|invalid (?:recipient|mailbox)|recipient (?:rejected|not found)"
    r"|account (?:is )?disabled|user not found|address rejected",
    re.IGNORECASE,
)


def classify(reply: Reply) -> Verdict:
    """What a mailing does about a reply. Silence after the final dot is never guessed away."""
    if reply.code is None:
        return Verdict.UNCONFIRMED if reply.stage is Stage.FINAL else Verdict.DEFER
    if 200 <= reply.code < 300 and reply.stage is Stage.FINAL:
        return Verdict.ACCEPTED
    if LIMITED.search(reply.text) or reply.code == 421:
        return Verdict.LIMITED
    if reply.code < 500:
        return Verdict.DEFER
    return _permanent(reply)


def _permanent(reply: Reply) -> Verdict:
    if FULL.search(reply.text) or reply.enhanced == "5.2.2":
        return Verdict.DEFER
    if reply.enhanced.startswith("5.1.") or UNKNOWN.search(reply.text):
        return Verdict.BOUNCE
    if reply.stage in (Stage.CONNECT, Stage.TLS, Stage.LOGIN, Stage.MAIL):
        # Nobody was named yet: it is about us, our relay or the envelope sender.
        return Verdict.STOP
    if TOO_BIG.search(reply.text) or reply.enhanced in ("5.3.4", "5.2.3"):
        return Verdict.STOP
    if reply.enhanced.startswith(("5.7.", "5.6.")) and reply.enhanced != "5.6.7":
        return Verdict.STOP
    if reply.code == 554 and not reply.enhanced.startswith(("5.1.", "5.2.")):
        return Verdict.STOP
    return Verdict.BOUNCE
