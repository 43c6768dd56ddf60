"""What comes back, from any door to its effect: stored first, then judged, once.

Owns: ``ReturnedMessage`` rows. Promises: ``receive`` has committed the message before it looks at
it, and the same message again is the same row without further effect; a message that breaks us
stays, with the reason. Nobody loses a subscription on a stranger's word: a bounce or a complaint
acts only with a token that this house sealed for that delivery or reader, whatever addresses stand
in the text. Fails: with the database's errors only, and then nothing is stored or the next tick
goes on.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
import re
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone

from dongtai_mail.delivery import mentions, policy
from dongtai_mail.delivery.models import Delivery, Mentions, ReturnedMessage
from dongtai_mail.keys import keyring
from dongtai_mail.message import verp
from dongtai_mail.message.feedback import Feedback, Kind, RecipientReport, Severity, read
from dongtai_mail.message.feedback.reader import UNSUBSCRIBE_PREFIXES
from dongtai_mail.message.links import LEAVE
from dongtai_mail.message.reply import readable
from dongtai_mail.message.seal import SealError
from subscribers import leaving
from subscribers.models import Subscription

logger = logging.getLogger(__name__)

Effect = ReturnedMessage.Effect
Status = ReturnedMessage.Status

# As much as the classifier looks at; what is cut off says nothing to it.
KEEP_BYTES = 1024 * 1024
# What a tick forgets, which the sending waits for.
FORGOTTEN_AT_ONCE = 500
# A row that is still new after this was left by a process that died.
LEFT_SECONDS = 60
MAIL_DOORS = ("imap", "lmtp")
_RECORDED_ONLY = (Kind.DELIVERED, Kind.AUTO_REPLY, Kind.DELAYED)
_VERP = re.compile(r"\+[0-9a-f]{50}", re.IGNORECASE)
# See ``letters.Letters``.
_MESSAGE_ID = re.compile(r"(\d{1,18})\.(\d{1,18})@")
_LARGEST_ID = (1 << 63) - 1
# Written to without a seal: by servers about our notices, and by providers about us (RFC 2142).
OPEN = ("notices", "postmaster", "abuse", "fbl")
# So many a day are kept of what came there and is about nobody known.
OPEN_A_DAY = 500


@dataclass(frozen=True, slots=True)
class Known:
    """Whom a message is proven to be about."""

    subscription: Subscription | None
    delivery: Delivery | None = None


Understand = Callable[[ReturnedMessage], tuple[Feedback, Known | None, str]]


def expected(address: str) -> bool:
    """Whether an address of a bounce domain is one that we gave somebody, by our own seal."""
    prefix, _, token = address.rpartition("@")[0].partition("+")
    if verp.delivery_id(keyring(), address) is not None:
        return True
    return prefix.lower() in UNSUBSCRIBE_PREFIXES and _opens(token)


def is_open(address: str) -> bool:
    return address.rpartition("@")[0].lower() in OPEN


def crowded() -> bool:
    """Whether strangers have written as much today as is kept."""
    since = timezone.now() - datetime.timedelta(days=1)
    unknown = ReturnedMessage.objects.filter(delivery=None, subscription=None)
    written = unknown.filter(received_at__gte=since, door__in=MAIL_DOORS)
    return written.order_by()[:OPEN_A_DAY].count() >= OPEN_A_DAY


def receive(raw: bytes, recipient: str, door: str, size: int | None = None) -> ReturnedMessage:
    """Store a message, commit, then do what it asks for.

    ``recipient`` is the envelope's, "" where the door doesn't know it; ``size`` is the whole
    message's where ``raw`` is only its beginning.
    """
    message = store(raw, recipient, door, size)
    if message.status == Status.NEW:
        process(message.pk)
        message.refresh_from_db()
    return message


def store(
    raw: bytes, recipient: str, door: str, size: int | None = None, fingerprint: str = ""
) -> ReturnedMessage:
    """Keep a message, once; the same octets to the same recipient are the same row."""
    recipient = plain(recipient, 320)
    whole = hashlib.sha256(recipient.encode() + b"\0" + raw)
    with transaction.atomic():
        row, new = ReturnedMessage.objects.get_or_create(
            fingerprint=fingerprint or whole.hexdigest(),
            defaults={
                "door": door,
                "recipient": recipient,
                "raw": raw[:KEEP_BYTES],
                "size": size or len(raw),
                "received_at": timezone.now(),
            },
        )
        if new:
            mentions.store(row)
    return row


def process(pk: int, understand: Understand | None = None) -> None:
    """Do what a stored message asks for, once, however many try."""
    try:
        with transaction.atomic():
            message = _lock(pk)
            if message is not None:
                _judge(message, *(understand or _understand)(message))
                message.save()
                mentions.judged(message)
    except DatabaseError:
        raise
    except Exception as error:
        # Strangers wrote it: whatever it broke, it is kept and shown, and the others go on.
        logger.exception("returned=%s could not be processed", pk)
        note = plain(f"{type(error).__name__}: {error}", 1000)
        new = ReturnedMessage.objects.filter(pk=pk, status=Status.NEW)
        new.update(status=Status.BROKEN, note=note)


def _lock(pk: int) -> ReturnedMessage | None:
    rows = ReturnedMessage.objects.select_for_update(of=("self",))
    return rows.filter(pk=pk, status=Status.NEW).first()


def _understand(message: ReturnedMessage) -> tuple[Feedback, Known | None, str]:
    feedback = read(bytes(message.raw or b""), message.recipient)
    found, why_not = whose(message.recipient, feedback)
    if found and found.subscription and not found.delivery:
        found = Known(found.subscription, _answered(found.subscription, feedback))
    return feedback, found, why_not


def _answered(subscription: Subscription, feedback: Feedback) -> Delivery | None:
    """Which of a reader's deliveries a message is about that names the reader alone.

    The one whose Message-ID it quotes, else the last that a relay may have taken: numbers are no
    secret, but whose they are is proven by then.
    """
    own = Delivery.objects.filter(subscription=subscription.pk, state__in=policy.HANDED_OVER)
    quoted = _MESSAGE_ID.match(feedback.original_message_id)
    named = own.filter(pk=int(quoted[2]), mailing=int(quoted[1])).first() if quoted else None
    return named or own.order_by("pk").last()


def _judge(message: ReturnedMessage, feedback: Feedback, known: Known | None, why_not: str) -> None:
    message.kind = feedback.kind
    message.evidence = plain(feedback.evidence, 300)
    message.judgement = [_recorded(report) for report in feedback.recipients]
    if known:
        message.delivery, message.subscription = known.delivery, known.subscription
    message.status = Status.PROCESSED
    if feedback.kind is Kind.UNKNOWN:
        message.status = Status.UNPARSED
    elif feedback.kind in _RECORDED_ONLY:
        return
    elif feedback.kind is Kind.COMPLAINT and not feedback.objection:
        _ignore(message, f"不是读者的投诉，而是“{feedback.feedback_type}”报告。")
    elif known is None:
        _ignore(message, why_not)
    else:
        _act(message, known, feedback)


def _act(message: ReturnedMessage, known: Known, feedback: Feedback) -> None:
    """Apply the policy about somebody who is known to be meant."""
    if feedback.kind is Kind.BOUNCE and known.delivery:
        refusal = _refusal(message, known.delivery, feedback.recipients)
        effect = policy.returned(known.delivery, refusal)
        message.effect = effect or Effect.NONE
        if effect is None:
            message.note = "退回的是读者以前的地址，对现在的地址没有影响。"
    elif known.subscription is None:
        _ignore(message, "这位读者的资料已经删除。")
    elif feedback.kind is Kind.COMPLAINT:
        message.effect = policy.complained(known.subscription, message.door, _named(message))
    elif feedback.kind is Kind.UNSUBSCRIBE:
        message.effect = _leave(known.subscription, known.delivery, message)


def _ignore(message: ReturnedMessage, why: str) -> None:
    message.status, message.note = Status.IGNORED, why


def _leave(
    subscription: Subscription, delivery: Delivery | None, message: ReturnedMessage
) -> Effect:
    source = "mailto" if message.door in MAIL_DOORS else message.door
    mailing = delivery.mailing_id if delivery else None
    left = leaving.leave(subscription.pk, source, _named(message), mailing=mailing)
    changed = left is not None and left.state != subscription.state
    return Effect.LEFT if changed else Effect.NONE


def _refusal(
    message: ReturnedMessage, delivery: Delivery, reports: tuple[RecipientReport, ...]
) -> policy.Refusal:
    own = [each for each in reports if delivery.address in (each.address, each.original)]
    told = own or list(reports)
    # Where a notice speaks of several, one doubt is enough to wait.
    hard = bool(told) and all(each.severity is Severity.HARD for each in told)
    best = min(told, key=lambda each: each.severity is Severity.HARD, default=None)
    return policy.Refusal(
        Severity.HARD if hard else Severity.SOFT,
        best.code if best else None,
        plain(best.status if best else "", 12),
        plain(best.diagnostic if best else message.evidence, 1000),
        message.door,
        _named(message),
    )


def _named(message: ReturnedMessage) -> str:
    return f"returned {message.pk}"


def whose(recipient: str, feedback: Feedback) -> tuple[Known | None, str]:
    """Whom a message is about, by our own seals alone; else why it proves nothing."""
    if feedback.kind is Kind.UNSUBSCRIBE:
        return _first(_by_leave, feedback.tokens)
    if _VERP.search(recipient):
        # A forged envelope recipient is not made good by what else stands in the message.
        return _first(_by_verp, (recipient,))
    found, why_not = _first(_by_verp, tuple(f"+{token}" for token in feedback.tokens))
    if found is None and feedback.kind is Kind.COMPLAINT:
        # Feedback loops take the envelope off; List-Unsubscribe names the reader.
        return _first(_by_leave, feedback.tokens)
    return found, why_not


def _first(find: Any, tokens: tuple[str, ...]) -> tuple[Known | None, str]:
    if not tokens:
        return None, "里面没有本系统的标记，不能证明说的是谁。"
    valid = [found for found in map(find, tokens) if found is not None]
    if not valid:
        return None, "标记不是本系统签发的，可能是伪造。"
    present = next((found for found in valid if found.delivery or found.subscription), None)
    return present, "" if present else "标记有效，但那次投递或订阅已经删除。"


def _by_verp(address: str) -> Known | None:
    pk = verp.delivery_id(keyring(), address)
    if pk is None:
        return None
    return known(pk) or Known(None)


def known(delivery_id: int) -> Known | None:
    """A delivery and its reader, as far as both are still there."""
    delivery = Delivery.objects.filter(pk=min(delivery_id, _LARGEST_ID)).first()
    if delivery is None:
        return None
    return Known(Subscription.present(delivery.subscription_id or 0), delivery)


def _opens(token: str) -> bool:
    try:
        keyring().open_caseless(LEAVE, token)
    except SealError:
        return False
    return True


def _by_leave(token: str) -> Known | None:
    try:
        (pk,) = keyring().open_caseless(LEAVE, token)
    except SealError:
        return None
    return Known(Subscription.present(min(pk, _LARGEST_ID)))


def _recorded(report: RecipientReport) -> dict[str, Any]:
    values = asdict(report)
    evidence = values.pop("evidence")
    values["rule"] = f"{evidence['source']}: {evidence['rule']}"
    return {
        name: plain(value, 1000) if isinstance(value, str) else value
        for name, value in values.items()
    }


def plain(text: str, limit: int) -> str:
    return readable(text)[:limit]


def may_retry(message: ReturnedMessage) -> bool:
    """Whether a message of today's rules might say more; an event of a provider says it once."""
    return message.door in MAIL_DOORS and message.status in (Status.BROKEN, Status.UNPARSED)


