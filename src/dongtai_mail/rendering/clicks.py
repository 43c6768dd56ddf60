"""Links of a mail exchanged for ones that count, without saying who followed them.

Owns: which links are counted (those of items, and a digest's links to the web edition) and the
item that each stands in. Promises: links that lead around in the mail, the reader's own, mailboxes
and whatever stands outside items stay as they are; the address of a counted link holds a number
and nothing about the reader or the target, so it can lead nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

# In a mail an item begins with its title, which is the only third-level heading.
_PARTS = re.compile(r'<h3\b|(?P<link><a [^<>]*?href=")(?P<target>[^"]*)(?=")')
_COUNTED = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CountedLink:
    """``item`` is the place of the item in the issue, from 0, over all sections."""

    number: int
    target: str
    item: int


def counted(html: str, base: str, spared: tuple[str, ...]) -> tuple[str, tuple[CountedLink, ...]]:
    """Exchange the links of items for ``base`` and a number; equal ones of an item share theirs.

    ``spared`` targets, such as a reader's own links, are left alone.
    """
    links: dict[tuple[int, str], CountedLink] = {}
    item = -1

    def exchange(match: re.Match[str]) -> str:
        nonlocal item
        if match["link"] is None:
            item += 1
            return match[0]
        target = unescape(match["target"])
        if item < 0 or target in spared or not _COUNTED.match(target):
            return match[0]
        new = CountedLink(len(links), target, item)
        link = links.setdefault((item, target), new)
        return f"{match['link']}{base}{link.number}"

    return _PARTS.sub(exchange, html), tuple(links.values())
