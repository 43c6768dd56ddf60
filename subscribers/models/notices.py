"""Mails of our own to one person: confirmations, and links that only the mailbox may open.

Owns: the outbox; a worker sends what is queued in it. Promises: one confirmation a day an address;
a notice that was sent keeps no address, only its fingerprint.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from subscribers.fingerprint import LENGTH
from subscribers.models.people import Subscriber, Subscription


class AddressChange(models.Model):
    """An address that a reader wants to move to; it counts once it is confirmed from there.

    ``former`` is the key that it replaced, so that erasing the reader finds what was kept of it;
    ``moved_at`` is empty again when that mailbox took it back. ``had`` are the subscriptions of a
    reader who became one with another by it (``moving.Had``).
    """

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="moves")
    address = models.CharField(max_length=320)
    former = models.CharField(max_length=320, blank=True, db_default="")
    moved_at = models.DateTimeField(null=True, blank=True)
    had = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.subscriber_id} → {self.address}"


class Posted(models.Model):
    """What the outbox sends: any letter of ours, to readers or to staff."""

    class State(models.TextChoices):
        QUEUED = "queued", _("等待")
        SENDING = "sending", _("正在发送")
        SENT = "sent", _("已发送")
        FAILED = "failed", _("未能发送")

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True


class Notice(Posted):
    class Kind(models.TextChoices):
        CONFIRM = "confirm", _("确认订阅")
        MOVE = "move", _("确认新地址")
        MOVED = "moved", _("地址已更换")
        DATA = "data", _("下载个人资料")

    kind = models.CharField(max_length=10, choices=Kind)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="notices")
    move = models.ForeignKey(AddressChange, null=True, blank=True, on_delete=models.CASCADE)
    language = models.CharField(max_length=20, default="zh-hans")
    recipient_hash = models.CharField(max_length=LENGTH)
    ip = models.GenericIPAddressField(null=True, blank=True)
    day = models.DateField()

    class Meta:
        constraints = (
            # Whoever signs somebody else up a hundred times causes one mail a day.
            models.UniqueConstraint(
                fields=("recipient_hash", "kind", "day"), name="notice_once_a_day"
            ),
        )
        indexes = (
            models.Index(fields=("state", "due_at"), name="notice_due"),
            models.Index(fields=("ip", "created_at"), name="notice_ip"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
