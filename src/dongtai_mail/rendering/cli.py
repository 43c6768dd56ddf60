"""A rendering as files: what ``dongtai render`` leaves in its output folder.

Owns: the file names and the report. Promises: parts are written as they would be sent, with line
ends as they are. Fails: with OSError when the folder cannot be written.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from dongtai_mail.content import Finding, Severity
from dongtai_mail.rendering.model import HTML_LIMIT, Rendered

LONGEST_LINE = 998  # RFC 5321, section 4.5.3.1.6, without CRLF.


def write_output(rendered: Rendered, out_dir: Path, eml: bytes | None) -> dict[str, Any]:
    """Write the parts, the complete message if given, and ``report.json``; answer the report."""
    parts = {
        "issue.mjml": rendered.mjml.encode(),
        "issue.html": rendered.html.encode(),
        "issue.txt": rendered.text.encode(),
        "web.html": rendered.web_html.encode(),
    }
    if eml is not None:
        parts["issue.eml"] = eml
    report = _report(rendered, parts)
    parts["report.json"] = json.dumps(report, ensure_ascii=False, indent=2).encode() + b"\n"
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, content in parts.items():
        (out_dir / name).write_bytes(content)
    return report


def message_findings(eml: bytes) -> list[Finding]:
    """A finding for the first line that SMTP servers may refuse."""
    for number, line in enumerate(eml.split(b"\n"), 1):
        if len(line.rstrip(b"\r")) > LONGEST_LINE:
            message = f"邮件第 {number} 行有 {len(line):,} 字节，超过 {LONGEST_LINE}"
            return [Finding("line-too-long", Severity.ERROR, message, line=number)]
    return []


def _report(rendered: Rendered, parts: dict[str, bytes]) -> dict[str, Any]:
    findings = list(rendered.findings)
    if "issue.eml" in parts:
        findings += message_findings(parts["issue.eml"])
    return {
        "edition": rendered.kind.value,
        "subject": rendered.subject,
        "preheader": rendered.preheader,
        "size": {"html": rendered.size, "limit": HTML_LIMIT},
        "bytes": {name: len(content) for name, content in parts.items()},
        "milliseconds": {name: round(ms, 2) for name, ms in rendered.milliseconds.items()},
        "checks": [dataclasses.asdict(finding) for finding in findings],
    }
