"""What came back of deliveries, and on which days mail to a reader failed in passing."""

from __future__ import annotations

from django.db import models

from dongtai_mail.delivery.models.mailings import Delivery
from subscribers.models import Subscription


class ReturnedMessage(models.Model):
    """One message or event that came back, by whichever door, and what it did.

    ``raw`` is the message itself, NULL once it is old; ``judgement`` is what ``message.feedback``
    or the provider said about each recipient, ``note`` why nothing came of it.
    """

    class Status(models.TextChoices):
        NEW = "new", "待处理"
        PROCESSED = "processed", "已处理"
        UNPARSED = "unparsed", "看不懂"
        IGNORED = "ignored", "不采纳"
        BROKEN = "broken", "处理出错"

    class Effect(models.TextChoices):
        NONE = "", "没有"
        COUNTED = "counted", "计一次软退"
        BOUNCED = "bounced", "停止发送：无法送达"
        COMPLAINED = "complained", "停止发送：投诉"
        LEFT = "left", "已退订"

    fingerprint = models.CharField(max_length=64, unique=True)
    door = models.CharField(max_length=40)
    recipient = models.CharField(max_length=320, blank=True)
    raw = models.BinaryField(null=True)
    size = models.PositiveBigIntegerField()
    received_at = models.DateTimeField(db_index=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.NEW)
    kind = models.CharField(max_length=20, blank=True)
    evidence = models.CharField(max_length=300, blank=True)
    judgement = models.JSONField(default=list, blank=True)
    effect = models.CharField(max_length=12, choices=Effect, default=Effect.NONE, blank=True)
    note = models.TextField(blank=True)
    delivery = models.ForeignKey(
        Delivery, null=True, on_delete=models.SET_NULL, related_name="returned"
    )
    subscription = models.ForeignKey(
        Subscription, null=True, on_delete=models.SET_NULL, related_name="returned"
    )

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=("received_at",), condition=models.Q(status="new"), name="returned_new"
            ),
            models.Index(
                fields=("received_at",), condition=models.Q(raw__isnull=False), name="returned_raw"
            ),
            models.Index(
                fields=("delivery",),
                condition=models.Q(effect="complained"),
                name="returned_complaints",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind or self.status} by {self.door} at {self.received_at}"


class Mentions(models.Model):
    """Each word with an @ in a message that came back, and in what is said of it, in lower case.

    ``inside`` is NULL where the message may name anybody, and "" once the message itself is gone.
    """

    message = models.OneToOneField(ReturnedMessage, on_delete=models.CASCADE, primary_key=True)
    inside = models.TextField(null=True)
    beside = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"named in {self.message_id}"


class SoftBounce(models.Model):
    """A day on which mail to a reader failed for a passing reason; many of them are no accident."""

    subscription = models.ForeignKey(
        Subscription, on_delete=models.CASCADE, related_name="soft_bounces", db_index=False
    )
    day = models.DateField()
    at = models.DateTimeField()
    delivery = models.ForeignKey(Delivery, null=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("subscription", "day"), name="softbounce_once_a_day"),
        )

    def __str__(self) -> str:
        return f"{self.subscription_id} on {self.day}"
