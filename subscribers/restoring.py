"""Taking a change of address back, from the mailbox that it was changed from.

Owns: what the link in the notice to the former mailbox does. Promises: it ends that move and those
after it, also what was asked for and not confirmed yet, and goes on doing so while the link
lives; a reader who had become one with another is two again, and neither gets the other's history.
"""

from __future__ import annotations

import datetime

from django.db import transaction

from dongtai_mail.message.address import parse
from subscribers import moving
from subscribers.models import AddressChange, FormerSubscription, Notice, Subscriber, Subscription
from subscribers.signals import parting

TAKEN_BACK = "taken back"
# In a history: what came before it may be another reader's.
PARTED = "parted from another reader"


def take_back(notice: Notice, ip: str | None) -> bool:
    """Restore the address that the notice went to; whether that is the reader's by now."""
    return end(notice.move_id or 0, ip)


def end(move_id: int, ip: str | None) -> bool:
    """Restore the address before a move; whether that is the reader's by now."""
    with transaction.atomic():
        move = AddressChange.objects.select_for_update().filter(pk=move_id).first()
        if move is None:
            return False
        person = Subscriber.objects.select_for_update().get(pk=move.subscriber_id)
        if person.key == move.former:
            return True
        ended = _since(move)
        had = next((each.had for each in ended if each.had is not None), None)
        own = Subscriber.objects.select_for_update().filter(key=move.former).first()
        person.moves.filter(former="").delete()
        if had is not None:
            _part(person, own or _reader(move, person), had, move.moved_at, ip)
        elif own is not None:
            moving.merge(person, own, ip)
        else:
            moving.readdress(person, parse(move.former))
            moving.record(moving.reached(person), ip, TAKEN_BACK)
        own = Subscriber.objects.get(key=move.former)
        AddressChange.objects.filter(pk__in=_led_to(move)).update(subscriber=own)
        # Of the move stays that its own link was used.
        AddressChange.objects.filter(pk__in=[each.pk for each in ended[1:]]).delete()
        AddressChange.objects.filter(pk=move.pk).update(subscriber=own, moved_at=None, had=None)
    return True


def _since(move: AddressChange) -> list[AddressChange]:
    """The move and those that went on from its address, or from the former one again."""
    found = [move]
    moved = AddressChange.objects.filter(subscriber=move.subscriber_id, pk__gt=move.pk)
    for each in moved.exclude(former="").order_by("pk"):
        if each.former in (move.former, parse(found[-1].address).key):
            found.append(each)
    return found


def _led_to(move: AddressChange) -> list[int]:
    """The moves by which the reader had come to the former address."""
    found, key = [], move.former
    earlier = AddressChange.objects.filter(subscriber=move.subscriber_id, pk__lt=move.pk)
    for each in earlier.exclude(former="").order_by("-pk"):
        if parse(each.address).key == key:
            found.append(each.pk)
            key = each.former
    return found


def _reader(move: AddressChange, person: Subscriber) -> Subscriber:
    own = Subscriber(language=person.language)
    moving.readdress(own, parse(move.former))
    return own


def _part(
    person: Subscriber,
    own: Subscriber,
    had: list[moving.Had],
    since: datetime.datetime | None,
    ip: str | None,
) -> None:
    """Make two readers of one: what only the former had goes back, what both had is doubled."""
    for number, list_id, state, both in had:
        there = own.subscriptions.filter(subscriber_list=list_id).first()
        here = person.subscriptions.filter(subscriber_list=list_id).first()
        if here is not None and not both and here.pk == number and there is None:
            here.subscriber = own
            here.save(update_fields=["subscriber", "changed_at"])
            moving.record([here], ip, TAKEN_BACK)
            continue
        if there is None:
            there = Subscription.objects.create(
                subscriber=own, subscriber_list_id=list_id, state=state
            )
            moving.record([there], ip, TAKEN_BACK)
        FormerSubscription.objects.filter(number=number).update(present=there)
        if here is not None:
            told = {"from_id": here.pk, "to_id": there.pk, "key": own.key, "since": since}
            parting.send(Subscription, **told)
            moving.record([here], ip, PARTED)
