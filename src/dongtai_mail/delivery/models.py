"""Mailings, deliveries and attempts: the rows that are the truth about sending.

Owns: which edition goes to which frozen audience, and what became of every reader in it.
Promises: a mailing's deliveries are made once, in one statement; each is in exactly one state,
so the states of a mailing always add up to its targeted readers; everything else (tasks, Redis,
a worker's memory) may be lost and is rebuilt from these rows.
"""

from __future__ import annotations

from django.db import models

from dongtai_mail.issues.models import Edition
from subscribers.models import SubscriberList, Subscription


class Mailing(models.Model):
    """One edition to one frozen audience."""

    class State(models.TextChoices):
        SCHEDULED = "scheduled", "已排期"
        SENDING = "sending", "发送中"
        PAUSED = "paused", "已暂停"
        MISSED = "missed", "已错过时间，等候决定"
        STOPPED = "stopped", "已自动停止"
        FINISHED = "finished", "已完成"
        CANCELLED = "cancelled", "已取消"

    class Unconfirmed(models.TextChoices):
        RESEND = "resend", "用同一 Message-ID 重发"
        LEAVE = "leave", "不再发"

    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="mailings")
    subscriber_list = models.ForeignKey(
        SubscriberList, on_delete=models.PROTECT, related_name="mailings"
    )
    # What the person's form or command carried: the same request twice is one mailing.
    request_key = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=12, choices=State, default=State.SCHEDULED)
    unconfirmed_policy = models.CharField(
        max_length=8, choices=Unconfirmed, default=Unconfirmed.RESEND
    )
    scheduled_at = models.DateTimeField()
    grace_seconds = models.PositiveIntegerField(default=6 * 3600)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    targeted = models.PositiveIntegerField(default=0)
    note = models.TextField(blank=True, help_text="why it stopped or was missed, for staff")
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("state", "scheduled_at"), name="mailing_due"),)

    def __str__(self) -> str:
        return f"{self.edition} → {self.subscriber_list}"

    @property
    def over(self) -> bool:
        return self.state in (self.State.FINISHED, self.State.CANCELLED)


class Batch(models.Model):
    """Deliveries leased to one worker process until ``leased_until``."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="batches")
    worker = models.CharField(max_length=100)
    claimed_at = models.DateTimeField()
    leased_until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.pk} of {self.mailing_id} by {self.worker}"


class Delivery(models.Model):
    """One reader of one mailing; ``address`` and ``name`` are frozen with the audience."""

    class State(models.IntegerChoices):
        QUEUED = 0, "等待"
        LEASED = 1, "正在发送"
        ACCEPTED = 2, "已接收"
        DEFERRED = 3, "暂缓"
        BOUNCED = 4, "退回"
        SUPPRESSED = 5, "不发"
        UNCONFIRMED = 6, "未确认"
        CANCELLED = 7, "已取消"

    id = models.BigAutoField(primary_key=True)
    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="deliveries")
    # Erasure takes the person away and leaves the count.
    subscription = models.ForeignKey(Subscription, null=True, on_delete=models.SET_NULL)
    address = models.CharField(max_length=320)
    name = models.CharField(max_length=100, blank=True)
    provider = models.CharField(max_length=253)
    state = models.SmallIntegerField(choices=State, default=State.QUEUED)
    batch = models.ForeignKey(Batch, null=True, blank=True, on_delete=models.SET_NULL)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True, help_text="a deferred delivery's next try")
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("mailing", "subscription"), name="delivery_once"),
        )
        indexes = (models.Index(fields=("mailing", "state", "id"), name="delivery_queue"),)

    def __str__(self) -> str:
        return f"{self.pk} to {self.address}"


class Attempt(models.Model):
    """One SMTP outcome that was not an acceptance, as the server put it."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="outcomes")
    at = models.DateTimeField()
    stage = models.CharField(max_length=10)
    code = models.PositiveSmallIntegerField(null=True, blank=True)
    enhanced = models.CharField(max_length=12, blank=True)
    text = models.TextField(blank=True)
    relay = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.stage}: {self.code or ''} {self.text}"
