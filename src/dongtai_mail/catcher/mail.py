"""Reading caught mail for people: headers decoded, parts found, HTML made safe to show.

Owns: what the catcher's pages say about a message.
Promises: any bytes can be read; what can't be decoded is shown as it stands. ``framed`` keeps
the mail's own markup and only decides where its links open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from functools import cached_property

# A web address in ASCII; the first group is its origin, and nothing in that needs quoting.
_WEB = re.compile(r"(https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?)(?:[/?#][!-~]*)?")


@dataclass(frozen=True, slots=True)
class Attachment:
    number: int
    name: str
    media_type: str
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)


def summary(content: bytes) -> tuple[str, str]:
    """From and Subject, without reading the body."""
    end = content.find(b"\r\n\r\n")
    head = BytesHeaderParser().parsebytes(content[: end + 4] if end >= 0 else content)
    headers = _headers(head)
    return _first(headers, "from"), _first(headers, "subject")


class Mail:
    """A message, parsed once, asked many things."""

    def __init__(self, content: bytes) -> None:
        try:
            message = BytesParser().parsebytes(content)
            self._leaves = [part for part in message.walk() if not part.is_multipart()]
        except RecursionError:
            # Parts in parts a thousand deep: nothing to show but the headers and the source.
            message, self._leaves = BytesHeaderParser().parsebytes(content), []
        self.headers = _headers(message)

    def header(self, name: str) -> str:
        """The first header of that name, decoded and unfolded, or ''."""
        return _first(self.headers, name.lower())

    @property
    def to(self) -> str:
        return self.header("To")

    @cached_property
    def html(self) -> str | None:
        return self._body("text/html")

    @cached_property
    def text(self) -> str | None:
        return self._body("text/plain")

    @cached_property
    def attachments(self) -> list[Attachment]:
        parts = [part for part in self._leaves if _is_attachment(part)]
        return [_attachment(number, part) for number, part in enumerate(parts, 1)]

    @property
    def unsubscribe_link(self) -> str | None:
        """The web address in List-Unsubscribe, or None."""
        links = re.findall(r"<\s*([^<>\s]+)\s*>", self.header("List-Unsubscribe"))
        return next((link for link in links if origin(link)), None)

    @property
    def one_click_link(self) -> str | None:
        """Where a mail client posts its one click (RFC 8058 section 3.1), or None."""
        promised = self.header("List-Unsubscribe-Post").strip() == "List-Unsubscribe=One-Click"
        return self.unsubscribe_link if promised else None

    def _body(self, media_type: str) -> str | None:
        for part in self._leaves:
            if part.get_content_type() == media_type and not _is_attachment(part):
                return _decoded(part)
        return None


def origin(link: str) -> str | None:
    """The origin of a web address; None for anything else."""
    match = _WEB.fullmatch(link)
    return match[1] if match else None


def framed(html: str) -> str:
    """The mail's HTML with links that open in a new tab; anchors inside the mail stay in it."""
    html = re.sub(r"""\bhref=(?=["']?#)""", 'target="_self" href=', html, flags=re.IGNORECASE)
    starts = (re.search(rf"<{tag}\b[^<>]*>", html, re.I) for tag in ("head", "html", "!doctype"))
    at = next((start.end() for start in starts if start), 0)
    return f'{html[:at]}<base target="_blank">{html[at:]}'


def _headers(message: Message) -> list[tuple[str, str]]:
    return [(name, _readable(str(value))) for name, value in message.raw_items()]


def _first(headers: list[tuple[str, str]], lower_name: str) -> str:
    return next((value for name, value in headers if name.lower() == lower_name), "")


def _readable(raw: str) -> str:
    """A header's value unfolded, its encoded words (RFC 2047) and raw UTF-8 decoded."""
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", raw)
    value = unfolded.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        return _sound(str(make_header(decode_header(value)))) if "=?" in value else value
    except (HeaderParseError, LookupError, ValueError):
        return value


def _sound(text: str) -> str:
    """The text without lone surrogates, which some declared charsets decode to."""
    return text.encode("utf-8", "replace").decode()


def _is_attachment(part: Message) -> bool:
    disposition = part.get_content_disposition()
    return disposition == "attachment" or part.get_content_maintype() not in ("text", "multipart")


def _attachment(number: int, part: Message) -> Attachment:
    name = re.sub(r"[\x00-\x1f\x7f]", " ", _readable(part.get_filename() or "")).strip()
    name = name or f"part-{number}"
    return Attachment(number, name, part.get_content_type(), _payload(part))


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _decoded(part: Message) -> str:
    charset = part.get_content_charset("utf-8")
    try:
        return _sound(_payload(part).decode(charset, "replace"))
    except (LookupError, ValueError):  # UnicodeError is one, and so is a name with a NUL in it.
        return _payload(part).decode("utf-8", "replace")
