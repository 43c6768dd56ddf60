"""Complaints: ARF (RFC 5965), its misshapen relatives, and providers' notifications in JSON.

Owns: recognising a complaint and finding who complained. Promises: a report is recognised by any
of its marks alone, for providers leave out the others; the reader is taken from the fields made
for that, then from what the provider kept of our own message. Fails: a redacted reader is none.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dongtai_mail.message.feedback.document import Document
from dongtai_mail.message.feedback.recipients import ADDRESS, clean

_READER_FIELDS = (
    "original-rcpt-to",
    "removal-recipient",
    "removal_recipient",
    "x-hmxmroriginalrecipient",
    "x-original-rcpt-to",
)
_SUBJECTS = re.compile(
    r"^complaint about message from|e-?mail feedback report for|\babuse report\b|spam report"
    r"|feedback loop|投诉|举报",
    re.IGNORECASE,
)
_NOTIFICATION = re.compile(r'\{\s*"(?:notificationType|eventType)"')
_MARK = re.compile(r"arf|feedback[- ]report|abuse report|opt-out report", re.IGNORECASE)


def complaint_rule(document: Document) -> str:
    """The mark by which this is a complaint, else ''."""
    if document.report_type == "feedback-report":
        return "report-type=feedback-report"
    if any(group.get("feedback-type") for group in document.report):
        return "Feedback-Type"
    if any(kept.get("x-hmxmroriginalrecipient") for kept in (document.head, document.original)):
        return "X-HmXmrOriginalRecipient"
    forwarded = any(media.startswith("message/") for media in document.media)
    if forwarded and not document.status_groups and _SUBJECTS.search(document.subject):
        return "subject"
    return ""


def feedback_type(document: Document) -> str:
    found = (group.get("feedback-type") for group in document.report)
    return next((kind.strip().lower() for kind in found if kind), "abuse")


def complainants(document: Document) -> list[str]:
    groups = [*document.report, document.head, document.original]
    found = [
        address
        for group in groups
        for name in _READER_FIELDS
        for value in group.all(name)
        if (address := clean(value))
    ]
    if not found:
        found = ADDRESS.findall(document.original.get("to"))[:1]
    return list(dict.fromkeys(found))


def notification(notice: str) -> dict[str, Any] | None:
    """The JSON object that Amazon SES mails through SNS, where there is one."""
    begins = _NOTIFICATION.search(notice)
    if begins is None:
        return None
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(notice[begins.start() :])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
