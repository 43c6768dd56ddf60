"""What mail providers report by webhook, through django-anymail's views, to the one policy.

Owns: which events count, and finding our delivery in them. Promises: anymail checks the secret and
the provider's signature before anything arrives here, so a report is the provider's word; even so
it acts only on a delivery that it names by our token, or by our Message-ID together with the
address we wrote to; an event that comes again is the same row. Events without a consequence
(sent, delivered, opened …) are not kept: there is one of each a message. Fails: with 400 and the
reason for what is no report, and where a provider's key is missing; with the database's errors,
which the provider sees as 500 and answers with another try.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason, tracking
from anymail.urls import urlpatterns as anymail_urls
from anymail.utils import get_request_basic_auth
from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.utils.crypto import constant_time_compare

from dongtai_mail.delivery import returns
from dongtai_mail.delivery.models import Delivery
from dongtai_mail.delivery.replays import ReplayRefused, refuse_replays
from dongtai_mail.delivery.returns import Known
from dongtai_mail.keys import keyring
from dongtai_mail.message import verp
from dongtai_mail.message.address import AddressError, parse
from dongtai_mail.message.feedback import (
    Command,
    Evidence,
    Feedback,
    Kind,
    Reason,
    RecipientReport,
    Severity,
    Source,
)
from dongtai_mail.message.feedback.judge import judge
from dongtai_mail.message.feedback.status import find_code, find_status

View = Callable[..., HttpResponseBase]


class _Malformed(Exception):
    """A report without what its provider's reports have."""


def _guarded(view: View) -> View:
    """Without a secret anymail would believe everybody; a stranger gets no further than here."""
    door: View = _door(view.view_class).as_view()  # type: ignore[attr-defined]  # Set by Django's as_view().

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.WEBHOOK_SECRET:
            raise Http404("DONGTAI_WEBHOOK_SECRET is not set")
        if request.method == "POST" and not _knows_the_secret(request):
            return _refused("The user or password is not that of DONGTAI_WEBHOOK_SECRET.")
        try:
            return door(request, *args, **kwargs)
        except AnymailConfigurationError as wrong:
            return _refused(f"DONGTAI_WEBHOOK_KEYS or this address does not fit: {wrong}")
        except (_Malformed, ReplayRefused, AnymailWebhookValidationFailure) as wrong:
            return _refused(str(wrong))

    return guarded


def _door(view: Any) -> Any:
    """The provider's view; what it stumbles over is the report's fault, not ours."""

    class Door(view):  # type: ignore[misc]  # One of anymail's, whichever.
        def run_validators(self, request: HttpRequest) -> None:
            with _reading():
                super().run_validators(request)
                if self.esp_name == "Mailgun":
                    refuse_replays(request)

        def parse_events(self, request: HttpRequest) -> list[AnymailTrackingEvent]:
            with _reading():
                return list(super().parse_events(request))

    return Door


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError) as wrong:
        raise _Malformed(f"This is no report that can be read: {type(wrong).__name__}.") from wrong


def _knows_the_secret(request: HttpRequest) -> bool:
    return constant_time_compare(get_request_basic_auth(request) or "", settings.WEBHOOK_SECRET)


def _refused(why: str) -> HttpResponse:
    return HttpResponse(f"{why}\n", status=400, content_type="text/plain; charset=utf-8")


# Mail that comes in has its own doors; those views would drop it and say it was taken.
urlpatterns = [
    URLPattern(each.pattern, _guarded(each.callback), each.default_args, each.name)
    for each in anymail_urls
    if "inbound" not in str(each.name)
]

_KINDS = {
    EventType.BOUNCED: Kind.BOUNCE,
    EventType.COMPLAINED: Kind.COMPLAINT,
    EventType.UNSUBSCRIBED: Kind.UNSUBSCRIBE,
}
# A provider that refuses to send says by which earlier event.
_REJECTED = {
    RejectReason.SPAM: Kind.COMPLAINT,
    RejectReason.UNSUBSCRIBED: Kind.UNSUBSCRIBE,
}
_MESSAGE_ID = re.compile(r"(?<![\w.])(\d{1,18})\.(\d{1,18})@([a-z0-9.-]{1,253})")
_AT_MOST = 20


