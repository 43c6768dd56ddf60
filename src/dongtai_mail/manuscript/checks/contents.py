"""The printed table of contents against the items."""

from __future__ import annotations

from collections.abc import Iterator

from dongtai_mail.content import Finding, Item, Severity, TocEntry
from dongtai_mail.manuscript import toc
from dongtai_mail.manuscript.model import Draft


def check(draft: Draft) -> Iterator[Finding]:
    if not draft.issue.toc:
        return
    found = toc.match(draft.issue)
    sections = [section.name for section in draft.issue.sections for _ in section.items]
    items = draft.issue.items
    for entry, line, index in zip(draft.issue.toc, draft.toc_lines, found, strict=True):
        if index is None:
            message = f"目录中的“{entry.title}”在正文里找不到对应的条目。请改目录，或补上这一条。"
            yield Finding("toc-entry-without-item", Severity.WARNING, message, line, entry.title)
        else:
            yield from _differences(entry, line, items[index], sections[index])
    yield from _pages(draft)
    yield from _outside(draft, {index for index in found if index is not None})


def _differences(entry: TocEntry, line: int | None, item: Item, section: str) -> Iterator[Finding]:
    if not toc.same_title(entry, item.title):
        message = f"目录写作“{entry.title}”，正文标题是“{item.title}”。请统一。"
        code = "toc-title-differs"
        yield Finding(code, Severity.WARNING, message, line, item.title, item.title)
    if entry.section and entry.section != section:
        message = f"目录把它列在【{entry.section}】，正文在【{section}】。请统一。"
        code = "toc-section-differs"
        yield Finding(code, Severity.WARNING, message, line, item.title, section)


def _pages(draft: Draft) -> Iterator[Finding]:
    last = 0
    for entry, line in zip(draft.issue.toc, draft.toc_lines, strict=True):
        if entry.page is not None and entry.page < last:
            message = f"目录页码从 {last} 倒回 {entry.page}。请核对页码。"
            yield Finding("toc-page-order", Severity.WARNING, message, line, entry.title)
        last = max(last, entry.page or 0)


def _outside(draft: Draft, featured: set[int]) -> Iterator[Finding]:
    for index, (item, line) in enumerate(zip(draft.issue.items, draft.item_lines, strict=True)):
        if index not in featured:
            message = "这一条没有列入目录。"
            yield Finding("item-not-in-toc", Severity.INFO, message, line, item.title)
