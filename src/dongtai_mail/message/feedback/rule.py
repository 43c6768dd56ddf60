"""The form of a rule: a reason, the words that give it, and an example of them.

Owns: ``Phrase``. Promises: matching is on lower-case text of one line (``phrases.flattened``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dongtai_mail.message.feedback.model import Reason

_UPPER = re.compile(r"\\.|([A-Z])")


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to say one reason.

    ``weak`` words fit other reasons too: they count only in answer to a recipient. ``sure`` words
    are a provider's own, known to mean the mailbox whenever they are said.
    """

    name: str
    reason: Reason
    says: re.Pattern[str]
    example: str
    weak: bool = False
    sure: bool = False


def rule(
    name: str, reason: Reason, says: str, example: str, weak: bool = False, sure: bool = False
) -> Phrase:
    # Lower case on both sides costs a third of what re.IGNORECASE does.
    lower = _UPPER.sub(lambda found: found[0] if found[1] is None else found[1].lower(), says)
    return Phrase(name, reason, re.compile(lower), example, weak, sure)
