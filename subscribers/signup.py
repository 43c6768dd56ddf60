"""Signing up by oneself, confirmed from one's own mailbox.

Promises: whoever asks gets the same answer whatever is known of an address; a list with double
opt-in begins nothing before the link in the confirmation mail was opened and its button pressed;
an unconfirmed sign-up is forgotten after a month. Fails: ``AddressError`` for what is no address.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from dongtai_mail.message.address import as_typed, provider
from subscribers import outbox, suppression
from subscribers.leaving import confirm
from subscribers.models import (
    Notice,
    Subscriber,
    SubscriberList,
    Subscription,
    SubscriptionEvent,
    Wording,
)

State = Subscription.State
UNCONFIRMED_DAYS = 30


def wording(subscriber_list: SubscriberList) -> str:
    """What a reader consents to, in the language of the page."""
    return _("我愿意通过电子邮件收到《%(publication)s》的“%(list)s”，并可以随时退订。") % {
        "publication": subscriber_list.publication.name,
        "list": subscriber_list.name,
    }


def sign_up(
    subscriber_list: SubscriberList, text: str, name: str, language: str, ip: str | None
) -> None:
    """Note a wish to subscribe, and ask the mailbox."""
    address = as_typed(text)
    if suppression.forbids_notices(address.key, subscriber_list.publication_id):
        return
    if ip is not None and outbox.crowded(ip):
        return
    with transaction.atomic():
        person, _new = Subscriber.objects.get_or_create(
            key=address.key,
            defaults={
                "address": address.display,
                "provider": provider(address.domain),
                "name": name,
                "language": language,
            },
        )
        subscription, new = _subscription(person, subscriber_list, ip)
        if new and not subscriber_list.double_opt_in:
            confirm(subscription.pk, ip, wording(subscriber_list))
            return
        outbox.post(Notice.Kind.CONFIRM, subscription, key=address.key, language=language, ip=ip)


def _subscription(
    person: Subscriber, subscriber_list: SubscriberList, ip: str | None
) -> tuple[Subscription, bool]:
    subscription, new = Subscription.objects.get_or_create(
        subscriber=person, subscriber_list=subscriber_list
    )
    if new:
        SubscriptionEvent.objects.create(
            subscription=subscription,
            state=State.PENDING,
            source="sign-up",
            ip=ip,
            wording=Wording.of(wording(subscriber_list)),
        )
    return subscription, new


def pending(notice: Notice) -> list[Subscription]:
    """What a confirmation confirms: the list it names, and what else waits there by now."""
    named = notice.subscription
    waiting = Subscription.objects.filter(
        subscriber=named.subscriber_id,
        subscriber_list__publication=named.subscriber_list.publication_id,
        state=State.PENDING,
    ).exclude(pk=named.pk)
    return [named, *waiting.select_related("subscriber_list__publication")]


def confirm_all(notice: Notice, shown: Collection[str], ip: str | None) -> None:
    """Confirm the list that the notice names, and of what waits beside it what the page showed."""
    person = notice.subscription.subscriber
    with transaction.atomic():
        for subscription in pending(notice):
            if subscription.pk != notice.subscription_id and str(subscription.pk) not in shown:
                continue
            confirm(subscription.pk, ip, wording(subscription.subscriber_list))
        publication_id = notice.subscription.subscriber_list.publication_id
        suppression.welcome_back(person.key, publication_id)


def forget_unconfirmed() -> None:
    """Delete sign-ups that nobody confirmed, and people about whom nothing else is kept."""
    old = timezone.now() - datetime.timedelta(days=UNCONFIRMED_DAYS)
    stale = Subscription.objects.filter(state=State.PENDING, changed_at__lt=old)
    people = list(stale.values_list("subscriber", flat=True)[:1000])
    if people:
        with transaction.atomic():
            Subscription.objects.filter(pk__in=stale, subscriber__in=people).delete()
            gone = Subscriber.objects.filter(pk__in=people, subscriptions=None)
            suppression.forget(gone.values_list("hash", flat=True))
            gone.delete()
