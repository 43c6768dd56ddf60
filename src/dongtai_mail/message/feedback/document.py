"""What a returned message consists of: a notice, groups of machine fields, and the original.

Owns: telling these apart, also where a sender wrote no MIME or the wrong one. Promises: text of
the original never counts as notice, so that an issue about bounced mail bounces nobody.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from dongtai_mail.message.feedback.mime import Fields, Part, parse_fields, readable, split

_LONGEST_NOTICE = 60_000
_MOST_GROUPS = 500
_LONGEST_LINE = 1_000
_STATUS_MEDIA = ("message/delivery-status", "message/global-delivery-status")
_RECEIPT_MEDIA = ("message/disposition-notification", "message/global-disposition-notification")
_REPORT_MEDIA = ("message/feedback-report", "message/x-feedback-report")
_ORIGINAL_MEDIA = (
    "message/rfc822",
    "message/global",
    "message/partial",
    "text/rfc822-headers",
    "text/rfc822-header",
    "text/rfc822",
    "message/global-headers",
    "message/rfc822-headers",
)
# The line from which a notice quotes what had been sent.
_ORIGINAL_BEGINS = re.compile(
    r"^[ \t>]*(?:"
    r"(?:[-=_*]{2,} *)?(?:(?:below|following|here) (?:this line )?(?:is|follows) (?:a|the) copy"
    r"|this is a copy of|(?:below is )?a copy of (?:the|your) (?:original )?message"
    r"|(?:the |your )?(?:header of the )?(?:original|unsent|undelivered|returned|bounced) message"
    r"(?: (?:headers?|text|follows|is following|below|attached|as follows))?[ .:*=_-]{0,60}$"
    r"|included is a copy of|message headers? follows?|copy of (?:the )?(?:original )?message"
    # A summary of its date and subject is still the notice's own.
    r"|original (?:mail|e-?mail)|以下(?:是|为).{0,6}原"
    r"|原始?(?:邮件|郵件|信件)(?!信息|資訊|的?(?:主题|時間|时间|收件|发件)))"
    r"|(?:Received: (?:from|by|\()|Return-[Pp]ath: <|DKIM-Signature: |X-Received: )"
    r")",
    re.IGNORECASE | re.MULTILINE,
)
_HEAD_BEGINS = re.compile(
    r"^[ \t>]*(?:Received|Return-Path|From|To|Subject|Date|Message-ID|DKIM-Signature|X-[\w-]+|"
    r"Mime-Version|Content-Type|ARC-Seal): ",
    re.IGNORECASE | re.MULTILINE,
)
_IS_NOTICE = re.compile(
    rb"^content-type: *message/(?:delivery-status|feedback-report)", re.IGNORECASE | re.MULTILINE
)
_TAG = re.compile(r"<(?:/?[a-z!][^<>@]{0,2000})>", re.IGNORECASE)
_UNSEEN = re.compile(r"<(/?)(?:style|script|head)\b", re.IGNORECASE)
_GROUP_FIELD = re.compile(
    r"^[ \t>]*(?:final-recipient|original-recipient|reporting-mta|action|diagnostic-code)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_FEEDBACK_FIELD = re.compile(r"^feedback-type[ \t]*:", re.IGNORECASE | re.MULTILINE)


@dataclass(slots=True)
class Document:
    head: Fields
    notice: str = ""
    status_groups: list[Fields] = field(default_factory=list)
    receipt: Fields = field(default_factory=Fields)
    report: list[Fields] = field(default_factory=list)
    original: Fields = field(default_factory=Fields)
    media: list[str] = field(default_factory=list)
    enclosed: list[bytes] = field(default_factory=list)
    uncut: str = ""

    @property
    def subject(self) -> str:
        return readable(self.head.get("subject"))

    @property
    def report_type(self) -> str:
        found = re.search(r'report-type\s*=\s*"?([\w-]+)', self.head.get("content-type"), re.I)
        return found[1].lower() if found else ""


def open_document(raw: bytes) -> Document:
    head, parts = split(raw)
    document = Document(head)
    plain = any(part.media == "text/plain" and part.body.strip() for part in parts)
    for part in parts:
        _take(document, part, plain)
        document.media.append(part.media)
    if not _names_somebody(document):
        document.status_groups += _groups_in_notice(document.notice)
    if not _names_somebody(document):
        _open_enclosed(document)
    return document


def _names_somebody(document: Document) -> bool:
    return any(_names_recipient(group) for group in document.status_groups)


def _open_enclosed(document: Document) -> None:
    """Read a notice that somebody forwarded in a message without one of its own."""
    for octets in document.enclosed[:1]:
        document.original = Fields()
        for part in split(octets)[1]:
            _take(document, part, True)


def _take(document: Document, part: Part, plain: bool) -> None:
    if part.media in _STATUS_MEDIA:
        document.status_groups += groups(part.text)
    elif part.media in _RECEIPT_MEDIA:
        document.receipt = parse_fields(part.text)
    elif part.media in _REPORT_MEDIA:
        document.report += groups(part.text)
    elif part.media in _ORIGINAL_MEDIA:
        _take_original(document, part.text)
        if _IS_NOTICE.search(part.body[:_LONGEST_NOTICE]):
            document.enclosed.append(part.body)
    elif _is_words(part.media, plain):
        _take_text(document, part)


def _is_words(media: str, plain: bool) -> bool:
    """A page counts where there is no plain text; a multipart without parts is text."""
    return (
        media == "text/plain"
        or media.startswith("multipart/")
        or (media == "text/html" and not plain)
    )


def _take_text(document: Document, part: Part) -> None:
    text = _from_html(part.text) if part.media == "text/html" else part.text
    if len(part.fields.pairs) and _FEEDBACK_FIELD.search(text[:2_000]):
        document.report += groups(text)
        return
    if document.original.pairs and document.notice.strip():
        return  # Text after the original is the original's own, torn off by a broken boundary.
    document.uncut = document.uncut or text[:_LONGEST_NOTICE]
    begins = _ORIGINAL_BEGINS.search(text[:_LONGEST_NOTICE])
    notice = text[: begins.start()] if begins else text
    lines = (line[:_LONGEST_LINE] for line in notice[:_LONGEST_NOTICE].split("\n"))
    document.notice += "\n".join(lines) + "\n\n"
    if begins:
        # The marker itself may be a header field, or stand some lines before the first one.
        _take_original(document, text[begins.start() :])
        returned = part.body[: 4 * _LONGEST_NOTICE]
        if _IS_NOTICE.search(returned) and (
            head := re.search(rb"^Return-Path: <>", returned, re.M)
        ):
            document.enclosed.append(returned[head.start() :])


def _take_original(document: Document, text: str) -> None:
    if document.original.pairs:
        return
    begins = _HEAD_BEGINS.search(text[:_LONGEST_NOTICE])
    if begins:
        head, _, _ = text[begins.start() :].lstrip().partition("\n\n")
        document.original = parse_fields(head[:_LONGEST_NOTICE])


def _from_html(text: str) -> str:
    visible = "".join(_seen(text[: 4 * _LONGEST_NOTICE]))
    broken = re.sub(r"<(?:br|p|div|tr|li|h\d)\b[^<>]{0,500}>", "\n", visible, flags=re.I)
    return html.unescape(_TAG.sub(" ", broken))


def _seen(text: str) -> Iterator[str]:
    """The pieces of a page outside styles and scripts; an element left open hides the rest."""
    at = 0
    for tag in _UNSEEN.finditer(text):
        if not tag[1] and at <= tag.start():
            yield text[at : tag.start()]
            at = len(text)
        elif tag[1]:
            at = tag.start()
    yield text[at:]


def groups(text: str) -> list[Fields]:
    """Fields by groups (RFC 3464, 2.1), mended where blank lines are missing or superfluous."""
    found: list[Fields] = []
    for block in re.split(r"\n[ \t]*\n", text[:_LONGEST_NOTICE], maxsplit=_MOST_GROUPS):
        for fields in _one_recipient_each(parse_fields(block)):
            if found and _continues(found[-1], fields):
                found[-1] = Fields(found[-1].pairs + fields.pairs)
            elif fields.pairs:
                found.append(fields)
    return found


def _one_recipient_each(fields: Fields) -> list[Fields]:
    starts = [i for i, (name, _) in enumerate(fields.pairs) if name == "final-recipient"]
    if len(starts) < 2:
        return [fields]
    cuts = [0, *starts[1:], len(fields.pairs)]
    return [Fields(fields.pairs[a:b]) for a, b in pairwise(cuts)]


def _continues(before: Fields, after: Fields) -> bool:
    return (
        _names_recipient(before)
        and not _names_recipient(after)
        and bool(after.get("action", "status", "diagnostic-code"))
        and not (before.get("action") and after.get("action"))
    )


def _names_recipient(group: Fields) -> bool:
    return bool(group.get("final-recipient", "original-recipient", "x-actual-recipient"))


def _groups_in_notice(notice: str) -> list[Fields]:
    begins = _GROUP_FIELD.search(notice)
    if begins is None:
        return []
    quoted = re.sub(r"(?m)^[ \t]*>[ \t]?", "", notice[begins.start() :])
    return [group for group in groups(quoted.lstrip()) if _names_recipient(group)]
