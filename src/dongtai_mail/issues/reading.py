"""From a web address to what an item needs: title, text, source and date.

Promises: ten seconds at most, and nothing of the page runs in our process: the article is found
by ``issues.extraction``, a process with limits and without our secrets.
Fails: ``FetchError``.
"""

from __future__ import annotations

import codecs
import datetime
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from dongtai_mail.issues.fetching import OPEN_WEB, Answer, FetchError, Problem, Rules, fetch
from dongtai_mail.manuscript import ManuscriptError
from dongtai_mail.manuscript.encoding import decode, without_controls

SECONDS = 10.0
WAIT_SECONDS = 2.0
# Slow sites must not take all threads of a web process, which others' pages need.
_reading = threading.BoundedSemaphore(2)
LONGEST_TEXT = 50_000
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,30})""", re.IGNORECASE)
_META_WITHIN = 4096
# Pages say the name of the small set and use the large one.
_LARGER = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "ascii": "utf-8"}


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says, empty where it says nothing; ``url`` is where it was found at last."""

    url: str
    title: str
    text: str
    source: str
    date: datetime.date | None


def read(url: str, rules: Rules = OPEN_WEB) -> Page:
    if not _reading.acquire(timeout=WAIT_SECONDS):
        raise FetchError(Problem.BUSY)
    try:
        return _read(url, rules)
    finally:
        _reading.release()


def _read(url: str, rules: Rules) -> Page:
    end = time.monotonic() + SECONDS
    answer = fetch(url, rules)
    said = _extracted(_text(answer), answer.url, end - time.monotonic())
    if not said["text"].strip():
        raise FetchError(Problem.NO_TEXT)
    return Page(
        answer.url,
        " ".join(said["title"].split())[:300],
        said["text"][:LONGEST_TEXT],
        " ".join(said["source"].split())[:200],
        _date(said["date"]),
    )


def _extracted(html: str, url: str, seconds: float) -> dict[str, str]:
    command = [sys.executable, "-I", "-m", "dongtai_mail.issues.extraction"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps({"html": html, "url": url}).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            timeout=max(seconds, 0.1),
            check=True,
        )
        said: dict[str, str] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise FetchError(Problem.SLOW) from None
    except (subprocess.CalledProcessError, ValueError) as error:
        raise FetchError(Problem.UNREADABLE) from error
    return {name: without_controls(value) for name, value in said.items()}


def _text(answer: Answer) -> str:
    """The page's text: as it says that it is encoded, else as it looks."""
    for name in _said(answer):
        try:
            return answer.body.decode(name)
        except UnicodeDecodeError:
            continue
    try:
        return decode(answer.body).text
    except ManuscriptError:
        raise FetchError(Problem.UNREADABLE) from None


def _said(answer: Answer) -> Iterator[str]:
    if answer.body.startswith(codecs.BOM_UTF8):
        yield "utf-8-sig"
    header = Message()
    header["Content-Type"] = answer.content_type
    meta = _META.search(answer.body[:_META_WITHIN])
    for name in (header.get_content_charset(), meta and meta[1].decode("ascii", "replace")):
        try:
            known = codecs.lookup(name or "").name
            if "x".encode(known) and (known := _LARGER.get(known, known)):
                yield known
        except (LookupError, ValueError, TypeError):
            continue


def _date(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None
