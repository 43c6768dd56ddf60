"""What is checked on every rendering, on the finished bytes and not on what they were made from.

Owns: completeness and order of the content, anchors, links, images, and what inliners and compilers
are known to spoil. Promises: each fault is a finding with its place; nothing is mended here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape

from lxml import etree

from dongtai_mail.content import Finding, Severity
from dongtai_mail.rendering.digest import ledes
from dongtai_mail.rendering.inline import Piece, plain_piece
from dongtai_mail.rendering.model import Kind, Slots
from dongtai_mail.rendering.plain import RULE
from dongtai_mail.rendering.view import SectionView, View

_TEXT_MARKS = re.compile(r"(?:[-=·|0-9.]|\[图片：.*?\]|<https?://[^<>]*>)*")
_TAG = re.compile(r"<[^<>]*>")
_NOTHING = re.compile("")
_LINK = re.compile(r"https?://[!-~]+|mailto:[!-~]+@[!-~]+|#[!-~]+", re.IGNORECASE)
_CONDITION = re.compile(r"<!--\[if [^\]]*\]>|<!\[endif\]-->")
_MEDIA = ("@media only screen and (min-width:480px)", "@media (prefers-color-scheme:dark)")
_IDS = re.compile(r' id="([^"]*)"')
_TARGETS = re.compile(r' href="#([^"]*)"')


@dataclass(frozen=True, slots=True)
class _Words:
    """A run of words as each part should show it, and the item that says it."""

    shown: str
    written: str
    item: str | None


def check(
    view: View, kind: Kind, html: str, text: str, web_html: str, slots: Slots
) -> list[Finding]:
    """The findings about the finished parts."""
    mail = _parsed(html)
    whole = list(_whole(view))
    words = list(_gist(view)) if kind is Kind.DIGEST else whole
    return [
        *_complete_html(words, mail),
        *_complete_text(words, text),
        *_complete_web(whole, web_html),
        *_anchors(html, "HTML"),
        *_anchors(web_html, "网页"),
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


def _words(piece: Piece, item: str | None) -> _Words:
    shown = _packed(piece.plain)
    written = shown if piece.text is piece.plain else _packed(piece.text)
    return _Words(shown, written, item)


def _whole(view: View) -> Iterator[_Words]:
    """Everything the issue says, in reading order."""
    for section in view.sections:
        if section.items:
            yield _heading(section)
        for item in section.items:
            for piece in item.spoken():
                yield _words(piece, item.title.plain)


def _gist(view: View) -> Iterator[_Words]:
    """What a digest says."""
    sentences = ledes(view)
    for section in view.sections:
        if section.items:
            yield _heading(section)
        for item in section.items:
            yield _words(item.title, item.title.plain)
            yield _words(plain_piece(sentences[item.anchor]), item.title.plain)


def _heading(section: SectionView) -> _Words:
    shown = _packed(f"【{section.name.plain}】")
    return _Words(shown, shown, None)


def _complete_html(words: Sequence[_Words], mail: etree._Element) -> Iterable[Finding]:
    content = mail.xpath('//td[@class="b c"]')
    shown = "".join(etree.tostring(td, method="text", encoding="unicode") for td in content)
    return _complete_shown(words, shown, "HTML")


def _complete_web(words: Sequence[_Words], web_html: str) -> Iterable[Finding]:
    main = web_html.partition("<main")[2].rpartition("</main>")[0].partition(">")[2]
    return _complete_shown(words, unescape(_TAG.sub("", main)), "网页")


def _complete_shown(words: Sequence[_Words], shown: str, part: str) -> Iterable[Finding]:
    found = _packed(shown)
    if found == "".join(word.shown for word in words):
        return ()
    return _walk([(word.shown, word.item) for word in words], found, _NOTHING, part)


def _complete_text(words: Sequence[_Words], text: str) -> Iterable[Finding]:
    rule = f"\n\n{RULE}\n\n"
    found = _packed(text.partition(rule)[2].rpartition(rule)[0])
    return _walk([(word.written, word.item) for word in words], found, _TEXT_MARKS, "纯文本")


def _walk(
    expected: Sequence[tuple[str, str | None]], found: str, marks: re.Pattern[str], part: str
) -> Iterable[Finding]:
    """Each expected run exactly once and in order, with nothing but marks between them."""
    position, item = 0, None
    for words, item in expected:
        at = found.find(words, position)
        if at < 0:
            yield _error("content-missing", f"{part}里缺：{words[:40]}", item)
            continue
        if not marks.fullmatch(found, position, at):
            yield _error("content-extra", f"{part}里多出：{found[position:at][:40]}", item)
        position = at + len(words)
    if not marks.fullmatch(found, position):
        yield _error("content-extra", f"{part}末尾多出：{found[position:][:40]}", item)


def _anchors(html: str, part: str) -> Iterable[Finding]:
    names = Counter(_IDS.findall(html))
    for name, times in names.items():
        if times > 1:
            yield _error("anchor-doubled", f"{part}里的锚点重复：{name}")
    for target in _TARGETS.findall(html):
        if target not in names:
            yield _error("anchor-missing", f"{part}里的链接没有去处：#{target}")


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
