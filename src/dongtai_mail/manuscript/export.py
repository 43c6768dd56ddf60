"""What a manuscript says, as the public JSON contract and as an outline for the terminal.

Owns: the JSON contract of docs/manuscript.md.
Promises: ``to_json`` yields plain dicts, lists, strings, numbers and None.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Any

from dongtai_mail.content import (
    Block,
    Finding,
    Image,
    Item,
    ListBlock,
    Paragraph,
    Severity,
    Subheading,
    Table,
)
from dongtai_mail.manuscript.inline import as_json
from dongtai_mail.manuscript.model import Manuscript
from dongtai_mail.manuscript.script import shortened


def to_json(manuscript: Manuscript) -> dict[str, Any]:
    """The manuscript as the public JSON contract."""
    issue = manuscript.issue
    host, colophon = issue.host, issue.colophon
    return {
        "masthead": issue.masthead,
        "host": {"name": host.name, "also": host.also} if host else None,
        "toc": [{"section": e.section, "title": e.title, "page": e.page} for e in issue.toc],
        "sections": [
            {"name": section.name, "items": [_item(item) for item in section.items]}
            for section in issue.sections
        ],
        "colophon": {
            "address": colophon.address,
            "postcode": colophon.postcode,
            "organisation": colophon.organisation,
            "phone": colophon.phone,
        }
        if colophon
        else None,
        "findings": [_finding(finding) for finding in manuscript.findings],
    }


def outline(manuscript: Manuscript) -> str:
    """A readable outline with the findings and their line numbers."""
    return "\n".join(
        map(_visible, [*_head(manuscript), *_sections(manuscript), *_findings(manuscript)])
    )


def _item(item: Item) -> dict[str, Any]:
    made = {
        "title": item.title,
        "body": [_block(block) for block in item.body],
        "source": item.source,
        "compiler": item.compiler,
        "date": item.date.isoformat() if item.date else None,
        "source_line": item.source_line,
    }
    return made | ({"heading": item.heading} if item.heading else {})


def _block(block: Block) -> Any:
    match block:
        case Paragraph(text):
            return as_json(text)
        case Subheading(text):
            return {"subheading": as_json(text)}
        case ListBlock(items):
            return {"list": [as_json(item) for item in items]}
        case Table(rows):
            return {"table": [[as_json(cell) for cell in row] for row in rows]}
        case Image(src, alt, caption):
            return {"image": {"src": src, "alt": alt, "caption": caption}}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "line": finding.line,
        "item": finding.item,
        "message": finding.message,
        "suggestion": finding.suggestion,
    }


def _head(manuscript: Manuscript) -> Iterator[str]:
    issue = manuscript.issue
    yield f"刊名：{issue.masthead or '（稿件中没有）'}"
    if issue.number or issue.date:
        yield f"期号：{issue.number or '—'}  日期：{issue.date or '—'}"
    if issue.host:
        yield f"主办单位：{issue.host.name}" + (f"（{issue.host.also}）" if issue.host.also else "")
    counts = f"目录 {len(issue.toc)} 条，栏目 {len(issue.sections)} 个，共 {len(issue.items)} 条"
    yield f"{counts}；编码 {manuscript.encoding}"


def _sections(manuscript: Manuscript) -> Iterator[str]:
    lines = iter(manuscript.draft.item_lines)
    for section in manuscript.issue.sections:
        yield ""
        yield f"【{section.name or '未分栏目'}】 {len(section.items)} 条"
        for item in section.items:
            yield f"{next(lines) or '':>6}  {item.title or '（没有标题）'}"
            yield f"        {_about(item)}"


def _about(item: Item) -> str:
    if item.heading:
        return f"{item.heading}，{len(item.body)} 段"
    parts = [f"{len(item.body)} 段", item.source or ("本刊" if item.source_line else "没有来源行")]
    if item.compiler:
        parts.append(f"编选 {item.compiler}")
    return "，".join([*parts, str(item.date or "没有日期")])


def _findings(manuscript: Manuscript) -> Iterator[str]:
    counts = Counter(finding.severity for finding in manuscript.findings)
    yield ""
    yield "检查结果：" + "，".join(f"{s.word} {counts[s]}" for s in Severity)
    for finding in manuscript.findings:
        place = f"第 {finding.line} 行" if finding.line else "全文"
        item = f"《{shortened(finding.item, 20)}》" if finding.item else ""
        hint = f" → {finding.suggestion}" if finding.suggestion is not None else ""
        yield f"{finding.severity.word} {place} {item}{finding.message}{hint} [{finding.code}]"


def _visible(line: str) -> str:
    """A line safe for a terminal: no control and no direction characters."""
    if line.isprintable():
        return line
    return "".join("�" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in line)
