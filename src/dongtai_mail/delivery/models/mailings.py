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
    audience = models.JSONField(
        null=True, blank=True, help_text="subscribers.audience; NULL means the whole list"
    )
    state = models.CharField(max_length=12, choices=State, default=State.SCHEDULED)
    unconfirmed_policy = models.CharField(
        max_length=8, choices=Unconfirmed, default=Unconfirmed.RESEND
    )
    scheduled_at = models.DateTimeField()
    grace_seconds = models.PositiveIntegerField(default=6 * 3600)
    per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="this mailing's own cap; NULL: the providers' alone"
    )
    # Written to those whom an earlier mailing of the same edition did not reach.
    after = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="followers"
    )
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    targeted = models.PositiveIntegerField(default=0)
    note = models.TextField(blank=True, help_text="why it stopped or was missed, for staff")
    # See ``delivery.stages``: what goes first, and how far the mailing is open by now.
    stages = models.JSONField(default=list, blank=True)
    stage = models.PositiveSmallIntegerField(default=0)
    open_until = models.BigIntegerField(
        null=True, blank=True, help_text="the last delivery that may be claimed; NULL means all"
    )
    stage_over_at = models.DateTimeField(null=True, blank=True)
    stage_wait_seconds = models.PositiveIntegerField(default=600)
    # The counts that staff had before their eyes when they let a stopped mailing go on.
    forgiven = models.JSONField(default=dict, blank=True)
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
    """Deliveries leased to one worker process until ``leased_until``; NULL once it is done."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="batches")
    worker = models.CharField(max_length=100)
    claimed_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.pk} of {self.mailing_id} by {self.worker}"


class Delivery(models.Model):
    """One reader of one mailing; ``address`` and ``name`` are frozen with the audience.

    ``provider`` receives the mail; ``lane`` is the queue it waits in: a provider's own where it
    has limits of its own or many readers, "" for all the small ones together.
    """

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
    # Every index is written twice a message, hence few, each with several uses. Constraints are
    # checked row by row, half of the time that a million readers take; Django keeps them, too.
    mailing = models.ForeignKey(
        Mailing,
        on_delete=models.CASCADE,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
    )
    # Erasure takes the person away and leaves the count.
    subscription = models.ForeignKey(
        Subscription,
        null=True,
        on_delete=models.SET_NULL,
        db_index=False,
        db_constraint=False,
    )
    # On which list a described audience found the reader; NULL: on the mailing's own.
    subscriber_list = models.ForeignKey(
        SubscriberList,
        null=True,
        on_delete=models.DO_NOTHING,
        db_index=False,
        db_constraint=False,
        related_name="+",
    )
    address = models.CharField(max_length=320)
    name = models.CharField(max_length=100, blank=True)
    provider = models.CharField(max_length=253)
    lane = models.CharField(max_length=253, blank=True)
    state = models.SmallIntegerField(choices=State, default=State.QUEUED)
    # No constraint: it would be checked, and the batch's row locked, once for every delivery.
    batch = models.ForeignKey(
        Batch,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        db_index=False,
        db_constraint=False,
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True, help_text="a delivery's next try")
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("subscription", "mailing"), name="delivery_once"),
        )
        indexes = (
            models.Index(fields=("mailing", "state", "lane", "id"), name="delivery_queue"),
            models.Index(
                fields=("mailing", "due_at"),
                # Only what is deferred is in it, and most never is.
                condition=models.Q(state=3),
                name="delivery_deferred",
            ),
            models.Index(
                fields=("batch",),
                condition=models.Q(batch__isnull=False),
                name="delivery_leased",
            ),
        )

    def __str__(self) -> str:
        return f"{self.pk} to {self.address}"


class Attempt(models.Model):
    """One SMTP outcome that was not an acceptance, as the server put it."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="outcomes")
    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE)
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


class Tally(models.Model):
    """Changes of how many deliveries of a mailing are in a state; their sum is the count.

    By lane, by the list that readers were found on, and, of what was accepted or bounced, by the
    quarter of an hour in which it was.

    The database writes these rows itself, by triggers on the deliveries, so no way of changing a
    delivery can be forgotten. Rows are only added, so workers don't wait for each other; the tick
    sums them up now and then. Counting a million deliveries would take a second, this a few ms.
    """

    # No constraint: when a mailing goes, its deliveries' triggers still write here.
    mailing = models.ForeignKey(Mailing, on_delete=models.DO_NOTHING, db_constraint=False)
    lane = models.CharField(max_length=253, blank=True)
    state = models.SmallIntegerField(choices=Delivery.State)
    subscriber_list = models.ForeignKey(
        SubscriberList,
        null=True,
        on_delete=models.DO_NOTHING,
        db_index=False,
        db_constraint=False,
        related_name="+",
    )
    quarter = models.DateTimeField(null=True)
    delta = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.mailing_id} {self.lane} {self.state}: {self.delta:+}"


class Refusal(models.Model):
    """How many attempts ended with the same words, and what state they put their delivery into.

    Rows are only added, with the attempts, and summed up now and then, like those of ``Tally``:
    the reasons of a mailing are counted without reading its attempts. ``wording`` is the text
    without what differs from reader to reader (``delivery.reasons``).
    """

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE)
    state = models.SmallIntegerField(choices=Delivery.State)
    stage = models.CharField(max_length=10)
    code = models.PositiveSmallIntegerField(null=True, blank=True)
    enhanced = models.CharField(max_length=12, blank=True)
    wording = models.CharField(max_length=200, blank=True)
    delta = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.mailing_id} {self.stage} {self.code or ''} {self.wording}: {self.delta:+}"


class ProviderLimit(models.Model):
    """What staff set for a receiving provider instead of the default; NULL means no limit."""

    provider = models.CharField(max_length=253, unique=True)
    per_minute = models.PositiveIntegerField(null=True, blank=True)
    connections = models.PositiveSmallIntegerField(null=True, blank=True)
    messages_per_connection = models.PositiveIntegerField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.provider


class RelayWarmup(models.Model):
    """What staff set for a relay that warms up: ``days``, and ``percents`` by provider group."""

    relay = models.CharField(max_length=255, unique=True)
    days = models.JSONField()
    percents = models.JSONField()
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.relay