def listen() -> None:
    tracking.connect(_take, dispatch_uid="delivery.webhooks")


def _take(event: AnymailTrackingEvent, esp_name: str, **_: Any) -> None:
    kind = _kind(event)
    if kind is None:
        return
    raw = _readable(event.esp_event)
    feedback = Feedback(
        kind,
        (_report(event),),
        f"{esp_name}: {event.event_type} {event.reject_reason or ''}".strip(),
        str(event.message_id or ""),
    )
    known = _named(raw, str(event.message_id or ""), str(event.recipient or ""))
    why_not = "" if known else "里面没有本系统的标记或 Message-ID，不知道是哪次投递。"
    with transaction.atomic():
        row = returns.store(
            raw.encode("utf-8", "replace"),
            str(event.recipient or ""),
            f"webhook {esp_name}"[:40],
            fingerprint=_fingerprint(event, esp_name),
        )
        returns.process(row.pk, lambda _: (feedback, known, why_not))


def _kind(event: AnymailTrackingEvent) -> Kind | None:
    if event.event_type == EventType.REJECTED:
        return _REJECTED.get(event.reject_reason, Kind.BOUNCE)
    return _KINDS.get(event.event_type)


def _fingerprint(event: AnymailTrackingEvent, esp_name: str) -> str:
    """The same event again comes in another envelope, with a new time and signature."""
    named = (esp_name, event.event_type, event.message_id, event.recipient)
    which = event.event_id or event.timestamp
    return hashlib.sha256(repr((*map(str, named), str(which))).encode()).hexdigest()


def _report(event: AnymailTrackingEvent) -> RecipientReport:
    said = " ".join(str(event.mta_response or event.description or "").split())
    status, code = find_status(said), find_code(said)
    reason, severity, evidence = judge(said, "", status, code, Command.UNKNOWN)
    if event.reject_reason == RejectReason.INVALID:
        reason, severity = Reason.USER_UNKNOWN, Severity.HARD
        evidence = Evidence(Source.FIELD, "the provider calls the address invalid")
    return RecipientReport(
        str(event.recipient or ""),
        severity,
        reason,
        evidence,
        status=status,
        code=code,
        diagnostic=said[:1000],
    )


def _named(raw: str, message_id: str, recipient: str) -> Known | None:
    for token in dict.fromkeys(re.findall(r"\+[0-9a-f]{50}", raw, re.IGNORECASE)[:_AT_MOST]):
        pk = verp.delivery_id(keyring(), token)
        found = returns.known(pk) if pk is not None else None
        if found:
            return found
    pairs = _MESSAGE_ID.findall(f"{message_id} {raw}".lower())[:_AT_MOST]
    deliveries = (_by_message_id(found, recipient) for found in dict.fromkeys(pairs))
    pk = next((pk for pk in deliveries if pk is not None), None)
    return returns.known(pk) if pk is not None else None


def _by_message_id(found: tuple[str, str, str], recipient: str) -> int | None:
    """See ``letters.Letters``; the numbers are no secret, so the address has to agree."""
    mailing, delivery, domain = found
    related = Delivery.objects.select_related("mailing__edition__issue__publication")
    row = related.filter(pk=int(delivery), mailing=int(mailing)).first()
    if row is None or row.mailing.edition.issue.publication.domain != domain:
        return None
    try:
        same = parse(row.address).key == parse(recipient).key
    except AddressError:
        return None
    return row.pk if same else None


def _readable(esp_event: Any) -> str:
    """The provider's event as it will be shown to staff."""
    if hasattr(esp_event, "dict"):  # A form's fields.
        esp_event = esp_event.dict()
    return json.dumps(esp_event, ensure_ascii=False, indent=1, default=str)
