"""Header fields that are safe to write: folded, encoded, and impossible to inject into.

Owns: unstructured text, display names and mailboxes (RFC 5322), encoded words (RFC 2047). The
standard library's policies make encoded words of 76 characters or lose text beside folds, and
take a hundred times as long.
Promises: an encoded word has at most 75 characters and never splits a character; a line that
holds one has at most 76; a parser reads the same text that went in. ASCII stays readable where
the rules let it.
Fails: `HeaderError`, in Chinese, for line ends and other control characters; nothing is dropped
silently.
"""

from __future__ import annotations

import re
from binascii import b2a_base64

_LINE = 76
_WORD = 75
_OPEN, _CLOSE = "=?utf-8?b?", "?="
_ATOM_TEXT = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,49}", re.ASCII)
_ASCII = re.compile(r"[ -~]*", re.ASCII)
_ATOMS = re.compile(f"{_ATOM_TEXT}(?: {_ATOM_TEXT})*", re.ASCII)


class HeaderError(ValueError):
    """Text that must not stand in a header."""


def unstructured(name: str, text: str) -> str:
    """Return the whole field for free text such as a subject."""
    check(text, name)
    lines = _fold_ascii(text, len(name) + 2)
    return field(name, lines or _encode(text, len(name) + 2))


def mailbox(name: str, display_name: str | None, addr_spec: str) -> str:
    """Return the whole field for one mailbox, as in From and To."""
    return field(name, _beside(name, display_name, addr_spec) or addr_spec)


def list_id(display_name: str | None, identifier: str) -> str:
    """Return the List-Id field (RFC 2919); ``identifier`` is ``label.domain``."""
    return field("List-Id", _beside("List-Id", display_name, identifier) or f"<{identifier}>")


def field(name: str, value: str) -> str:
    """Return the whole field with its line end; ``value`` is one line or folded already."""
    if not _NAME.fullmatch(name):
        raise HeaderError(f"“{name[:60]}”不是邮件头的名称，请用字母、数字和连字符，最多 50 个")
    check(value.replace("\r\n ", " "), name)
    return f"{name}: {value}\r\n"


def check(text: str, where: str) -> None:
    """Refuse line ends and other control characters."""
    bad = _CONTROL.search(text)
    if bad is not None:
        raise HeaderError(
            f"{where} 第 {bad.start() + 1} 个字符是换行或控制字符 U+{ord(bad[0]):04X}，请删去后再试"
        )


def refuse_unseen(text: str) -> None:
    """Refuse what a name or a subject must not hold: line ends, controls, direction marks.

    Direction marks let one name pose as another in a list of mails.
    """
    bad = _UNSEEN.search(text)
    if bad is not None:
        raise HeaderError(
            f"第 {bad.start() + 1} 个字符（U+{ord(bad[0]):04X}）是换行、控制或文字方向字符，"
            "邮件里不能有；请删去它。"
        )


def without_unseen(text: str) -> str:
    """The text without what ``refuse_unseen`` refuses; what ends a line or a cell is a space."""
    return _UNSEEN.sub(lambda bad: " " if bad[0].isspace() else "", text).strip()


def _beside(name: str, display_name: str | None, addr_spec: str) -> str | None:
    check(display_name or "", name)
    if not display_name or display_name.isspace():
        return None
    shown = _phrase(name, display_name.strip())
    last_line = shown.rpartition("\r\n")[2]
    column = len(last_line) + (len(name) + 2 if last_line == shown else 0)
    fits = column + len(f" <{addr_spec}>") <= _LINE
    return f"{shown} <{addr_spec}>" if fits else f"{shown}\r\n <{addr_spec}>"


def _phrase(name: str, text: str) -> str:
    """Return a display name as atoms, a quoted string or encoded words."""
    if "=?" in text or len(text) > 60 or not _ASCII.fullmatch(text):
        return _encode(text, len(name) + 2)
    if _ATOMS.fullmatch(text):
        return text
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _fold_ascii(text: str, column: int) -> str | None:
    """Break ASCII at its spaces, or return None where only encoded words keep the text."""
    words = text.split(" ")
    longest = max(map(len, words))
    if not _ASCII.fullmatch(text) or "=?" in text or "" in words or longest > _LINE - column:
        return None
    lines = [words[0]]
    for word in words[1:]:
        if column + len(lines[-1]) + 1 + len(word) <= _LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
            column = 1
    return "\r\n ".join(lines)


def _encode(text: str, column: int) -> str:
    """Return base64 encoded words, the first of them at ``column``, the others on their lines."""
    octets = text.encode()
    words = []
    start = 0
    while start < len(octets):
        room = min(_WORD, _LINE - column) - len(_OPEN) - len(_CLOSE)
        end = min(start + room // 4 * 3, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"{_OPEN}{b2a_base64(octets[start:end], newline=False).decode()}{_CLOSE}")
        start, column = end, 1
    return "\r\n ".join(words)
