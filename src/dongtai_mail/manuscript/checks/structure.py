"""The issue's skeleton: what is missing, empty or there twice."""

from __future__ import annotations

from collections.abc import Iterator

from dongtai_mail.content import Finding, Severity, Subheading
from dongtai_mail.manuscript.model import Draft, Role

_PARTS = {
    "masthead": "刊名",
    "issue-number": "期号",
    "issue-date": "出刊日期",
    "host": "主办单位",
    "colophon": "版权信息（地址、邮编、电话）",
}

# Three times the longest that a newsletter prints.
LONGEST_TITLE = 100

# No publication has these: whoever makes the issue says them.
_OF_EACH_ISSUE = frozenset({"issue-number", "issue-date"})


def check(draft: Draft) -> Iterator[Finding]:
    yield from _missing(draft)
    yield from _sections(draft)
    yield from _items(draft)
    yield from _lone_subheadings(draft)


def _missing(draft: Draft) -> Iterator[Finding]:
    for part in _PARTS:
        if getattr(draft.issue, part.removeprefix("issue-")) is None:
            message = (
                f"稿件中没有{_PARTS[part]}。导入以后，请在“期刊信息”里填上。"
                if part in _OF_EACH_ISSUE
                else f"稿件中没有{_PARTS[part]}，将使用刊物设置里的。"
            )
            yield Finding(f"{part}-missing", Severity.INFO, message)


def _sections(draft: Draft) -> Iterator[Finding]:
    seen: dict[str, int | None] = {}
    if not draft.issue.items:
        yield Finding("items-missing", Severity.ERROR, "没有找到任何条目。请检查栏目标题和来源行。")
    for section, line in zip(draft.issue.sections, draft.section_lines, strict=True):
        if not section.name:
            message = "开头的条目不属于任何栏目。请在它们前面加一行【栏目名】。"
            yield Finding("section-missing", Severity.WARNING, message, _first_line(draft))
        elif section.name in seen:
            before = f"（第 {seen[section.name]} 行已有）" if seen[section.name] else ""
            message = f"栏目【{section.name}】重复出现{before}。请合并，或改正栏目名。"
            yield Finding("section-repeated", Severity.WARNING, message, line)
        if not section.items:
            message = f"栏目【{section.name}】下没有条目。请补上条目或删去栏目。"
            yield Finding("section-empty", Severity.WARNING, message, line)
        seen.setdefault(section.name, line)


def _first_line(draft: Draft) -> int | None:
    return draft.item_lines[0] if draft.item_lines else None


def _items(draft: Draft) -> Iterator[Finding]:
    for item, line in zip(draft.issue.items, draft.item_lines, strict=True):
        if not item.title:
            message = "这一条没有标题。请在正文前补一行标题。"
            yield Finding("title-missing", Severity.ERROR, message, line)
        elif len(item.title) > LONGEST_TITLE:
            message = (
                f"标题有 {len(item.title)} 个字，多半是正文被当成了标题。"
                "请看看标题后面是不是少了换行，或把标题改短。"
            )
            yield Finding("title-long", Severity.WARNING, message, line, item.title)
        if not item.body:
            message = "这一条只有标题，没有正文。请补上正文或删去这一条。"
            yield Finding("item-empty", Severity.ERROR, message, line, item.title)


def _lone_subheadings(draft: Draft) -> Iterator[Finding]:
    """An article has several sub-headings; a single one may be the title of another item."""
    lone = {
        item.title
        for item in draft.issue.items
        if sum(isinstance(block, Subheading) for block in item.body) == 1
    }
    for passage in draft.passages:
        if passage.role is Role.SUBHEADING and passage.item in lone:
            message = (
                f"“{passage.text}”按小标题处理。如果它是另一条的标题，请在它前面补上一条的来源行。"
            )
            line = passage.line_at(0)
            yield Finding("subheading-alone", Severity.INFO, message, line, passage.item)
