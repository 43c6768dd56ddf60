"""Look whether links lead anywhere; ``issues.links`` says which, and what the answers mean.

Promises: the links of an issue that is scheduled are asked for again and again until it goes out;
many hosts at once, each host one link after the other with a pause between; seconds a
call, and none more once the caller has better things to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus

from dongtai_mail.delivery.models import Mailing
from dongtai_mail.issues import links
from dongtai_mail.issues.fetching import FetchError, Problem, Rules, ask
from dongtai_mail.issues.models import Issue, LinkCheck
from worker.stop import stopping

RULES = Rules(seconds=5.0)
HOSTS_AT_ONCE = 8
SECONDS = 20.0
# How long the caller is not asked whether it has better things to do.
ROUND_SECONDS = 5.0
PAUSE_SECONDS = 0.5
# How often scheduled issues are looked through for links whose answers have grown old.
SCHEDULED_SECONDS = 600.0

_looked = 0.0

Outcome = tuple[LinkCheck, int | None, Problem | None]


@dataclass
class _Visit:
    """What one host said about its links, and those there was no time for."""

    outcomes: list[Outcome] = field(default_factory=list)
    left: list[LinkCheck] = field(default_factory=list)


def run(hurried: Callable[[], bool], rules: Rules = RULES, pause: float = PAUSE_SECONDS) -> None:
    """Look at the links that are due, until it is ``hurried``; the next call goes on."""
    end = time.monotonic() + SECONDS
    _ask_of_scheduled()
    with ThreadPoolExecutor(HOSTS_AT_ONCE, "links") as pool:
        while not (_over(end) or hurried()) and (claimed := links.claim(HOSTS_AT_ONCE)):
            until = min(end, time.monotonic() + ROUND_SECONDS)
            visits = [pool.submit(_visit, checks, rules, pause, until) for checks in claimed]
            for visit in visits:
                _settle(visit.result())
    links.forget_old()


def _ask_of_scheduled() -> None:
    """An answer holds for a day, or an hour; ``issues.links`` knows which has to be asked again."""
    global _looked
    if _looked and time.monotonic() - _looked < SCHEDULED_SECONDS:
        return
    _looked = time.monotonic()
    scheduled = Mailing.objects.filter(state=Mailing.State.SCHEDULED)
    for issue in Issue.objects.filter(editions__mailings__in=scheduled).distinct():
        links.ask(issue)


def _over(end: float) -> bool:
    return time.monotonic() > end or stopping.is_set()


def _visit(checks: Sequence[LinkCheck], rules: Rules, pause: float, end: float) -> _Visit:
    """Ask a host about its links; touches no database, which is the caller's thread's."""
    visit = _Visit()
    for number, check in enumerate(checks):
        if _over(end):
            visit.left = list(checks[number:])
            break
        if number:
            stopping.wait(pause)
        visit.outcomes.append((check, *_look(check.url, rules)))
    return visit


def _look(url: str, rules: Rules) -> tuple[int | None, Problem | None]:
    """HEAD, and GET where a server makes a difference between them."""
    try:
        status = ask(url, rules).status
        if status >= HTTPStatus.BAD_REQUEST:
            status = ask(url, rules, "GET").status
    except FetchError as error:
        return None, error.problem
    return status, None


def _settle(visit: _Visit) -> None:
    for check, status, problem in visit.outcomes:
        links.settle(check, status, problem)
    links.give_back(visit.left)
