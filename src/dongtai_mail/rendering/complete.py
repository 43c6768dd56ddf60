"""What a manuscript leaves unsaid, filled from the publication or from a command's options.

Owns: which parts of an issue may be supplied from elsewhere, and the findings about them.
Promises: what the manuscript says is never replaced, and nothing is invented: a part that nobody
supplies stays absent, which is a finding too.
"""

from __future__ import annotations

import dataclasses
import datetime

from dongtai_mail.content import Colophon, Finding, Host, Issue, Severity

_NAMES = {
    "masthead": "刊名",
    "number": "期号",
    "date": "出版日期",
    "host": "主办单位",
    "colophon": "编辑部信息",
    "subject": "邮件主题",
    "preheader": "预览文字",
}
_PLACES = ("masthead", "number", "date", "host", "colophon")


def complete(
    issue: Issue,
    *,
    masthead: str | None = None,
    number: str | None = None,
    date: datetime.date | None = None,
    host: Host | None = None,
    colophon: Colophon | None = None,
    subject: str | None = None,
    preheader: str | None = None,
) -> tuple[Issue, tuple[Finding, ...]]:
    """The issue with its gaps filled, and a finding for each: info when filled, else a warning."""
    offered = {
        "masthead": masthead,
        "number": number,
        "date": date,
        "host": host,
        "colophon": colophon,
        "subject": subject,
        "preheader": preheader,
    }
    supplied = {
        name: value
        for name, value in offered.items()
        if value is not None and getattr(issue, name) is None
    }
    completed = dataclasses.replace(issue, **supplied)  # type: ignore[arg-type]  # Each fits.
    findings = (
        Finding(f"{name}-supplied", Severity.INFO, f"稿件没有{_NAMES[name]}，用了设置里的")
        for name in supplied
    )
    return completed, (*findings, *missing(completed))


def missing(issue: Issue) -> tuple[Finding, ...]:
    """A warning for each place of the edition that stays empty."""
    return tuple(
        Finding(f"{name}-missing", Severity.WARNING, f"没有{_NAMES[name]}，邮件里空着这一处")
        for name in _PLACES
        if getattr(issue, name) is None
    )
