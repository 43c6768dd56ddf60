"""Being erased by one's own wish: who may ask, and who is meant.

Whoever was passed an issue can ask for a move, to a mailbox of their own or to another reader's.
Promises: while a move may be taken back, the address before it proves who asks; of two readers
whom a move made one, only the one who asks is erased, and the other is again as before.
"""

from __future__ import annotations

from django.db import transaction

from dongtai_mail.message.address import parse
from subscribers import moving, restoring
from subscribers.erasure import erase, keys_of
from subscribers.models import AddressChange, Subscriber


def proving(person: Subscriber) -> set[str]:
    """The addresses by which a reader proves who asks."""
    settling = moving.settling(person)
    if not settling:
        return keys_of(person)
    joined = (_before(settling, move.former) for move in settling if move.had is not None)
    return {_before(settling, person.key), *joined}


def erase_own(person: Subscriber, key: str, ip: str | None) -> None:
    """Erase the reader whom ``key``, one of the ``proving`` addresses, proves."""
    settling = moving.settling(person)
    joins = [move for move in settling if move.had is not None]
    with transaction.atomic():
        if not joins or key == _before(settling, person.key):
            for move in reversed(joins):
                restoring.end(move.pk, ip)
            erase(Subscriber.objects.get(pk=person.pk))
        else:
            first = next(move for move in settling if move.former == key)
            restoring.end(first.pk, ip)
            erase(Subscriber.objects.get(key=key))


def _before(settling: list[AddressChange], key: str) -> str:
    """Where a reader who is at ``key`` was before these moves; who was joined there was there."""
    for move in reversed(settling):
        if move.had is None and parse(move.address).key == key:
            key = move.former
    return key
