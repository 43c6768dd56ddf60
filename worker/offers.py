"""What relays offer, and which letters that leaves out.

Owns: the extensions that matter to a letter, what was refused though nothing spoke against it, and
the words for a letter that no relay takes.
Promises: a letter is refused for good only by what every relay has said; where one of them may
yet take it, it waits. An address that needs SMTPUTF8 is its reader's alone; a size is everybody's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiosmtplib

from dongtai_mail.delivery.letters import Letter
from dongtai_mail.message.reply import Reply, Stage

# What letters of one mailing differ by: a reader's name and address, encoded, at their longest.
OWN_OCTETS = 1000
_NO_SMTPUTF8 = "does not offer SMTPUTF8, which this address needs (RFC 6531)"


class LetterRefused(Exception):
    """No relay takes this letter, now or ever; ``reply`` says why. Others may go.

    ``everybodys``: it waits for a relay that is out, and so would every other of its mailing.
    """

    def __init__(self, reply: Reply, everybodys: bool = False) -> None:
        super().__init__(reply.text)
        self.reply = reply
        self.everybodys = everybodys


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server answered EHLO with. ``size`` 0: it named no limit (RFC 1870, 6).

    ``refused`` is the size of a letter that it found too big all the same, 0 when it found none.
    """

    pipelining: bool
    smtputf8: bool
    eightbit: bool
    size: int
    refused: int = 0

    def lacks(self, letter: Letter) -> str:
        """What the letter would need and the server has not; "" when it takes it."""
        if not letter.recipient.ascii and not self.smtputf8:
            return _NO_SMTPUTF8
        if self.size and letter.size > self.size:
            # Rounded: letters differ by a name, and reasons are counted by their words.
            return (
                f"takes messages of {self.size} octets, and this one has {letter.size / 1e3:.0f} kB"
            )
        if self.refused and letter.size >= self.refused:
            return f"found {letter.size / 1e3:.0f} kB too big just now, without naming a limit"
        return ""

    def keeps_back_all(self, letter: Letter) -> bool:
        """Whether the size of this letter is what it lacks, and that of its mailing's others, too.

        A limit between two letters of a mailing keeps back the larger one alone.
        """
        return 0 < self.size < letter.size - OWN_OCTETS or 0 < self.refused <= letter.size

    def without(self, letter: Letter) -> Offer:
        """The same of a server that has found this letter too big."""
        refused = min(self.refused or letter.size, letter.size)
        return dataclasses.replace(self, refused=refused)


def offered(client: aiosmtplib.SMTP) -> Offer:
    size = client.esmtp_extensions.get("size", "")
    return Offer(
        pipelining=client.supports_extension("pipelining"),
        smtputf8=client.supports_extension("smtputf8"),
        eightbit=client.supports_extension("8bitmime"),
        size=int(size) if size.isascii() and size.isdigit() else 0,
    )


def refused(lacking: Mapping[str, str]) -> Reply:
    """The reply to a letter that no relay takes, each for its reason."""
    if _NO_SMTPUTF8 in lacking.values():
        return Reply(Stage.RCPT, 553, f"5.6.7 {_listed(lacking)}")
    return Reply(Stage.MAIL, 552, f"5.3.4 {_listed(lacking)}")


def put_off(lacking: Mapping[str, str], others: Sequence[str]) -> Reply:
    """The reply to a letter that must wait for others than these, which are out just now."""
    text = f"{_listed(lacking)}; waiting until {', '.join(others)} can be used again"
    return Reply(Stage.CONNECT, None, text)


def _listed(lacking: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {why}" for name, why in lacking.items())
