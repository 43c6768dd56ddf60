"""One line an event: its name, then ``key=value`` with the same keys everywhere.

Promises: a line stays one line, a traceback's too, and its pairs stay apart, whatever a server or
a person wrote into a value; ids are ``mailing``, ``batch``, ``delivery``, ``notice``,
``returned``, ``relay``, ``provider``, ``lane``. No address of a reader is given to it, but as
part of a server's own words.
"""

from __future__ import annotations

import datetime
import json
import logging
import re

_SECRET_PATH = re.compile(r"(/(?:[updcm]/|password/[0-9A-Za-z]+-))[^/\s\"'?]{8,}")
_PLAIN = re.compile(r"[^\s\"'=\\\x00-\x20\x7f-\x9f]+")
# What JSON leaves as it is, though a terminal or a reader of lines does not.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029]")


class Line(logging.Formatter):
    """A line a record, tracebacks too, with the time and its offset (RFC 3339)."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        at = datetime.datetime.fromtimestamp(record.created).astimezone()
        return at.isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        return "\\n".join(super().format(record).splitlines())


class Masked(logging.Filter):
    """Takes out of every line what would let its reader act for somebody else.

    Django names the path of each request that failed, and in ours stand the links of readers
    and the links that set a password.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        masked = _SECRET_PATH.sub(r"\1…", said)
        if masked != said:
            record.msg, record.args = masked, ()
        return True


def event(name: str, /, **values: object) -> str:
    """``event=name key=value …``; values that are None are left out."""
    pairs = [f"{key}={_written(value)}" for key, value in values.items() if value is not None]
    return " ".join([f"event={name}", *pairs])


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    if _PLAIN.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
