"""Inline text: from a manuscript's characters to the safe Markdown subset and back.

Owns: which characters of a manuscript are markup (``**bold**``, ``[text](https://…)``, an image
that is all of a line) and which are escaped with a backslash so that they come out as printed.
Promises: ``as_printed(from_manuscript(text)) == text`` but for the markup's own characters;
linear in the text.
"""

from __future__ import annotations

import re

from dongtai_mail.content import Image

_IMAGE = re.compile(r'!\[((?:[^\[\]\\]|\\.)*)\]\(<?([^\s<>()]+)>?(?:\s+"((?:[^"\\]|\\.)*)")?\)')
_BOLD = re.compile(r"\*\*(?=[^\s*])((?:[^*]|\*(?!\*))*[^\s*])\*\*")
_LINK = re.compile(r"(?<!!)\[([^\[\]\\]{1,200})\]\((https?://[^\s()<>\\]{1,500})\)")
_EMPHASIS = re.compile(r"(?<![*\w])\*(?=[^\s*])([^*]{0,200}[^\s*])\*(?![*\w])")
_SPECIAL = re.compile(r"[\\*_`\[\]<]|&(?=#?\w{1,31};)|~(?=~)|(?<=~)~")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_TOKEN = re.compile(r"\\([!-/:-@\[-`{-~])|(\*\*)")
_NEEDS_CARE = re.compile(r"[\\*_`\[\]<&~]")


def from_manuscript(text: str, *, markdown: bool = False) -> str:
    """A manuscript's text as content text; ``markdown`` keeps its own escapes and *emphasis*."""
    if not _NEEDS_CARE.search(text):
        return text
    parts: list[str] = []
    position = 0
    for match in _BOLD.finditer(text):
        parts.append(_linked(text[position : match.start()], markdown))
        parts.append(f"**{_linked(match[1], markdown)}**")
        position = match.end()
    parts.append(_linked(text[position:], markdown))
    return "".join(parts)


def image(text: str) -> Image | None:
    """The image that the whole of a text is: ``![alt](address "caption")``."""
    match = _IMAGE.fullmatch(text) if text.startswith("![") else None
    if match is None:
        return None
    alt, src, caption = match.groups()
    return Image(src, _unescaped(alt), _unescaped(caption) if caption else None)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def without_bold(text: str) -> str:
    """A manuscript's text without the marks of its bold runs."""
    return _BOLD.sub(r"\1", text) if "**" in text else text


def as_printed(content: str) -> str:
    """Content text as a reader sees it: no bold marks, no escapes."""
    if "\\" not in content and "**" not in content:
        return content
    return _TOKEN.sub(lambda match: match[1] or "", content)


def as_json(content: str) -> str:
    """Content text for the JSON contract: as printed, with bold as ``**…**``.

    The escapes go, except where the text would then read as bold: a literal ``*`` beside
    another one stays ``\\*``.
    """
    if "\\" not in content:
        return content
    kept = content.replace("\\*\\*", "\0\0").replace("\0\\*", "\0\0")
    return _ESCAPED.sub(r"\1", kept).replace("\0", "\\*")


def _linked(text: str, markdown: bool) -> str:
    if "](" not in text:
        return _escaped(text, markdown)
    parts: list[str] = []
    position = 0
    for match in _LINK.finditer(text):
        parts.append(_escaped(text[position : match.start()], markdown))
        parts.append(f"[{_escaped(match[1], markdown)}]({match[2]})")
        position = match.end()
    parts.append(_escaped(text[position:], markdown))
    return "".join(parts)


def _escaped(text: str, markdown: bool) -> str:
    if not markdown:
        return _SPECIAL.sub(_with_backslash, text)
    parts: list[str] = []
    position = 0
    for match in _EMPHASIS.finditer(text):
        parts.append(_escaped_markdown(text[position : match.start()]))
        parts.append(f"*{_escaped_markdown(match[1])}*")
        position = match.end()
    parts.append(_escaped_markdown(text[position:]))
    return "".join(parts)


def _with_backslash(match: re.Match[str]) -> str:
    return "\\" + match[0]


def _escaped_markdown(text: str) -> str:
    """Escapes that the author wrote stay; what else would be markup is escaped."""
    parts: list[str] = []
    position = 0
    for match in _ESCAPED.finditer(text):
        parts.append(_SPECIAL.sub(_with_backslash, text[position : match.start()]))
        parts.append(match[0])
        position = match.end()
    parts.append(_SPECIAL.sub(_with_backslash, text[position:]))
    return "".join(parts)
