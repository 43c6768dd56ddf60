"""Reading a manuscript from end to end, and checking an issue wherever it comes from.

Owns: the order decode → lines → parse → checks.
Fails: ``ManuscriptError`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from dongtai_mail.content import Finding, Issue, Severity
from dongtai_mail.manuscript import checks, readers
from dongtai_mail.manuscript.checks import duplicates
from dongtai_mail.manuscript.encoding import decode
from dongtai_mail.manuscript.model import Manuscript, ManuscriptError
from dongtai_mail.manuscript.parse import parse

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def read(data: bytes, filename: str = "") -> Manuscript:
    """Read a manuscript's bytes; the file's name tells Markdown from plain text."""
    decoded = decode(data)
    findings = list(decoded.findings)
    lines = readers.read_text(decoded.text, findings)
    if not lines:
        raise ManuscriptError("文件里没有可读的文字。请检查导出的稿件，再试一次。")
    parsed = parse(lines, markdown=readers.is_markdown(filename))
    findings += [*parsed.findings, *checks.run(parsed.draft)]
    return Manuscript(
        issue=parsed.draft.issue,
        findings=_sorted(findings),
        uses=tuple(parsed.uses),
        encoding=decoded.encoding,
        draft=parsed.draft,
    )


def check(issue: Issue) -> tuple[Finding, ...]:
    """The findings about an issue that did not come from a file, or was edited since."""
    return _sorted(checks.run(checks.draft_of(issue)))


def findings_against(issue: Issue, earlier: Iterable[Issue]) -> tuple[Finding, ...]:
    """Items of an issue that earlier issues had already, or whose facts they had."""
    return tuple(duplicates.against(issue, earlier))


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first, then by line."""
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda one: (_ORDER[one.severity], one.line or 0)))
