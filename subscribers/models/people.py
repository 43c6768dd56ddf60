"""Readers: addresses, lists, subscriptions, their history, and who must get no mail.

Owns: who wants which list, since when and by which act. Promises: one row per address however it
is spelled (``Subscriber.key``); a subscription's events are only ever added to; leaving takes
effect in the transaction that records it.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import models


class SubscriberList(models.Model):
    publication = models.ForeignKey(
        "issues.Publication", on_delete=models.PROTECT, related_name="lists"
    )
    slug = models.SlugField(unique=True, validators=[validate_slug])
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Subscriber(models.Model):
    """``key`` is the canonical address (message.address), by which spellings are one person."""

    address = models.CharField(max_length=320)
    key = models.CharField(max_length=320, unique=True)
    provider = models.CharField(max_length=253, db_index=True)
    name = models.CharField(max_length=100, blank=True)
    organisation = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=20, default="zh-hans")
    attributes = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.address


class Subscription(models.Model):
    class State(models.TextChoices):
        PENDING = "pending", "待确认"
        CONFIRMED = "confirmed", "已订阅"
        UNSUBSCRIBED = "unsubscribed", "已退订"
        BOUNCED = "bounced", "无法送达"
        COMPLAINED = "complained", "已投诉"

    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="subscriptions"
    )
    subscriber_list = models.ForeignKey(
        SubscriberList, on_delete=models.PROTECT, related_name="subscriptions"
    )
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("subscriber", "subscriber_list"), name="subscription_once"
            ),
        )
        indexes = (models.Index(fields=("subscriber_list", "state"), name="subscription_state"),)

    def __str__(self) -> str:
        return f"{self.subscriber} – {self.subscriber_list}"


class SubscriptionEvent(models.Model):
    """One act in a subscription's history: what it became, when, how and by whom."""

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="events")
    state = models.CharField(max_length=12, choices=Subscription.State)
    source = models.CharField(max_length=50)
    detail = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.subscription}: {self.state} ({self.source})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise ValidationError("History is only ever added to.")
        super().save(*args, **kwargs)


class Suppression(models.Model):
    """An address that gets no mail, whatever its subscriptions say; NULL publication means all."""

    class Reason(models.TextChoices):
        BOUNCE = "bounce", "无法送达"
        COMPLAINT = "complaint", "投诉"
        STAFF = "staff", "人工"
        ERASURE = "erasure", "已删除资料"

    key = models.CharField(max_length=320)
    publication = models.ForeignKey(
        "issues.Publication", null=True, blank=True, on_delete=models.CASCADE
    )
    reason = models.CharField(max_length=12, choices=Reason)
    source = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("key", "publication"), name="suppression_once"),
            models.UniqueConstraint(
                fields=("key",),
                condition=models.Q(publication__isnull=True),
                name="suppression_everywhere_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.key} ({self.reason})"
