"""What is checked on every rendering, on the finished bytes and not on what they were made from.

Owns: completeness and order of the content, anchors, links, images, and what inliners and compilers
are known to spoil. Promises: each fault is a finding with its place; nothing is mended here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from lxml import etree

from dongtai_mail.content import Finding, Severity
from dongtai_mail.rendering.digest import ledes
from dongtai_mail.rendering.model import Kind, Slots
from dongtai_mail.rendering.plain import RULE
from dongtai_mail.rendering.view import View

Expected = list[tuple[str, str | None]]

_TEXT_MARKS = re.compile(r"(?:[-=·|0-9.]|\[图片：.*?\]|<https?://[^<>]*>)*")
_NO_MARKS = re.compile("")
_LINK = re.compile(r"https?://[!-~]+|mailto:[!-~]+@[!-~]+|#[!-~]+", re.IGNORECASE)
_CONDITION = re.compile(r"<!--\[if [^\]]*\]>|<!\[endif\]-->")
_MEDIA = ("@media only screen and (min-width:480px)", "@media (prefers-color-scheme:dark)")


def check(
    view: View, kind: Kind, html: str, text: str, web_html: str, slots: Slots
) -> list[Finding]:
    """The findings about the finished parts."""
    mail = _parsed(html)
    web = _parsed(web_html)
    whole = list(_whole(view, links=False))
    shown = list(_gist(view)) if kind is Kind.DIGEST else whole
    written = shown if kind is Kind.DIGEST else list(_whole(view, links=True))
    return [
        *_complete(shown, _words(mail, '//td[@class="b c"]'), _NO_MARKS, "HTML"),
        *_complete(written, _packed(_between_rules(text)), _TEXT_MARKS, "纯文本"),
        *_complete(whole, _words(web, '//main[@class="c"]'), _NO_MARKS, "网页"),
        *_anchors(mail, "HTML"),
        *_anchors(web, "网页"),
        *_links(mail),
        *_images(mail),
        *_structure(html),
        *_slots(html, text, web_html, slots),
    ]


def _error(code: str, message: str, item: str | None = None) -> Finding:
    return Finding(code, Severity.ERROR, message, item=item)


def _parsed(html: str) -> etree._Element:
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True)
    return etree.fromstring(html.encode(), parser)


def _packed(text: str) -> str:
    return "".join(text.split())


def _words(tree: etree._Element, path: str) -> str:
    return _packed(tree.xpath(f"string({path})"))


def _between_rules(text: str) -> str:
    return text.partition(f"\n{RULE}\n")[2].rpartition(f"\n{RULE}\n")[0]


def _whole(view: View, *, links: bool) -> Iterator[tuple[str, str | None]]:
    """Everything the issue says, in reading order, with the item that says it."""
    for section in view.sections:
        if not section.items:
            continue
        yield f"【{section.name.plain}】", None
        for item in section.items:
            for piece in item.spoken():
                yield (piece.text if links else piece.plain), item.title.plain


def _gist(view: View) -> Iterator[tuple[str, str | None]]:
    sentences = ledes(view)
    for section in view.sections:
        if not section.items:
            continue
        yield f"【{section.name.plain}】", None
        for item in section.items:
            yield item.title.plain, item.title.plain
            yield sentences.get(item.anchor, ""), item.title.plain


def _complete(expected: Expected, found: str, marks: re.Pattern[str], part: str) -> list[Finding]:
    """Each expected piece exactly once and in order, with nothing but marks between them."""
    findings = []
    position = 0
    item = None
    for piece, item in expected:
        packed = _packed(piece)
        at = found.find(packed, position)
        if at < 0:
            findings.append(_error("content-missing", f"{part}里缺：{piece[:40]}", item))
            continue
        if not marks.fullmatch(found, position, at):
            findings.append(_error("content-extra", f"{part}里多出：{found[position:at][:40]}", item))
        position = at + len(packed)
    if not marks.fullmatch(found, position):
        findings.append(_error("content-extra", f"{part}末尾多出：{found[position:][:40]}", item))
    return findings


def _anchors(tree: etree._Element, part: str) -> Iterable[Finding]:
    names = Counter(str(name) for name in tree.xpath("//@id"))
    for name, times in names.items():
        if times > 1:
            yield _error("anchor-doubled", f"{part}里的锚点重复：{name}")
    for target in tree.xpath('//a[starts-with(@href,"#")]/@href'):
        if target[1:] not in names:
            yield _error("anchor-missing", f"{part}里的链接没有去处：{target}")


def _links(tree: etree._Element) -> Iterable[Finding]:
    for target in tree.xpath("//a/@href"):
        if not _LINK.fullmatch(target):
            yield _error("link-not-absolute", f"链接不是完整的网址或邮箱：{target[:80]}")


def _images(tree: etree._Element) -> Iterable[Finding]:
    for source in tree.xpath("//img[not(@alt)]/@src"):
        yield _error("image-alt-missing", f"图片没有 alt 属性：{source[:80]}")


def _structure(html: str) -> Iterable[Finding]:
    if not html.startswith("<!DOCTYPE html>"):
        yield _error("doctype-missing", "HTML 的文档类型声明丢了")
    for query in _MEDIA:
        if query not in html:
            yield _error("media-query-missing", f"HTML 里的媒体查询丢了：{query}")
    conditions = _CONDITION.findall(html)
    opened = [condition.startswith("<!--[if") for condition in conditions]
    if opened != [True, False] * (len(opened) // 2):
        yield _error("mso-comments-unbalanced", "HTML 里给 Outlook 的条件注释不成对")


def _slots(html: str, text: str, web_html: str, slots: Slots) -> Iterable[Finding]:
    for slot in (slots.unsubscribe, slots.preferences):
        if (html.count(slot), text.count(slot), web_html.count(slot)) != (1, 1, 0):
            yield _error("slot-not-once", f"个人链接应在 HTML 和纯文本里各出现一次：{slot}")
