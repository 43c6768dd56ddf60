"""What goes into a rendering besides the issue, and what comes out.

Owns: the kinds of edition, the frame, the personal slots, the finished rendering, the error.
Promises: values only; a frame that could not make a sound mail is refused when it is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dongtai_mail.content import Finding
from dongtai_mail.rendering.clicks import CountedLink

CLIPPING_LIMIT = 102_400
RESERVE = 4_096
HTML_LIMIT = CLIPPING_LIMIT - RESERVE


class RenderingError(Exception):
    """The templates or the frame cannot make a mail; names the template's line and the item."""


class Kind(StrEnum):
    """How much of the issue stands in the mail: all, all in leaner markup, or its gist."""

    FULL = "full"
    LEAN = "lean"
    DIGEST = "digest"


@dataclass(frozen=True)
class Frame:
    """What the publication and the installation contribute.

    ``web_url`` is the public page of this edition; ``reason`` says, as a Chinese sentence, why the
    reader gets this mail. The two lengths are the bytes of the longest real personal links, which
    count for the size. With a ``click_base`` the links of items are exchanged for it and a number.
    """

    web_url: str
    reason: str
    accent: str = "#b3121d"
    language: str = "zh-CN"
    unsubscribe_url_length: int = 120
    preferences_url_length: int = 120
    click_base: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"https?://[!-~]+", self.web_url) or re.search(
            r"[\"<>\\^`{|}#]", self.web_url
        ):
            raise RenderingError(
                f"网页版的地址要是完整的 http(s) 网址，只用 ASCII，不带 #：“{self.web_url}”"
            )
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.accent):
            raise RenderingError(f"主色要写成 #b3121d 这样的颜色：“{self.accent}”")
        if not re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", self.language):
            raise RenderingError(f"语言要写成 zh-CN 这样的代码：“{self.language}”")


@dataclass(frozen=True)
class Slots:
    """The placeholder URLs, each exactly once in the HTML part and once in the text part."""

    unsubscribe: str
    preferences: str


@dataclass(frozen=True)
class Rendered:
    """An issue as mail parts and as a public page.

    ``size`` is the HTML part's UTF-8 bytes with personal links at their real length;
    ``milliseconds`` says what each stage took, and is no part of equality.
    """

    kind: Kind
    subject: str
    preheader: str
    mjml: str
    html: str
    text: str
    web_html: str
    slots: Slots
    findings: tuple[Finding, ...]
    size: int
    links: tuple[CountedLink, ...] = ()
    milliseconds: Mapping[str, float] = field(default_factory=dict, compare=False)
