"""One thing that was looked at: how it stands, what was found, what to do."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import partial

SECONDS = 4.0
CLOCK_SECONDS = 2.0


class Verdict(enum.Enum):
    GOOD = "good"
    DOUBT = "doubt"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """``found`` says what is, ``advice`` what to do, ``record`` is to be copied as it stands."""

    verdict: Verdict
    name: str
    found: str
    advice: str = ""
    record: str = ""


good = partial(Check, Verdict.GOOD)
doubt = partial(Check, Verdict.DOUBT)
bad = partial(Check, Verdict.BAD)
unknown = partial(Check, Verdict.UNKNOWN)
