"""A reader's change of address, which counts once the new mailbox has confirmed it.

Promises: the same answer whatever is known of the new address, until its owner confirms; that
counts once, and no more once the reader has moved by a later request. Then a reader who was two
becomes one, with the history of both, and who was subscribed at either address still is:
confirming was the reader's own act, from a mailbox that can be reached, so what had bounced goes on
as it was before. Links in what was sent by either subscription open the one that goes on. A
complaint stays one, and a suppressed address stays suppressed, but for what an erasure left. The
former mailbox is told, with a link that takes it back (``restoring``); for as long as that lives
nobody gets the reader's data, since an issue that was passed on is enough to ask for a move.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from django.db import connection, transaction
from django.utils import timezone

from dongtai_mail.message.address import Address, as_typed, parse, provider
from subscribers import outbox, suppression, tokens
from subscribers.fingerprint import fingerprint
from subscribers.models import (
    AddressChange,
    FormerSubscription,
    Notice,
    Subscriber,
    Subscription,
    SubscriptionEvent,
)
from subscribers.signals import joining

State = Subscription.State
# A subscription's number, its list, its state, and whether the other reader was on that list.
Had = tuple[int, int, str, bool]

# Of two subscriptions to one list that of the new address goes on, in the state that comes last.
_WEIGHTS = {State.CONFIRMED: 1, State.COMPLAINED: 2}
_COPY = """
    INSERT INTO subscribers_subscriptionevent
           (subscription_id, state, source, detail, mailing, actor, ip, wording_id, at)
    SELECT %s, state, source, detail, mailing, actor, ip, wording_id, at
      FROM subscribers_subscriptionevent WHERE subscription_id = %s ORDER BY id
"""


def ask(subscription: Subscription, text: str, language: str, ip: str | None) -> None:
    """Send a confirmation to the new address."""
    address = as_typed(text)
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
    """Move the reader to the address that the notice reached; whether that is theirs by now.

    A request moves nobody twice, nor once the reader has moved by a later one.
    """
    with transaction.atomic():
        asked = AddressChange.objects.select_for_update()
        move = asked.filter(pk=notice.move_id or 0).first()
        if move is None:
            return False
        address = parse(move.address)
        person = Subscriber.objects.select_for_update().get(pk=move.subscriber_id)
        if person.address == address.display or is_over(move):
            return person.address == address.display
        subscription = notice.subscription
        others = Subscriber.objects.select_for_update().filter(key=address.key)
        other = others.exclude(pk=person.pk).first()
        AddressChange.objects.filter(pk=move.pk).update(
            former=person.key, moved_at=timezone.now(), had=_had(person, other) if other else None
        )
        former, language = person.key, person.language
        if other is not None:
            merge(person, other, ip)
        else:
            readdress(person, address)
            record(reached(person), ip)
        suppression.welcome_back(address.key, subscription.subscriber_list.publication_id)
        present = Subscription.present(subscription.pk)
        assert present is not None
        outbox.post(Notice.Kind.MOVED, present, key=former, language=language, move=move)
    return True


def settling(person: Subscriber) -> list[AddressChange]:
    """The moves that may be taken back yet, the first of them first."""
    since = timezone.now() - tokens.LIFETIMES[Notice.Kind.MOVED]
    return list(person.moves.filter(moved_at__gt=since).order_by("moved_at", "pk"))


def settles(person: Subscriber) -> datetime.datetime | None:
    """Until when the last move may be taken back, if it still may."""
    moved = [move.moved_at for move in settling(person) if move.moved_at is not None]
    return moved[-1] + tokens.LIFETIMES[Notice.Kind.MOVED] if moved else None


def _had(person: Subscriber, other: Subscriber) -> list[Had]:
    theirs = set(other.subscriptions.values_list("subscriber_list", flat=True))
    own = person.subscriptions.values_list("pk", "subscriber_list", "state")
    return [(pk, list_id, state, list_id in theirs) for pk, list_id, state in own]


def is_there(move: AddressChange) -> bool:
    """Whether mail goes where the move asks, however the reader of there is spelled."""
    person, address = move.subscriber, parse(move.address)
    if person.key != address.key:
        return False
    return person.address == address.display or is_over(move)


def is_over(move: AddressChange) -> bool:
    moved = AddressChange.objects.filter(subscriber=move.subscriber_id).exclude(former="")
    return moved.filter(pk__gte=move.pk).exists()


def readdress(person: Subscriber, address: Address) -> None:
    person.address, person.key = address.display, address.key
    person.hash, person.provider = fingerprint(address.key), provider(address.domain)
    person.save()


def merge(person: Subscriber, into: Subscriber, ip: str | None) -> None:
    """Make one reader of two; of two subscriptions to one list one goes on."""
    had_bounced = set(into.subscriptions.filter(state=State.BOUNCED).values_list("pk", flat=True))
    theirs = {each.subscriber_list_id: each for each in reached(into)}
    for own in reached(person):
        other = theirs.pop(own.subscriber_list_id, None)
        if other is None:
            record([own], ip)
            continue
        lost = _take_over(own, other)
        _join(own, other)
        record([other], ip, f"joined with a subscription that was {lost}")
    record([each for each in theirs.values() if each.pk in had_bounced], ip)
    person.subscriptions.update(subscriber=into)
    person.moves.update(subscriber=into)
    person.delete()


def reached(person: Subscriber) -> list[Subscription]:
    """All subscriptions of a reader whose mailbox just answered; none is *bounced* any more."""
    own = list(person.subscriptions.select_for_update())
    for each in own:
        before = each.events.exclude(state=State.BOUNCED).order_by("at", "id").last()
        if each.state == State.BOUNCED and before is not None:
            each.state = before.state
            each.save(update_fields=["state", "changed_at"])
    return own


def _take_over(own: Subscription, other: Subscription) -> str:
    """Give ``other`` the state that goes on; answers the one that doesn't.

    Never the subscription itself, whose number stands in what was sent to the former address.
    """
    lost, kept = sorted((own, other), key=lambda each: _WEIGHTS.get(State(each.state), 0))
    before = lost.state
    other.state, other.paused_until = kept.state, kept.paused_until
    other.created_at = kept.created_at
    other.save()
    return before


def _join(lost: Subscription, kept: Subscription) -> None:
    joining.send(Subscription, lost_id=lost.pk, kept_id=kept.pk)
    lost.former.update(present=kept)
    # The former mailbox keeps its way back, and the new one what its link says, whatever the reader
    # becomes one with.
    kinds = (Notice.Kind.MOVE, Notice.Kind.MOVED)
    lost.notices.filter(kind__in=kinds).update(subscription=kept)
    FormerSubscription.objects.create(number=lost.pk, present=kept)
    with connection.cursor() as cursor:
        # By the database itself: Django would date each event anew.
        cursor.execute(_COPY, [kept.pk, lost.pk])
    lost.delete()


def record(moved: Iterable[Subscription], ip: str | None, detail: str = "") -> None:
    event = {"source": "address change", "detail": detail, "ip": ip}
    SubscriptionEvent.objects.bulk_create(
        SubscriptionEvent(subscription=each, state=each.state, **event) for each in moved
    )
