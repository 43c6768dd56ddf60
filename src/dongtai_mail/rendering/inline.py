"""Inline text: the safe Markdown subset of ``content``, as HTML and as plain text.

Owns: what ``**bold**``, ``*emphasis*``, ``[text](https://…)`` and a backslash mean. All else is
text, HTML and entities included. Chinese sets bold runs directly against punctuation
(``**《意见》提出。**引导``), which CommonMark's flanking rules refuse, so here a run of stars opens
where no space follows and closes where none precedes.
Promises: HTML holds ``strong``, ``em``, ``a`` and ``br`` only, is well-formed, and passed nh3.
Fails: never; text with more markup than a person writes is shown as it stands, with a finding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token
from markupsafe import Markup, escape

from dongtai_mail.content import Finding, Severity
from dongtai_mail.rendering.clean import Report

_MARKUP = re.compile(r"[\\*\[\n]")
_LEFT_AS_TEXT = re.compile(r"\]\([^)\s]{1,80}")
_MARKS_AT_MOST = 400
_SCHEMES = {"http", "https", "mailto"}
_LINK = re.compile(r"(?:https?://[^/\s]|mailto:[^\s@]+@)", re.IGNORECASE)


class Piece(NamedTuple):
    """A run of text three ways: ``html``, bare ``plain`` and ``text`` with its links' targets."""

    html: Markup
    plain: str
    text: str


def plain_piece(text: str) -> Piece:
    """A title, a name or a source line: no markup at all."""
    return Piece(escape(text), text, text)


def inline_piece(source: str, report: Report, item: str | None = None) -> Piece:
    """A paragraph, list item or table cell, read as the Markdown subset."""
    if not _MARKUP.search(source):
        return plain_piece(source)
    parser = _MARKDOWN
    if sum(map(source.count, "*[")) > _MARKS_AT_MOST:
        parser = _LITERAL
        message = f"一段文字里的标记超过 {_MARKS_AT_MOST} 个，按原文显示"
        report(Finding("markup-excessive", Severity.WARNING, message, item=item))
    piece = _piece(parser, source)
    if refused := _LEFT_AS_TEXT.search(piece.plain):
        message = f"链接不是完整的 http、https 或 mailto 地址，按文字显示：{refused[0][2:]}"
        report(Finding("link-refused", Severity.WARNING, message, item=item))
    return piece


def _piece(parser: MarkdownIt, source: str) -> Piece:
    tokens = parser.parseInline(source)[0].children or []
    html = parser.renderer.render(tokens, parser.options, {})
    return Piece(_sanitised(html), _plain(tokens), _with_targets(tokens))


def _sanitised(html: str) -> Markup:
    safe = nh3.clean(
        html,
        tags={"strong", "em", "a", "br"},
        attributes={"a": {"href"}},
        url_schemes=_SCHEMES,
        link_rel=None,
    )
    return Markup(safe.replace("<br>", "<br/>"))  # noqa: S704 - nh3 made it safe.


def _plain(tokens: Sequence[Token]) -> str:
    return "".join("\n" if token.tag == "br" else token.content for token in tokens)


def _with_targets(tokens: Sequence[Token]) -> str:
    parts: list[str] = []
    target = ""
    for token in tokens:
        if token.type == "link_open":
            target = str(token.attrGet("href"))
        elif token.type == "link_close" and target not in "".join(parts[-1:]):
            parts.append(f" <{target}> ")
        else:
            parts.append("\n" if token.tag == "br" else token.content)
    return "".join(parts).rstrip(" ")


def _stars(state: StateInline, silent: bool) -> bool:
    """Read a run of stars; four in a row are two touching bold runs."""
    start = state.pos
    if silent or state.src[start] != "*":
        return False
    end = start
    while end < state.posMax and state.src[end] == "*":
        end += 1
    before = state.src[start - 1] if start else " "
    after = state.src[end] if end < state.posMax else " "
    length = 2 if end - start == 4 else end - start
    for _ in range(end - start):
        _push_star(state, length, opens=not after.isspace(), closes=not before.isspace())
    state.pos = end
    return True


def _push_star(state: StateInline, length: int, *, opens: bool, closes: bool) -> None:
    state.push("text", "", 0).content = "*"
    token = len(state.tokens) - 1
    state.delimiters.append(Delimiter(ord("*"), length, token, -1, opens, closes))


def _parser(rules: Sequence[str]) -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False, "breaks": True, "xhtmlOut": True})
    parser.enable(list(rules))
    parser.inline.ruler.at("emphasis", _stars)
    # As markdown-it-py has it: there is no option for this.
    parser.validateLink = lambda url: bool(_LINK.match(url))  # type: ignore[method-assign]
    return parser


_MARKDOWN = _parser(["newline", "escape", "link", "emphasis", "balance_pairs", "fragments_join"])
_LITERAL = _parser(["newline", "escape"])
