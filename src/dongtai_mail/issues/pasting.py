"""HTML as people bring it, from Word, WeChat and our own editor, as content; and content as HTML.

Owns: what of a pasted document is text, and what is only how it looked. Promises: a pure function;
any input at all is read, and what comes out holds nothing but the blocks of ``content``: no style,
no script, no address that is not http, https or mailto. Words are kept; pictures are when they have
an https address. ``blocks(html(text))`` says what the Markdown ``text`` says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import nh3
from markupsafe import Markup, escape

from dongtai_mail.content import (
    Block,
    Finding,
    Image,
    ListBlock,
    Paragraph,
    Subheading,
    Table,
)
from dongtai_mail.issues import markdown
from dongtai_mail.issues.pasted import DEEPEST, Reader
from dongtai_mail.rendering.inline import inline_piece

LONGEST = 2_000_000
MOST_TAGS = 10_000
_BLOCK_TAGS = {
    *("p", "div", "section", "article", "blockquote", "pre", "center", "figure", "figcaption"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "dl", "dt", "dd", "br", "hr", "img"),
    *("table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption"),
}
_INLINE_TAGS = {"b", "strong", "i", "em", "a", "span", "font"}
_NOT_TEXT = {
    *("script", "style", "title", "template", "noscript", "xml", "svg", "math", "iframe"),
    *("object", "embed", "audio", "video", "canvas", "select", "textarea", "button"),
}
_KEPT = {
    "p": {"class", "style"},
    "span": {"style"},
    "b": {"style"},
    "a": {"href"},
    "img": {"src", "data-src", "alt", "title"},
    "ol": {"start"},
    "td": {"colspan"},
    "th": {"colspan"},
}
_EMPTY = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param"),
    *("source", "track", "wbr"),
}
# Each ends one like it that is still open.
_SIBLINGS = {"p", "li", "dt", "dd"}
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_CONDITION = re.compile(r"<!\[(?:if [^\]]*|endif)\]>")


def blocks(source: str) -> tuple[Block, ...]:
    """What the HTML says."""
    reader = Reader()
    reader.feed(_safe(source[:LONGEST]))
    reader.close()
    return tuple(reader.finish())


def to_markdown(source: str) -> str:
    return markdown.write(blocks(source))


def _safe(source: str) -> str:
    return nh3.clean(
        shallow(_CONDITION.sub("", source)),
        tags=_BLOCK_TAGS | _INLINE_TAGS,
        clean_content_tags=_NOT_TEXT,
        attributes=_KEPT,
        url_schemes={"http", "https", "mailto"},
        link_rel=None,
    )


def shallow(source: str) -> str:
    """The same with line breaks in place of what is nested too deep, or is one tag too many.

    What cleans HTML takes time by the square of its depth.
    """
    nesting = _Nesting()
    return _TAG.sub(nesting.tag, source)


class _Nesting:
    """The elements that are open, and whether each was kept."""

    def __init__(self) -> None:
        self._open: list[tuple[str, bool]] = []
        self._count: Counter[str] = Counter()
        self._seen = 0
        # Bold and the like that end with what is around them begin anew in what follows.
        self._carried = 0

    def tag(self, found: re.Match[str]) -> str:
        closing, name = found[1], found[2].lower()
        if name in _EMPTY:
            return found[0]
        return found[0] if (self._end if closing else self._begin)(name) else _unnested(found)

    def _begin(self, name: str) -> bool:
        if name in _SIBLINGS and self._open and self._open[-1][0] == name:
            self._end(name)
        self._seen += 1
        kept = len(self._open) + self._carried < DEEPEST and self._seen <= MOST_TAGS
        self._open.append((name, kept))
        self._count[name] += 1
        return kept

    def _end(self, name: str) -> bool:
        while self._count[name]:
            last, kept = self._open.pop()
            self._count[last] -= 1
            if last == name:
                return kept
            self._carried += last not in _BLOCK_TAGS
        return True


def _unnested(found: re.Match[str]) -> str:
    """A tag that holds nothing: only its name is changed, whatever else it says."""
    if found[1]:
        return "</x-"
    return "<br><br" if found[2].lower() in _BLOCK_TAGS else "<wbr"


def to_html(text: str) -> Markup:
    """An item's Markdown for the editor, in the few elements that it knows."""
    if markdown.excessive(text):
        return Markup("<p>{}</p>").format(escape(text).replace("\n", Markup("<br>")))
    return html(markdown.parse(text))


def html(content: Iterable[Block]) -> Markup:
    return Markup("").join(_html(block) for block in content)


def _html(block: Block) -> Markup:
    match block:
        case Paragraph(text):
            return Markup("<p>{}</p>").format(_inline(text))
        case Subheading(text):
            return Markup("<h3>{}</h3>").format(_inline(text))
        case ListBlock(items, ordered, start):
            inner = Markup("").join(Markup("<li>{}</li>").format(_inline(each)) for each in items)
            opening = Markup('<ol start="{}">').format(start) if ordered else Markup("<ul>")
            return opening + inner + (Markup("</ol>") if ordered else Markup("</ul>"))
        case Table(rows):
            return Markup("<table><tbody>{}</tbody></table>").format(Markup("").join(_rows(rows)))
        case Image(src, alt, caption):
            filled = Markup('<p><img src="{}" alt="{}" title="{}"></p>')
            return filled.format(src, alt, caption or "")


def _rows(rows: Iterable[Iterable[str]]) -> Iterator[Markup]:
    for number, row in enumerate(rows):
        cell = Markup("<td>{}</td>") if number else Markup("<th>{}</th>")
        yield Markup("<tr>{}</tr>").format(Markup("").join(cell.format(_inline(c)) for c in row))


def _inline(text: str) -> Markup:
    return inline_piece(text, _unheard).html or escape("")


def _unheard(finding: Finding) -> None:
    """The preview and the checks say it where it can be mended."""
