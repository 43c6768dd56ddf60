"""From what a server said about a recipient to a reason and a severity.

Owns: weighing the classes of evidence. Words outweigh the enhanced status, which outweighs the
reply code, for MTAs fill in numbers they don't know and nobody makes up a sentence. Promises: hard
needs a reason of `HARD`, and evidence that it was the *recipient* that was refused; whatever is
unclear is soft, and counts, so an address that is really dead is found by its repetition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dongtai_mail.message.feedback.model import HARD, Command, Evidence, Reason, Severity, Source
from dongtai_mail.message.feedback.phrases import find, flattened
from dongtai_mail.message.feedback.rule import Phrase
from dongtai_mail.message.feedback.status import CODES, lookup

# Where a notice says which command was refused, by the MTAs that say it.
COMMANDS: tuple[tuple[Command, re.Pattern[str], str], ...] = tuple(
    (command, re.compile(says, re.IGNORECASE), example)
    for command, says, example in (
        (
            Command.RCPT,
            r"in reply to RCPT TO|unknown address error|<<< ?RCPT|after RCPT|\[RCPT_?TO\]"
            r"|>>> ?RCPT|\bsent: ?RCPT|SMTP:RCPT|while sending RCPT"
            r"|need rcpt|no valid recipients?|valid RCPT command|\(RCPT\b|state 1[34]\)"
            r"|like our RCPT TO|does not like recipient|for RCPT TO command|--> ?RCPT|RCPT failed"
            r"|has rejected address|address (?:not|couldn't be) found"
            r"|\b55\d <\S{1,100}>\.\.\. User unk"
            r"|RCPT TO:? ?<?\S{0,80}>? ?(?:failed|rejected)|response to RCPT|during RCPT",
            "host mx.example.org said: 550 no (in reply to RCPT TO command)",
        ),
        (
            Command.MAIL,
            r"in reply to MAIL FROM|after MAIL|\[MAIL_?FROM\]|>>> ?MAIL|SMTP:MAIL"
            r"|while sending MAIL"
            r"|like our MAIL|for MAIL FROM command|--> ?MAIL|does not like (?:your )?sender",
            "SMTP error from remote mail server after MAIL FROM:<news@example.com>",
        ),
        (
            Command.CONNECT,
            r"refused to talk to me|after (?:initial connection|HELO|EHLO)|>>> ?(?:EHLO|HELO)"
            r"|in reply to (?:EHLO|HELO)|initial server greeting|greeting failed"
            r"|my name was rejected|like our (?:HELO|EHLO|greet)"
            r"|for (?:GREETING|EHLO|HELO)|\[(?:CONNECT|HELO|EHLO)\]",
            "host mx.example.org refused to talk to me: 554 blocked",
        ),
        (
            Command.DATA,
            r"in reply to (?:end of )?DATA|after (?:end of data|DATA|pipelined)|\[(?:DATA|EOM"
            r"|BODY)\]"
            r"|>>> ?(?:DATA|\.)|end of (?:data|message)|message \(DATA|state 1[78]\)|SMTP:DATA"
            r"|other mail system problem"
            r"|like our (?:DATA|final DATA)|for TEXT command|after I sent the message|--> ?DATA",
            "host mx.example.org said: 554 no (in reply to end of DATA command)",
        ),
    )
)


_PASSING_STATES = (Reason.MAILBOX_FULL, Reason.SUSPENDED)


def command_of(said: str, context: str) -> Command:
    for text in (flattened(said), flattened(context)):
        for command, says, _ in COMMANDS:
            if says.search(text):
                return command
    return Command.UNKNOWN


# What introduces a server's own words in somebody else's sentences.
_QUOTED = re.compile(
    r"(?:(?:response|error|reply)[^\n:]{0,60} (?:was|is|returned|message)\s?:|\bsaid:|reason:"
    r"|\bserver:|diagnostic[^\n:]{0,40}:|<<<|(?<=error )[2-5]\d\d-')\s*"
    r"((?:[^\n]{1,500}\n?){1,6})",
    re.IGNORECASE,
)


# A reply's code and what follows it in the line.
_REPLY = re.compile(r"(?<![\w.])[245]\d\d[ -][^\n]*")


def _texts(said: str, context: str) -> Iterator[str]:
    """Evidence in the order of its worth: a server's quoted words before what is around them."""
    for text in (said, context):
        yield from _QUOTED.findall(text)[:3]
        if text:
            yield text


