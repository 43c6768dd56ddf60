"""Readers: addresses, lists, subscriptions and their history of consent.

Owns: who wants which list, since when and by which act. Promises: one row per address however it
is spelled (``Subscriber.key``); a subscription's events are only ever added to, which the database
itself enforces; leaving takes effect in the transaction that records it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext_lazy as _

from dongtai_mail.validators import validate_line
from subscribers.models.suppression import FingerprintField, Suppression

if TYPE_CHECKING:
    BinaryField = models.BinaryField[bytes, bytes]
else:
    BinaryField = models.BinaryField

# So many readers are one row of a list's set.
PIECE = 1024


class SubscriberList(models.Model):
    publication = models.ForeignKey(
        "issues.Publication", on_delete=models.PROTECT, related_name="lists"
    )
    slug = models.SlugField(unique=True, validators=[validate_slug])
    name = models.CharField(max_length=100, validators=[validate_line])
    description = models.CharField(max_length=300, blank=True, db_default="")
    double_opt_in = models.BooleanField(default=True, db_default=True)
    public = models.BooleanField(
        default=False, db_default=False, help_text="readers may sign up by themselves"
    )
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def open(self) -> bool:
        """Whether readers may sign up by themselves."""
        return self.public and self.archived_at is None


class Subscriber(models.Model):
    """``key`` is the canonical address (message.address), by which spellings are one person."""

    address = models.CharField(max_length=320)
    key = models.CharField(max_length=320)
    hash = FingerprintField()
    provider = models.CharField(max_length=253)
    name = models.CharField(max_length=100, blank=True)
    organisation = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=20, default="zh-hans")
    attributes = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        # Not unique=True, which brings a second index for LIKE: imports pay for each.
        constraints = (models.UniqueConstraint(fields=("key",), name="subscriber_once"),)

    def __str__(self) -> str:
        return self.address

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        # From the suppressed, who are few, one comes to the reader by the address: an index of
        # hashes would cost an import a fifth of all it does.
        Suppression.objects.filter(hash=self.hash, key=None).update(key=self.key)


class Subscription(models.Model):
    class State(models.TextChoices):
        PENDING = "pending", _("待确认")
        CONFIRMED = "confirmed", _("已订阅")
        UNSUBSCRIBED = "unsubscribed", _("已退订")
        BOUNCED = "bounced", _("无法送达")
        COMPLAINED = "complained", _("已投诉")

    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="subscriptions", db_index=False
    )
    subscriber_list = models.ForeignKey(
        SubscriberList,
        on_delete=models.PROTECT,
        related_name="subscriptions",
        db_index=False,
        db_constraint=False,
    )
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    paused_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        # Both foreign keys lead one of these, hence have no index of their own.
        constraints = (
            models.UniqueConstraint(
                fields=("subscriber", "subscriber_list"), name="subscription_once"
            ),
        )
        indexes = (
            models.Index(fields=("subscriber_list", "id"), name="subscription_listed"),
            models.Index(
                fields=("subscriber_list",),
                condition=models.Q(paused_until__isnull=False),
                name="subscription_paused",
            ),
            # Few, and looked for at every tick; what imports write is confirmed.
            models.Index(
                fields=("changed_at",),
                condition=models.Q(state="pending"),
                name="subscription_unconfirmed",
            ),
        )

    def __str__(self) -> str:
        return f"{self.subscriber} – {self.subscriber_list}"

    @classmethod
    def present(cls, pk: int) -> Subscription | None:
        """What a link or a token means by ``pk``: also where that one went on in another."""
        found = cls.objects.select_related("subscriber", "subscriber_list__publication")
        return found.filter(pk=pk).first() or found.filter(former=pk).first()


class FormerSubscription(models.Model):
    """The number of a subscription that went on in another one, when two readers became one.

    Links and tokens in mails that were sent by it hold that number, and never expire.
    """

    number = models.BigIntegerField(primary_key=True)
    present = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="former")

    def __str__(self) -> str:
        return f"{self.number} → {self.present_id}"


class ListTally(models.Model):
    """Changes of how many subscriptions of a list are in a state; their sum is the count.

    The database writes these rows itself (``subscribers.tally``).
    """

    # No constraint: what the triggers write must not wait for a row of the list.
    subscriber_list = models.ForeignKey(
        SubscriberList, on_delete=models.CASCADE, db_constraint=False, related_name="+"
    )
    state = models.CharField(max_length=12, choices=Subscription.State)
    delta = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.subscriber_list_id} {self.state}: {self.delta:+}"


class PieceField(BinaryField):
    """``PIECE`` bits; by XOR, which PostgreSQL has of bit strings alone."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        if connection.vendor == "postgresql":
            return f"bit({PIECE})"
        return super().db_type(connection)


class Membership(models.Model):
    """Bits to flip in a list's set of confirmed readers, from reader ``piece`` × ``PIECE`` on.

    The database writes these rows itself (``subscribers.membership``), in PostgreSQL alone.
    """

    # No constraint: what the triggers write must not wait for a row of the list.
    subscriber_list = models.ForeignKey(
        SubscriberList, on_delete=models.CASCADE, db_constraint=False, related_name="+"
    )
    piece = models.BigIntegerField()
    bits = PieceField()

    def __str__(self) -> str:
        return f"{self.subscriber_list_id}: from {self.piece * PIECE}"


class Wording(models.Model):
    """A text that somebody consented to, kept once however many did."""

    digest = models.CharField(max_length=64, unique=True)
    text = models.TextField()

    def __str__(self) -> str:
        return self.text[:80]

    @classmethod
    def of(cls, text: str) -> Wording:
        digest = hashlib.sha256(text.encode()).hexdigest()
        return cls.objects.get_or_create(digest=digest, defaults={"text": text})[0]


class SubscriptionEvent(models.Model):
    """One act in a subscription's history: what it became, when, how, by whom and from where.

    ``source`` is the door (page, one-click, mailto, import, staff …), ``actor`` the account of the
    member of staff or "" for the reader, ``wording`` what was consented to, ``mailing`` the number
    of the one that the reader answered.
    """

    # The database's own checks would look up, and lock, a row for every one that an import adds.
    subscription = models.ForeignKey(
        Subscription, on_delete=models.CASCADE, related_name="events", db_constraint=False
    )
    state = models.CharField(max_length=12, choices=Subscription.State)
    source = models.CharField(max_length=50)
    detail = models.CharField(max_length=300, blank=True)
    # No key: mailings are a layer above.
    mailing = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=150, blank=True, db_default="")
    ip = models.GenericIPAddressField(null=True, blank=True)
    wording = models.ForeignKey(
        Wording,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        db_index=False,
        db_constraint=False,
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        indexes = (
            # Who came and left by themselves, by time; imports don't pay for it.
            models.Index(
                fields=("at",), condition=~models.Q(source="import"), name="event_by_time"
            ),
            # Who left by which mailing.
            models.Index(
                fields=("mailing",),
                condition=models.Q(state="unsubscribed", mailing__isnull=False),
                name="event_of_leaving",
            ),
        )

    def __str__(self) -> str:
        return f"{self.subscription}: {self.state} ({self.source})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise ValidationError("History is only ever added to.")
        super().save(*args, **kwargs)
