"""One message that came back → one `Feedback`.

Owns: the order of questions. Whom it was sent to comes first (an unsubscribe is what reached the
unsubscribe address), then forms that only machines write (ARF, DSN, MDN), then words. A vacation is
asked about before prose is read as a bounce. Promises: never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from dongtai_mail.message.feedback.automatic import (
    DELIVERED,
    away_of_postmaster,
    away_rule,
    delay_rule,
    is_machine,
    is_notice,
    matching,
)
from dongtai_mail.message.feedback.complaint import (
    complainants,
    complaint_rule,
    feedback_type,
    notification,
)
from dongtai_mail.message.feedback.document import Document, open_document
from dongtai_mail.message.feedback.judge import command_of, judge
from dongtai_mail.message.feedback.model import (
    Evidence,
    Feedback,
    Kind,
    Reason,
    RecipientReport,
    Severity,
    Source,
)
from dongtai_mail.message.feedback.recipients import Candidate, clean, find_candidates
from dongtai_mail.message.feedback.status import find_code, find_status, lookup

UNSUBSCRIBE_PREFIXES = ("unsubscribe", "leave")
# Whatever alphabet ``seal`` writes local parts in; opening decides what is a token.
_TOKEN = re.compile(r"\+([a-z0-9_-]{24,128})(?![a-z0-9_-])", re.IGNORECASE)
_UNSUBSCRIBE = re.compile(
    rf"<?(?:{'|'.join(UNSUBSCRIBE_PREFIXES)})\+([\w=.-]{{8,128}})@", re.IGNORECASE
)
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,300})>")
_ARRIVED_AT = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to")
_SENT_FROM = ("return-path", "x-envelope-from", "x-sender", "list-unsubscribe", "sender")
_SUCCESS = frozenset({"delivered", "relayed", "expanded", "deliverable"})
_DELAY = frozenset({"delayed", "delay", "deferred"})


def read(raw: bytes, recipient: str = "") -> Feedback:
    """Say what came back; ``recipient`` is the envelope recipient where the door knows it."""
    document = open_document(raw)
    arrived = [recipient] if recipient else _all(document, _ARRIVED_AT)
    if token := _unsubscribe_token(document, arrived):
        about = _original_message_id(document)
        return Feedback(Kind.UNSUBSCRIBE, (), "address", about, tokens=(token,))
    kind, rule, recipients = _classify(document)
    return Feedback(
        kind,
        tuple(recipients),
        rule,
        _original_message_id(document),
        tuple(_tokens([*arrived, *_sent_from(document)])),
        feedback_type(document) if kind is Kind.COMPLAINT else "",
    )


def _classify(document: Document) -> tuple[Kind, str, list[RecipientReport]]:
    if rule := complaint_rule(document):
        return Kind.COMPLAINT, rule, [_unrefused(address) for address in complainants(document)]
    if (told := notification(document.uncut)) is not None:
        return _from_notification(told)
    if document.receipt.pairs or document.report_type == "disposition-notification":
        return Kind.DELIVERED, "disposition notification", []
    if not is_notice(document):
        return _from_people(document)
    return _from_mail_system(document)


def _from_people(document: Document) -> tuple[Kind, str, list[RecipientReport]]:
    if rule := matching(DELIVERED, document.subject):
        return Kind.DELIVERED, rule, []
    if rule := away_rule(document):
        return Kind.AUTO_REPLY, rule, []
    return Kind.UNKNOWN, "", []


def _from_mail_system(document: Document) -> tuple[Kind, str, list[RecipientReport]]:
    if rule := away_of_postmaster(document):
        return Kind.AUTO_REPLY, rule, []
    candidates = find_candidates(document)
    actions = {candidate.action for candidate in candidates if candidate.action}
    if actions and actions <= _SUCCESS:
        return Kind.DELIVERED, "Action: delivered", [_unrefused(c.address) for c in candidates]
    if not actions and (rule := matching(DELIVERED, document.subject)):
        return Kind.DELIVERED, rule, []
    refused = [candidate for candidate in candidates if candidate.action not in _SUCCESS]
    reports = [_report(candidate) for candidate in refused]
    if not is_machine(document):
        reports = [_never_hard(report) for report in reports]
    if actions and actions <= _DELAY | _SUCCESS:
        return Kind.DELAYED, "Action: delayed", [_never_hard(report) for report in reports]
    if not actions and (rule := delay_rule(document)):
        return Kind.DELAYED, rule, [_never_hard(report) for report in reports]
    return Kind.BOUNCE, "Action: failed" if actions else "notice", reports


def _report(candidate: Candidate) -> RecipientReport:
    inner, outer = find_status(candidate.said), find_status(candidate.status)
    status = inner if lookup(inner) else outer if lookup(outer) else ""
    status = status or find_status(candidate.context) or inner or outer
    code = find_code(candidate.said) or find_code(candidate.context)
    command = command_of(candidate.said, candidate.context)
    reason, severity, evidence = judge(candidate.said, candidate.context, status, code, command)
    report = RecipientReport(
        candidate.address,
        severity,
        reason,
        evidence,
        candidate.original,
        status,
        code,
        " ".join((candidate.said.strip() or candidate.context.strip()).split())[:1_000],
        command,
    )
    return _never_hard(report) if candidate.action in _DELAY else report


def _never_hard(report: RecipientReport) -> RecipientReport:
    return replace(report, severity=Severity.SOFT)


def _unrefused(address: str) -> RecipientReport:
    return RecipientReport(address, None, Reason.OTHER, Evidence(Source.FIELD, "recipient"))


def _from_notification(told: Mapping[str, Any]) -> tuple[Kind, str, list[RecipientReport]]:
    """Amazon SES's notification types, each with its list of recipients."""
    kind = str(told.get("notificationType") or told.get("eventType"))
    detail = told.get(kind.lower())
    detail = detail if isinstance(detail, dict) else {}
    rule = f"notificationType {kind}"
    if kind == "Complaint":
        return (
            Kind.COMPLAINT,
            rule,
            [_unrefused(a) for a, _ in _named(detail, "complainedRecipients")],
        )
    if kind == "Delivery":
        return Kind.DELIVERED, rule, [_unrefused(a) for a, _ in _named(detail, "recipients")]
    if kind == "Bounce":
        named = _named(detail, "bouncedRecipients")
        return Kind.BOUNCE, rule, [_report(_notified(a, found)) for a, found in named]
    return Kind.UNKNOWN, rule, []