def judge(
    said: str, context: str, status: str, code: int | None, command: Command
) -> tuple[Reason, Severity, Evidence]:
    """Weigh a refusal: its own words first, then the notice around it, then the numbers."""
    for text in _texts(said, context):
        phrase = find(text)
        if phrase and phrase.reason is Reason.USER_UNKNOWN:
            phrase = _doubted(said, context) or phrase
        if phrase and not (phrase.weak and not _recipient_refused(status, code, command)):
            sure = phrase.sure or (
                command is Command.UNKNOWN and _explained(context, phrase.reason)
            )
            reason = phrase.reason if sure else _at_command(phrase.reason, status, code, command)
            return reason, _severity(reason, status), Evidence(Source.PHRASE, phrase.name)
    return _by_numbers(status, code, command)


def _doubted(said: str, context: str) -> Phrase | None:
    """Words around a server's "user unknown" that say the mailbox is there but full or closed."""
    phrase = find(context.replace(said, " ")) if said else None
    return phrase if phrase and phrase.reason in _PASSING_STATES else None


def _explained(context: str, reason: Reason) -> bool:
    """Whether the notice says of its own what a server's reply says, too.

    A reply is wrapped and quoted at will, but is ASCII: what is not are the notice's own words.
    """
    lines = [] if reason is not Reason.USER_UNKNOWN else _REPLY.sub(" ", context).splitlines()
    phrase = find("\n".join(line for line in lines if not line.isascii()))
    return phrase is not None and phrase.reason is reason and not phrase.weak


def _recipient_refused(status: str, code: int | None, command: Command) -> bool:
    if rule := lookup(status):
        return rule.reason in HARD and status.startswith("5.1.")
    return command is Command.RCPT and (code or 550) >= 500


def _at_command(reason: Reason, status: str, code: int | None, command: Command) -> Reason:
    """What a reason means there: before RCPT nobody was named, after DATA nobody is unknown.

    A reply that a relay quotes without saying to what, and that has no status of its own, may be
    either: filters like to say "user unknown" once they have seen the message.
    """
    if reason not in HARD:
        return reason
    if command is Command.MAIL:
        return Reason.SENDER
    if command is Command.CONNECT:
        return Reason.BLOCKED
    if reason is not Reason.USER_UNKNOWN or status[1:].startswith(".1."):
        return reason
    if command is Command.DATA:
        return Reason.FILTERED
    if command is Command.RCPT:
        return reason
    rule = lookup(status)
    if rule and rule.reason not in HARD:
        return rule.reason
    return Reason.FILTERED if code and not rule else reason


def _severity(reason: Reason, status: str) -> Severity:
    if reason not in HARD:
        return Severity.SOFT
    # 4.1.2 is of the domain, whatever the words say of a recipient.
    passing = status.startswith("4.") and (reason is not Reason.USER_UNKNOWN or status == "4.1.2")
    return Severity.SOFT if passing else Severity.HARD


def _by_numbers(
    status: str, code: int | None, command: Command
) -> tuple[Reason, Severity, Evidence]:
    if rule := lookup(status):
        reason = _at_command(rule.reason, status, code, command)
        severity = Severity.SOFT if status.startswith("4.") else _severity(reason, status)
        return reason, severity, Evidence(Source.STATUS, f"{status} {rule.means}")
    if code in CODES:
        found, means = CODES[code]
        reason = _at_command(found, status, code, command)
        return reason, _severity(reason, status), Evidence(Source.CODE, f"{code} {means}")
    return Reason.OTHER, Severity.SOFT, Evidence(Source.NONE, "nothing known was said")
