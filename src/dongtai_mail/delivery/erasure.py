"""What deliveries tell readers about themselves, and what they forget when a reader is erased.

Promises: counts stay, people go: the reader's deliveries keep their states and lose address and
name; what was not begun is suppressed at once; evidence loses the address where it quotes it, also
one that the reader had before; tests that staff sent there are forgotten. Of two subscriptions that
become one, the one kept has what was sent by the other and what waits; where both were in a
mailing, that is forgotten. When they are two again, what was sent to the former address goes back.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from dongtai_mail.delivery import returns
from dongtai_mail.delivery.models import (
    Attempt,
    Delivery,
    Mentions,
    ProofLetter,
    ReturnedMessage,
)
from dongtai_mail.delivery.policy import HANDED_OVER
from dongtai_mail.issues.models import Publication
from dongtai_mail.message.address import parse
from subscribers.leaving import leave
from subscribers.models import Subscription, SubscriptionEvent
from subscribers.signals import erasing, gathering, joining, parting

State = Delivery.State
HIDDEN = "[erased]"


def listen() -> None:
    erasing.connect(_forget, dispatch_uid="delivery.erasure")
    gathering.connect(_tell, dispatch_uid="delivery.gathering")
    joining.connect(_hand_over, dispatch_uid="delivery.joining")
    parting.connect(_hand_back, dispatch_uid="delivery.parting")


def _tell(subscription_ids: Collection[int], **_: Any) -> dict[str, Any]:
    deliveries = Delivery.objects.filter(subscription__in=subscription_ids).order_by("pk")
    back = ReturnedMessage.objects.filter(subscription__in=subscription_ids).order_by("pk")
    return {
        "mailings": [
            {
                "subject": each.mailing.edition.subject,
                "to": each.address,
                "state": State(each.state).name.lower(),
                "at": each.changed_at.isoformat() if each.changed_at else None,
            }
            for each in deliveries.select_related("mailing__edition")
        ],
        "returned": [
            {"kind": each.kind, "effect": each.effect, "at": each.received_at.isoformat()}
            for each in back.defer("raw")
        ],
    }


def _forget(subscription_ids: Collection[int], addresses: Sequence[str], **_: Any) -> None:
    deliveries = Delivery.objects.filter(subscription__in=subscription_ids)
    addresses = [*addresses, *_written_to(deliveries)]
    returns.forget(subscription_ids, addresses)
    # What came back quotes the address, often encoded: nothing of it can be kept.
    returned = Q(delivery__in=deliveries) | Q(subscription__in=subscription_ids)
    Mentions.objects.filter(message__in=ReturnedMessage.objects.filter(returned)).delete()
    ReturnedMessage.objects.filter(returned).update(
        raw=None, judgement=[], evidence="", note="", recipient=""
    )
    _strip(deliveries, addresses)
    _forget_tests(set(addresses))


def _forget_tests(addresses: Collection[str]) -> None:
    """Staff may have had tests sent to the reader, and have the address on the list for those."""
    sent = ProofLetter.objects.order_by().values_list("address", flat=True).distinct()
    ProofLetter.objects.filter(address__in=_of(sent, addresses)).delete()
    for row in Publication.objects.exclude(proof_addresses=[]):
        theirs = _of(row.proof_addresses, addresses)
        kept = [address for address in row.proof_addresses if address not in theirs]
        if theirs:
            Publication.objects.filter(pk=row.pk).update(proof_addresses=kept)


def _of(written: Iterable[str], addresses: Collection[str]) -> list[str]:
    return [address for address in written if parse(address).key in addresses]


def _hand_over(lost_id: int, kept_id: int, **_: Any) -> None:
    deliveries = Delivery.objects.filter(subscription=lost_id)
    same = Delivery.objects.filter(subscription=kept_id).values("mailing")
    # What is on its way goes where it was addressed to, also when it is begun anew.
    sent = deliveries.filter(state__in=(*HANDED_OVER, State.BOUNCED))
    sent.exclude(mailing__in=same).update(subscription=kept_id)
    waiting = deliveries.filter(state__in=(State.QUEUED, State.DEFERRED))
    for each in waiting.exclude(mailing__in=same):
        _redirect(each, Subscription.objects.select_related("subscriber").get(pk=kept_id))
    ReturnedMessage.objects.filter(subscription=lost_id).update(subscription=kept_id)
    _strip(deliveries, _written_to(deliveries))


def _redirect(waiting: Delivery, kept: Subscription) -> None:
    """The issue goes where the reader is now; whether they want it, each claim asks."""
    reader = kept.subscriber
    there = Delivery.objects.filter(mailing=waiting.mailing_id, provider=reader.provider)
    Delivery.objects.filter(pk=waiting.pk, state=waiting.state).update(
        subscription=kept,
        address=reader.address,
        name=reader.name,
        provider=reader.provider,
        lane=there.values_list("lane", flat=True).first() or "",
    )


def _hand_back(
    from_id: int, to_id: int, key: str, since: datetime.datetime | None, **_: Any
) -> None:
    deliveries = Delivery.objects.filter(subscription=from_id)
    same = Delivery.objects.filter(subscription=to_id).values("mailing")
    theirs = deliveries.filter(address__in=_of(_written_to(deliveries), {key}))
    numbers = list(theirs.exclude(mailing__in=same).values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=numbers).update(subscription=to_id)
    ReturnedMessage.objects.filter(delivery__in=numbers).update(subscription=to_id)
    # Who left meanwhile by a mail that came to the former address wants none there.
    mailings = Delivery.objects.filter(pk__in=numbers).values("mailing")
    acts = SubscriptionEvent.objects.filter(subscription=from_id, mailing__in=mailings)
    last = acts.filter(at__gte=since).order_by("pk").last() if since else None
    if last is not None and last.state == Subscription.State.UNSUBSCRIBED:
        leave(to_id, last.source, last.detail, mailing=last.mailing)


def _written_to(deliveries: QuerySet[Delivery]) -> list[str]:
    return list(deliveries.exclude(address="").values_list("address", flat=True).distinct())


def _strip(deliveries: QuerySet[Delivery], addresses: Sequence[str]) -> None:
    for attempt in Attempt.objects.filter(delivery__in=deliveries):
        text = _without(attempt.text, addresses)
        if text != attempt.text:
            Attempt.objects.filter(pk=attempt.pk).update(text=text)
    deliveries.filter(state__in=(State.QUEUED, State.DEFERRED)).update(
        state=State.SUPPRESSED, changed_at=timezone.now()
    )
    # A leased one is found departed before it is begun, since its reader is gone.
    deliveries.update(address="", name="", provider="")


def _without(text: str, addresses: Sequence[str]) -> str:
    for address in addresses:
        at = text.lower().find(address.lower())
        while at >= 0:
            text = text[:at] + HIDDEN + text[at + len(address) :]
            at = text.lower().find(address.lower())
    return text
