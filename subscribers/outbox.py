"""The outbox of our own notices: queued in the transaction that needs them, sent by a worker.

Promises: one notice of a kind a mailbox a day, and few an hour at the request of one network, which
counts sign-ups without a notice as well, so that our forms can't be used to flood anybody; a notice
is claimed by one worker at a time, tried again when it was refused for now, and given up after a
few tries; what a person has just asked for goes before what an import has posted for many.
"""

from __future__ import annotations

import datetime
import ipaddress
from typing import TypeVar

from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.lookups import IsNull
from django.utils import timezone

from subscribers.fingerprint import fingerprint
from subscribers.models import AddressChange, Notice, Posted, Subscription, SubscriptionEvent
from subscribers.signals import notice_due

Letter = TypeVar("Letter", bound=Posted)
State = Posted.State
NETWORK_AN_HOUR = 20
TRIES = 6
RETRY = datetime.timedelta(minutes=10)
LEASE = datetime.timedelta(minutes=10)
KEPT_DAYS = 30
_GMAIL = ("gmail.com", "googlemail.com")


def post(
    kind: Notice.Kind,
    subscription: Subscription,
    *,
    key: str,
    language: str,
    ip: str | None = None,
    move: AddressChange | None = None,
) -> bool:
    """Queue a notice to the address ``key``; False when a limit forbids it.

    ``ip`` is who asked for it; kept and counted is the network.
    """
    if ip is not None and crowded(ip):
        return False
    now = timezone.now()
    try:
        with transaction.atomic():
            Notice.objects.create(
                kind=kind,
                subscription=subscription,
                move=move,
                language=language,
                recipient_hash=fingerprint(_mailbox(key)),
                ip=ip and _network(ip),
                day=timezone.localdate(now),
                due_at=now,
            )
    except IntegrityError:
        return False
    transaction.on_commit(lambda: notice_due.send(Notice))
    return True


def _mailbox(key: str) -> str:
    """Where mail to an address arrives: li+1@ and li+2@ would be as many addresses (RFC 5233).

    Gmail delivers l.i@ to li@ as well, and has a second domain.
    """
    local, _, domain = key.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), _GMAIL[0]
    return f"{local}@{domain}"


def crowded(ip: str) -> bool:
    """Whether a network has asked for as much as it may within an hour."""
    since = timezone.now() - datetime.timedelta(hours=1)
    notices = Notice.objects.filter(ip=_network(ip), created_at__gte=since).count()
    return notices + _signed_up(_network(ip), since) >= NETWORK_AN_HOUR


def _signed_up(network: str, since: datetime.datetime) -> int:
    """How often a network signed up where no notice is sent; the history has whole addresses."""
    begun = SubscriptionEvent.objects.filter(source="sign-up", at__gte=since).filter(
        # Networks of IPv6 are told apart below: the databases know too little of them.
        ip__startswith=network.partition(":")[0],
        subscription__subscriber_list__double_opt_in=False,
    )
    return sum(_network(ip) == network for ip in begun.values_list("ip", flat=True) if ip)


def _network(ip: str) -> str:
    """An address of IPv4, or the network of IPv6 that one household has."""
    if ipaddress.ip_address(ip).version == 4:
        return ip
    return str(ipaddress.ip_network(f"{ip}/64", strict=False).network_address)


def readers() -> QuerySet[Notice]:
    """The notices to readers, with what their letters need."""
    list_of = "subscription__subscriber_list__publication"
    return Notice.objects.select_related("subscription__subscriber", list_of, "move")


def waiting(notices: QuerySet[Letter]) -> bool:
    """Whether any notice is due."""
    return _due(notices, timezone.now()).exists()


def _due(notices: QuerySet[Letter], now: datetime.datetime) -> QuerySet[Letter]:
    return notices.filter(state__in=(State.QUEUED, State.SENDING), due_at__lte=now)


def claim(notices: QuerySet[Letter], size: int) -> list[Letter]:
    """Lease up to ``size`` notices that are due, or whose worker fell silent."""
    now = timezone.now()
    plain = notices.model._default_manager
    with transaction.atomic():
        due = _due(plain.all(), now).order_by(*_before(notices.model), "due_at")
        if connection.vendor == "postgresql":
            due = due.select_for_update(skip_locked=True)
        claimed = list(due.values_list("pk", flat=True)[:size])
        plain.filter(pk__in=claimed).update(state=State.SENDING, due_at=now + LEASE)
    return list(notices.filter(pk__in=claimed))


def _before(model: type[Posted]) -> tuple[IsNull, ...]:
    return (IsNull(F("ip"), True),) if model is Notice else ()


def of_many(notice: Posted) -> bool:
    """Whether an import has posted it, for which nobody waits at this moment."""
    return isinstance(notice, Notice) and notice.ip is None


def renew(notice: Posted) -> bool:
    """Lease a claimed notice anew, as it is begun; False when another worker has it by now."""
    mine = _row(notice).filter(state=State.SENDING, due_at=notice.due_at)
    return bool(mine.update(due_at=timezone.now() + LEASE))


def put_back(notice: Posted, seconds: float, why: str = "") -> None:
    """Wait so long for a turn, which costs no try."""
    due = timezone.now() + datetime.timedelta(seconds=seconds)
    _row(notice).update(state=State.QUEUED, due_at=due, note=_note(why))


def sent(notice: Posted) -> None:
    _row(notice).update(state=State.SENT, note="")


def refused(notice: Posted, why: str, *, for_good: bool) -> None:
    """Try again later, or give up when that is no use."""
    attempts = notice.attempts + 1
    over = for_good or attempts >= TRIES
    _row(notice).update(
        state=State.FAILED if over else State.QUEUED,
        attempts=attempts,
        due_at=timezone.now() + RETRY * attempts,
        note=_note(why),
    )


def _note(why: str) -> str:
    return why.replace("\x00", "")[:300]


def _row(notice: Posted) -> QuerySet[Posted]:
    return type(notice)._default_manager.filter(pk=notice.pk)


def forget_old(notices: QuerySet[Letter]) -> None:
    """Delete notices whose links have ended, with the network address they were asked from."""
    old = timezone.now() - datetime.timedelta(days=KEPT_DAYS)
    notices.filter(created_at__lt=old).delete()
