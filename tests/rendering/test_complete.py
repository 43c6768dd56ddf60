"""Filling an issue's gaps: never over the manuscript's own words, never in silence."""

from __future__ import annotations

import datetime

from dongtai_mail.content import Issue, Severity
from dongtai_mail.rendering import complete
from tests.rendering.samples import small_issue


def test_what_the_manuscript_says_stays() -> None:
    issue, findings = complete(small_issue(), masthead="别的刊名", number="第 99 期")
    assert issue == small_issue()
    assert findings == ()


def test_a_gap_that_is_filled_is_told() -> None:
    issue, findings = complete(
        Issue(masthead="周刊"), number="第 1 期", date=datetime.date(2026, 1, 2)
    )
    assert (issue.masthead, issue.number, issue.date) == (
        "周刊",
        "第 1 期",
        datetime.date(2026, 1, 2),
    )
    told = [(f.code, f.severity) for f in findings]
    assert told[:2] == [("number-supplied", Severity.INFO), ("date-supplied", Severity.INFO)]


def test_a_gap_that_stays_is_a_warning() -> None:
    _, findings = complete(Issue(masthead="周刊"))
    assert {f.code for f in findings} == {
        "number-missing",
        "date-missing",
        "host-missing",
        "colophon-missing",
    }
    assert {f.severity for f in findings} == {Severity.WARNING}
