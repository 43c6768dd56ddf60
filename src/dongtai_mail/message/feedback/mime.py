"""A returned message taken apart: bounded, linear, and never refusing anything.

Owns: octets → header fields and leaf parts. The standard parser keeps a frame a nesting level and
tests every line against every open boundary; returned mail is written by strangers, so this one
stops at fixed limits of octets, depth and parts, and splits each level once.
Promises: any octets give at least one part; nothing raises; work is linear in ``LARGEST``.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header

# A notice that quotes an issue is about 200 kB; what follows the first megabyte is the issue.
LARGEST = 1_000_000
_DEEPEST = 8
_MOST_PARTS = 64
_MOST_FIELDS = 500
_LONGEST_FIELD = 8_000

_BLANK_LINE = re.compile(rb"\n[ \t]*\n")
_FIELD = re.compile(r"([!-9;-~]{1,78}):[ \t]*(.*)")
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;]{1,200}))', re.IGNORECASE)
_UNDECLARED = re.compile(rb"^--([!-~]{1,200})\n(?=content-)", re.IGNORECASE | re.MULTILINE)
_BOILERPLATE = re.compile(rb"\bmime|multi-?part|^\s*$", re.IGNORECASE)
_LOOK_AHEAD = 20_000
_MEDIA = re.compile(r"\s*([\w.+-]{1,60}/[\w.+-]{1,60})")
_CHARSET = re.compile(r'[;\s]charset\s*=\s*"?([\w.:-]{1,40})', re.IGNORECASE)
# Text encodings that mail uses; others of Python's codecs are neither text nor always linear.
_KNOWN_CHARSET = re.compile(
    r"(?:utf|ucs|us-?ascii|ascii|iso|latin|windows|cp|gb|hz|big5|euc|shift|sjis|koi8|tis)[\w.:-]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fields:
    """Header fields in order, unfolded, names in lower case."""

    pairs: tuple[tuple[str, str], ...] = ()

    def get(self, *names: str) -> str:
        """The first field of the first of these names that is there, else ''."""
        return next((value for name in names for value in self.all(name)), "")

    def all(self, name: str) -> list[str]:
        return [value for found, value in self.pairs if found == name]


@dataclass(frozen=True, slots=True)
class Part:
    media: str
    fields: Fields
    body: bytes

    @property
    def text(self) -> str:
        return decoded(_unwrapped(self), _charset(self.fields))


def split(raw: bytes) -> tuple[Fields, list[Part]]:
    """A message's own header fields, and its leaf parts in order of appearance."""
    octets = raw[:LARGEST].replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\0", b"")
    root = _part(_without_mbox_line(octets.lstrip(b"\n")), "text/plain")
    return root.fields, list(_leaves(root))


def _without_mbox_line(octets: bytes) -> bytes:
    return octets.partition(b"\n")[2] if octets.startswith((b"From ", b">From ")) else octets


def _leaves(root: Part) -> Iterator[Part]:
    pending, found = [(root, 0)], 0
    while pending and found < _MOST_PARTS:
        part, depth = pending.pop()
        children = _children(part) if depth < _DEEPEST else []
        if not children:
            found += 1
            yield part
        pending += [(child, depth + 1) for child in reversed(children)]


def _children(part: Part) -> list[Part]:
    boundary = _boundary(part)
    if boundary is None:
        return []
    preamble, *pieces = (b"\n" + part.body).split(b"\n--" + boundary, _MOST_PARTS)
    default = "message/rfc822" if part.media == "multipart/digest" else "text/plain"
    children = [
        _part(piece.partition(b"\n")[2], default) for piece in pieces if not piece.startswith(b"--")
    ]
    if children and not _BOILERPLATE.search(preamble):
        # Some write their notice before the first boundary, where nobody looks.
        children.insert(0, Part("text/plain", Fields(), preamble))
    return children


def _boundary(part: Part) -> bytes | None:
    """The boundary that is there: the declared one may be wrong, or declared nowhere."""
    named = _BOUNDARY.search(";" + part.fields.get("content-type"))
    multipart = part.media.startswith("multipart/")
    if multipart and named:
        boundary = (named[1] or named[2]).strip().encode("utf-8", "surrogateescape")
        if b"\n--" + boundary in b"\n" + part.body:
            return boundary
    if not multipart and b"message/delivery-status" not in part.body[:_LOOK_AHEAD]:
        return None
    guessed = _UNDECLARED.search(part.body[:_LOOK_AHEAD]) if _may_hold_parts(part) else None
    return guessed[1] if guessed else None


def _may_hold_parts(part: Part) -> bool:
    return part.media.startswith(("multipart/", "text/plain"))


def _part(octets: bytes, default: str) -> Part:
    if octets.startswith(b"\n"):
        return Part(default, Fields(), octets[1:])
    blank = _BLANK_LINE.search(octets)
    head, body = (octets[: blank.start()], octets[blank.end() :]) if blank else (octets, b"")
    fields = parse_fields(decoded(head))
    if not fields.pairs:
        return Part(default, fields, octets)
    declared = _MEDIA.match(fields.get("content-type"))
    return Part(declared[1].lower() if declared else default, fields, body)


def parse_fields(text: str) -> Fields:
    """Read "Name: value" lines; continuation lines are joined, other lines passed over."""
    pairs: list[tuple[str, list[str]]] = []
    for line in text.split("\n"):
        if line[:1] in (" ", "\t") and pairs:
            pairs[-1][1].append(line.strip())
        elif (match := _FIELD.match(line)) and len(pairs) < _MOST_FIELDS:
            pairs.append((match[1].lower(), [match[2].strip()]))
    return Fields(tuple((name, " ".join(value)[:_LONGEST_FIELD]) for name, value in pairs))


def _unwrapped(part: Part) -> bytes:
    encoding = part.fields.get("content-transfer-encoding").strip().lower()
    if encoding == "quoted-printable":
        return quopri.decodestring(part.body)
    if encoding != "base64":
        return part.body
    try:
        kept = re.sub(rb"[^A-Za-z0-9+/]", b"", part.body)
        return binascii.a2b_base64(kept[: len(kept) // 4 * 4 + 3] + b"===")
    except binascii.Error:
        return part.body


def _charset(fields: Fields) -> str:
    named = _CHARSET.search(";" + fields.get("content-type"))
    return named[1] if named else "utf-8"


def decoded(octets: bytes, charset: str = "utf-8") -> str:
    """Text with replacement characters where the octets aren't what they are said to be."""
    charset = charset.lower().removeprefix("unicode-1-1-")
    if charset.replace("_", "-") in ("gb2312", "gbk", "us-ascii", "ascii"):
        charset = "gb18030" if charset.startswith("gb") else "utf-8"
    if not _KNOWN_CHARSET.fullmatch(charset):
        charset = "utf-8"
    try:
        return octets.decode(charset, "replace")
    except (LookupError, ValueError):
        return octets.decode("utf-8", "replace")


def readable(value: str) -> str:
    """A header field's text with its encoded words (RFC 2047) read."""
    if "=?" not in value:
        return value
    try:
        words = decode_header(value[:_LONGEST_FIELD])
    except (ValueError, LookupError, HeaderParseError):
        return value
    return "".join(
        word if isinstance(word, str) else decoded(word, charset or "utf-8")
        for word, charset in words
    )
