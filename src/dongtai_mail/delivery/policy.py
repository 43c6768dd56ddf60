"""What follows from a refusal or a complaint: the one policy, whoever reports it.

Owns: the rules by which a reader stops getting mail without having asked to. A hard refusal ends
the subscription at once; a soft one counts, at most once a day, and ends it after
``SOFT_BOUNCES`` days with one within ``SOFT_BOUNCE_DAYS``; a mail that was accepted afterwards and
did not come back forgives what was before it. A complaint ends the subscription and suppresses the
address. Promises: doing anything twice changes nothing more; a delivery that comes back after its
acceptance moves to bounced with the words as its evidence, so the ledger stays exact. A refusal
speaks of the address that was written to: it says nothing about a reader who has another one by
now, while a complaint is the person's.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from dongtai_mail.delivery import reasons
from dongtai_mail.delivery.models import Attempt, Delivery, ReturnedMessage, SoftBounce
from dongtai_mail.message.address import AddressError, parse
from dongtai_mail.message.feedback import Severity
from dongtai_mail.message.feedback.judge import judge
from dongtai_mail.message.feedback.model import Command, Reason
from subscribers import leaving, suppression
from subscribers.models import Subscriber, Subscription, SubscriptionEvent

Effect = ReturnedMessage.Effect
State = Delivery.State

# The stage of an attempt that failed after its acceptance.
RETURNED = "returned"
_OF_MAILBOX = (Reason.MAILBOX_FULL, Reason.SUSPENDED)
_COMMANDS = {command.value: command for command in Command}
# States in which a relay may have taken the message. One that is leased has been accepted, too,
# when its bounce is faster than the worker's record, which then finds nothing to change.
HANDED_OVER = (State.LEASED, State.ACCEPTED, State.UNCONFIRMED)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was said; ``door`` is where it came in, ``source`` names the evidence for staff."""

    severity: Severity
    code: int | None
    status: str
    text: str
    door: str
    source: str

    @property
    def detail(self) -> str:
        words = " ".join(self.text.split())
        if self.code and not words.startswith(str(self.code)):
            words = f"{self.code} {words}"
        return f"{self.source}: {words}"[:300]


def returned(delivery: Delivery, refusal: Refusal) -> Effect | None:
    """A message came back that a relay had accepted; None when its reader has moved since."""
    with transaction.atomic():
        _take_back(delivery, refusal)
        return _follow(delivery, refusal, timezone.now())


def refused(attempts: Iterable[Attempt]) -> None:
    """Servers refused these for good while we were sending; the attempts are recorded already."""
    now = timezone.now()
    for attempt in attempts:
        _follow(attempt.delivery, _said(attempt)[1], now)


def deferred(attempts: Iterable[Attempt]) -> None:
    """Servers didn't take these yet; it counts where they say that the mailbox is why.

    A limit or a greylist would count against every reader of a provider.
    """
    now = timezone.now()
    for attempt in attempts:
        reason, refusal = _said(attempt)
        if reason in _OF_MAILBOX:
            _follow(attempt.delivery, replace(refusal, severity=Severity.SOFT), now)


def _said(attempt: Attempt) -> tuple[Reason, Refusal]:
    command = _COMMANDS.get(attempt.stage, Command.UNKNOWN)
    reason, severity, _ = judge(attempt.text, "", attempt.enhanced, attempt.code, command)
    said = (severity, attempt.code, attempt.enhanced, attempt.text)
    return reason, Refusal(*said, "smtp", f"mailing {attempt.mailing_id}")


def complained(subscription: Subscription, door: str, source: str) -> Effect:
    """The reader objects: nothing more goes there."""
    everywhere = settings.COMPLAINT_SCOPE == "everywhere"
    with transaction.atomic():
        suppression.suppress(
            subscription.subscriber.key,
            suppression.Reason.COMPLAINT,
            f"{door}, {source}",
            None if everywhere else subscription.subscriber_list.publication_id,
        )
        if subscription.state == Subscription.State.COMPLAINED:
            return Effect.NONE
        leaving.complain(subscription.pk, door, source)
    return Effect.COMPLAINED


def _take_back(delivery: Delivery, refusal: Refusal) -> None:
    now = timezone.now()
    handed_over = Delivery.objects.filter(pk=delivery.pk, state__in=HANDED_OVER)
    if not handed_over.update(state=State.BOUNCED, batch=None, changed_at=now):
        return
    attempt = Attempt.objects.create(
        delivery=delivery,
        mailing_id=delivery.mailing_id,
        at=now,
        stage=RETURNED,
        code=refusal.code,
        enhanced=refusal.status[:12],
        text=refusal.text[:2000],
        relay=refusal.door,
    )
    reasons.count([(attempt, State.BOUNCED)])


def _follow(delivery: Delivery, refusal: Refusal, now: datetime.datetime) -> Effect | None:
    subscription_id = delivery.subscription_id
    if subscription_id is None:
        return Effect.NONE
    if _outdated(delivery):
        return None
    if refusal.severity is Severity.HARD:
        return _end(subscription_id, refusal.door, refusal.detail)
    return _count(subscription_id, delivery, refusal, now)


def _outdated(delivery: Delivery) -> bool:
    """Whether the reader has another address by now than the one that was written to."""
    person = Subscriber.objects.filter(subscriptions=delivery.subscription_id).first()
    if person is None or delivery.address == person.address:
        return False
    try:
        return parse(delivery.address).key != person.key
    except AddressError:
        return True  # It has been mended since.


def _count(
    subscription_id: int, delivery: Delivery, refusal: Refusal, now: datetime.datetime
) -> Effect:
    _, new = SoftBounce.objects.get_or_create(
        subscription_id=subscription_id,
        day=timezone.localdate(now),
        defaults={"at": now, "delivery": delivery},
    )
    if not new:
        return Effect.NONE
    count = soft_bounces(subscription_id, now)
    if count < settings.SOFT_BOUNCES:
        return Effect.COUNTED
    detail = f"{refusal.detail[:270]} ({count} soft bounces)"
    return _end(subscription_id, refusal.door, detail) or Effect.COUNTED


def soft_bounces(subscription_id: int, now: datetime.datetime) -> int:
    """How many days with a soft bounce count against a subscription."""
    since = now - datetime.timedelta(days=settings.SOFT_BOUNCE_DAYS)
    # What was accepted lately may still come back, so it proves nothing yet.
    arrived = Delivery.objects.filter(
        subscription=subscription_id,
        state=State.ACCEPTED,
        changed_at__lte=now - datetime.timedelta(days=settings.RETURN_DAYS),
    ).aggregate(last=Max("changed_at"))["last"]
    confirmed = SubscriptionEvent.objects.filter(
        subscription=subscription_id, state=Subscription.State.CONFIRMED
    ).aggregate(last=Max("at"))["last"]
    rows = SoftBounce.objects.filter(subscription=subscription_id)
    return rows.filter(at__gt=max(filter(None, (since, arrived, confirmed)))).count()


def _end(subscription_id: int, door: str, detail: str) -> Effect:
    before = Subscription.objects.filter(pk=subscription_id).values_list("state", flat=True).first()
    after = leaving.bounce(subscription_id, door, detail)
    changed = after is not None and after.state != before
    return Effect.BOUNCED if changed else Effect.NONE