def _named(detail: Mapping[str, Any], key: str) -> list[tuple[str, Mapping[str, Any]]]:
    found = detail.get(key)
    rows = found if isinstance(found, list) else []
    named = [
        (row, {}) if isinstance(row, str) else (row.get("emailAddress"), row)
        for row in rows
        if isinstance(row, str | dict)
    ]
    return [(address, row) for address, row in named if isinstance(address, str) and clean(address)]


def _notified(address: str, row: Mapping[str, Any]) -> Candidate:
    return Candidate(
        address,
        action=str(row.get("action", "")),
        status=str(row.get("status", "")),
        said=str(row.get("diagnosticCode", ""))[:2_000],
    )


def _unsubscribe_token(document: Document, arrived: Iterable[str]) -> str:
    if document.report_type:
        return ""
    found = (_UNSUBSCRIBE.search(address) for address in arrived)
    return next((match[1] for match in found if match), "")


def _all(document: Document, names: Iterable[str]) -> list[str]:
    return [value for name in names for value in document.head.all(name)]


def _sent_from(document: Document) -> list[str]:
    """Where our own envelope sender stands in what was returned."""
    groups = [document.original, *document.status_groups, *document.report]
    named = [value for group in groups for name in _SENT_FROM for value in group.all(name)]
    return named + [
        value
        for group in groups
        for name, value in group.pairs
        if name in ("original-mail-from", "original-envelope-id") or name.endswith("-sender")
    ]


def _tokens(addresses: Iterable[str]) -> list[str]:
    found = (token for address in addresses for token in _TOKEN.findall(address[:2_000]))
    return list(dict.fromkeys(found))


def _original_message_id(document: Document) -> str:
    groups = [*document.status_groups, document.receipt, *document.report]
    named = [group.get("x-original-message-id", "original-message-id") for group in groups]
    named += [document.original.get("message-id"), document.head.get("in-reply-to")]
    found = (_MESSAGE_ID.search(value) for value in named)
    return next((match[1] for match in found if match), "")
