"""What deliveries tell readers about themselves, and what they forget when a reader is erased.

Promises: counts stay, people go: the reader's deliveries keep their states and lose address and
name; what was not begun is suppressed at once; evidence loses the address where it quotes it, also
one that the reader had before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Q
from django.utils import timezone

from dongtai_mail.delivery import returns
from dongtai_mail.delivery.models import Attempt, Delivery, ReturnedMessage
from subscribers.signals import erasing, gathering

State = Delivery.State
HIDDEN = "[erased]"


def listen() -> None:
    erasing.connect(_forget, dispatch_uid="delivery.erasure")
    gathering.connect(_tell, dispatch_uid="delivery.gathering")


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
    written_to = deliveries.exclude(address="").values_list("address", flat=True).distinct()
    addresses = [*addresses, *written_to]
    returns.forget(subscription_ids, addresses)
    for attempt in Attempt.objects.filter(delivery__in=deliveries):
        text = _without(attempt.text, addresses)
        if text != attempt.text:
            Attempt.objects.filter(pk=attempt.pk).update(text=text)
    # What came back quotes the address, often encoded: nothing of it can be kept.
    returned = Q(delivery__in=deliveries) | Q(subscription__in=subscription_ids)
    ReturnedMessage.objects.filter(returned).update(
        raw=None, judgement=[], evidence="", note="", recipient=""
    )
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
