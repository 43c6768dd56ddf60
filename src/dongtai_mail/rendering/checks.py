"""What is checked on every rendering, on the finished bytes and not on what they were made from.

Owns: completeness and order of the content, anchors, links, images, and what inliners and compilers
are known to spoil. Promises: each fault is a finding with its place; nothing is mended here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import unescape

from dongtai_mail.content import Finding, Severity
from dongtai_mail.rendering.digest import ledes
from dongtai_mail.rendering.inline import Piece, plain_piece
from dongtai_mail.rendering.model import Kind, Slots
from dongtai_mail.rendering.plain import RULE
from dongtai_mail.rendering.view import SectionView, View

_CONTENT = re.compile(r'<td[^<>]* class="b c"[^<>]*>(.*)</td>.*<td[^<>]* class="b f"', re.DOTALL)
_MAIN = re.compile(r'<main class="c">(.*)</main>', re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_TEXT_MARKS = re.compile(r"(?:[-=·|0-9.\s]|\[图片：[^\]]*\]|<https?://[^<>]*>)*")
_NOTHING = re.compile("")
_HREF = re.compile(r'<a [^<>]*?href="([^"]*)"')
_IMAGE = re.compile(r"<img [^<>]*>")
_ID = re.compile(r'<[^<>]* id="([^"]*)"')
_LINK = re.compile(r"https?://[!-~]+|mailto:[!-~]+@[!-~]+|#[!-~]+", re.IGNORECASE)
_CONDITION = re.compile(r"<!--\[if [^\]]*\]>|<!\[endif\]-->")
_MEDIA = ("@media only screen and (min-width:480px)", "@media (prefers-color-scheme:dark)")

Spoken = Sequence[tuple[Piece, str | None]]


def check(
    view: View, kind: Kind, html: str, text: str, web_html: str, slots: Slots
) -> list[Finding]:
    """The findings about the finished parts."""
    whole = list(_whole(view))
    said = list(_gist(view)) if kind is Kind.DIGEST else whole
    return [
        *_complete(said, _CONTENT.search(html), "HTML"),
        *_complete_text(said, text),
        *_complete(whole, _MAIN.search(web_html), "网页"),
        *_anchors(html, "HTML"),
        *_anchors(web_html, "网页"),
        *_reachable(view, web_html),
        *_links(html),
        *_links(web_html),
        *_images(html),
        *_images(web_html),
        *_structure(html),
        *_slots(html, text, web_html, slots),
    ]


def _error(code: str, message: str, item: str | None = None) -> Finding:
    return Finding(code, Severity.ERROR, message, item=item)


def _packed(text: str) -> str:
    return "".join(text.split())


def _whole(view: View) -> Iterator[tuple[Piece, str | None]]:
    """Everything the issue says, in reading order, with the item that says it."""
    for section in view.sections:
        if section.items:
            yield _heading(section), None
        for item in section.items:
            for piece in item.spoken():
                yield piece, item.title.plain


def _gist(view: View) -> Iterator[tuple[Piece, str | None]]:
    """What a digest says."""
    sentences = ledes(view)
    for section in view.sections:
        if section.items:
            yield _heading(section), None
        for item in section.items:
            yield item.title, item.title.plain
            yield plain_piece(sentences[item.anchor]), item.title.plain


def _heading(section: SectionView) -> Piece:
    return plain_piece(f"【{section.name.plain}】")


def _complete(said: Spoken, content: re.Match[str] | None, part: str) -> Iterable[Finding]:
    found = _packed(unescape(_TAG.sub("", content[1]))) if content else ""
    if found == _packed("".join(piece.plain for piece, _ in said)):
        return ()
    return _walk([(_packed(piece.plain), item) for piece, item in said], found, _NOTHING, part)


def _complete_text(said: Spoken, text: str) -> Iterable[Finding]:
    rule = f"\n\n{RULE}\n\n"
    found = text.partition(rule)[2].rpartition(rule)[0]
    as_written = [(piece.text, item) for piece, item in said]
    if not any(_walk(as_written, found, _TEXT_MARKS, "纯文本")):
        return ()
    # Cells of a table are written with other spaces than they were given.
    packed = [(_packed(words), item) for words, item in as_written]
    return _walk(packed, _packed(found), _TEXT_MARKS, "纯文本")


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
    names = Counter(_ID.findall(html))
    for name, times in names.items():
        if times > 1:
            yield _error("anchor-doubled", f"{part}里的锚点重复：{name}")
    for target in _HREF.findall(html):
        if target.startswith("#") and target[1:] not in names:
            yield _error("anchor-missing", f"{part}里的链接没有去处：{target}")


def _reachable(view: View, web_html: str) -> Iterable[Finding]:
    """Links in mails that have long been sent lead to an item's place on the page."""
    places = set(_ID.findall(web_html))
    for item in view.items:
        if item.anchor not in places:
            message = f"网页里没有这一条的锚点：{item.anchor}"
            yield _error("anchor-missing", message, item.title.plain)


def _links(html: str) -> Iterable[Finding]:
    for target in _HREF.findall(html):
        if not _LINK.fullmatch(unescape(target)):
            yield _error("link-not-absolute", f"链接不是完整的网址或邮箱：{target[:80]}")


def _images(html: str) -> Iterable[Finding]:
    for image in _IMAGE.findall(html):
        if ' alt="' not in image:
            yield _error("image-alt-missing", f"图片没有 alt 属性：{image[:80]}")


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
