"""A reader's change of address, which counts once the new mailbox has confirmed it.

Promises: the same answer whatever is known of the new address, until its owner confirms; then a
reader who was two becomes one, with the history of both; a suppressed address stays suppressed.
"""

from __future__ import annotations

from django.db import transaction

from dongtai_mail.message.address import parse, provider
from subscribers import outbox, suppression
from subscribers.fingerprint import fingerprint
from subscribers.models import (
    AddressChange,
    Notice,
    Subscriber,
    Subscription,
    SubscriptionEvent,
)


def ask(subscription: Subscription, text: str, language: str, ip: str | None) -> None:
    """Send a confirmation to the new address."""
    address = parse(text)
    publication_id = subscription.subscriber_list.publication_id
    if suppression.forbids_notices(address.key, publication_id):
        return
    with transaction.atomic():
        change = AddressChange.objects.create(
            subscriber=subscription.subscriber, address=address.display
        )
        kind = Notice.Kind.MOVE
        posted = outbox.post(
            kind, subscription, key=address.key, language=language, ip=ip, move=change
        )
        if not posted:
            change.delete()


def carry_out(notice: Notice, ip: str | None) -> bool:
    """Move the reader to the address that the notice reached; False when it was done before."""
    if notice.move is None:
        return False
    address = parse(notice.move.address)
    with transaction.atomic():
        person = Subscriber.objects.select_for_update().get(pk=notice.move.subscriber_id)
        other = Subscriber.objects.filter(key=address.key).exclude(pk=person.pk).first()
        AddressChange.objects.filter(pk=notice.move.pk).update(former=person.key)
        _record(person, ip)
        if other is not None:
            _merge(person, other)
            return True
        person.address, person.key = address.display, address.key
        person.hash, person.provider = fingerprint(address.key), provider(address.domain)
        person.save()
        suppression.welcome_back(address.key, notice.subscription.subscriber_list.publication_id)
    return True


def _merge(person: Subscriber, into: Subscriber) -> None:
    """What both have stays as the new address has it; the rest comes along."""
    theirs = into.subscriptions.values("subscriber_list")
    person.subscriptions.exclude(subscriber_list__in=theirs).update(subscriber=into)
    person.moves.update(subscriber=into)
    person.delete()


def _record(person: Subscriber, ip: str | None) -> None:
    SubscriptionEvent.objects.bulk_create(
        SubscriptionEvent(subscription=each, state=each.state, source="address change", ip=ip)
        for each in person.subscriptions.all()
    )