def retry(message: ReturnedMessage) -> None:
    """Judge a message again that broke us or that nobody understood."""
    if may_retry(message):
        again = ReturnedMessage.objects.filter(pk=message.pk, status=message.status)
        again.update(status=Status.NEW, note="")
        process(message.pk)


def catch_up() -> None:
    """Process what was stored by a process that died before it had done so."""
    late = timezone.now() - datetime.timedelta(seconds=LEFT_SECONDS)
    left = ReturnedMessage.objects.filter(status=Status.NEW, received_at__lt=late)
    for pk in list(left.values_list("pk", flat=True)[:500]):
        process(pk)


def forget_old() -> None:
    """Drop some messages that are old: the octets of all, the rows of those that did nothing."""
    old = timezone.now() - datetime.timedelta(days=settings.RETURNED_DAYS)
    kept = ReturnedMessage.objects.filter(received_at__lt=old, raw__isnull=False)
    oldest = kept.order_by("received_at").values_list("pk", flat=True)
    ids = list(oldest[:FORGOTTEN_AT_ONCE])
    if not ids:
        return
    some = ReturnedMessage.objects.filter(pk__in=ids)
    with transaction.atomic():
        # The octets need not be read to be deleted.
        some.filter(Q(subscription=None) | Q(effect=Effect.NONE)).only("pk").delete()
        Mentions.objects.filter(message__in=ids).update(inside="")
        some.update(raw=None)


def forget(subscription_ids: Collection[int], addresses: Collection[str]) -> None:
    """Erase a person: what came back from or about them, wherever the address stands in it."""
    theirs = Q(subscription__in=subscription_ids) | Q(pk__in=mentions.naming(addresses))
    ReturnedMessage.objects.filter(theirs).delete()
