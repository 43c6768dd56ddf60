"""What was frozen to be sent, and who said that it may be."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from dongtai_mail.issues.models.writing import Issue


class Edition(models.Model):
    """An issue rendered and frozen: these bytes are what is approved, sent and archived.

    ``key`` names the edition in its public address and is derived from what was rendered;
    ``sha256`` covers every byte that a reader gets. The two slots are the placeholders that
    stand in ``html`` and ``text`` for a reader's own links.
    """

    issue = models.ForeignKey(Issue, on_delete=models.PROTECT, related_name="editions")
    key = models.CharField(max_length=32, unique=True)
    # A hash of what the issue and its publication said, without the templates' part in it.
    saying = models.CharField(max_length=64, blank=True)
    asked_kind = models.CharField(
        max_length=10, blank=True, help_text="the kind that was asked for; empty: what fits"
    )
    kind = models.CharField(max_length=10)
    sha256 = models.CharField(max_length=64)
    subject = models.CharField(max_length=300)
    preheader = models.CharField(max_length=300, blank=True)
    html = models.TextField()
    text = models.TextField()
    web_html = models.TextField()
    unsubscribe_slot = models.CharField(max_length=200)
    preferences_slot = models.CharField(max_length=200)
    size = models.PositiveIntegerField(help_text="HTML bytes with a reader's own links")
    findings = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.issue} ({self.kind})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; afterwards only ``published_at`` may be set."""
        if self.pk is not None and kwargs.get("update_fields") != ["published_at"]:
            raise ValidationError("An edition is frozen; freeze a new one instead.")
        super().save(*args, **kwargs)

    @property
    def slots(self) -> tuple[str, str]:
        return (self.unsubscribe_slot, self.preferences_slot)


class Review(models.Model):
    """An edition put before a reviewer, and what they said.

    An approval holds for the bytes of its edition alone (``Edition.sha256``): once the issue says
    anything else it is revoked, with when and why.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", _("等待审核")
        APPROVED = "approved", _("已批准")
        RETURNED = "returned", _("已退回")
        WITHDRAWN = "withdrawn", _("已撤回")
        REVOKED = "revoked", _("批准已失效")

    issue = models.ForeignKey(Issue, on_delete=models.PROTECT, related_name="reviews")
    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="reviews")
    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    requester = models.CharField(max_length=150, help_text="the name as it was then")
    requested_at = models.DateTimeField(auto_now_add=True)
    note = models.TextField(blank=True)
    # What the issue said then, for the next reviewer to see what is new (``issues.changes``).
    snapshot = models.JSONField(default=dict)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    reviewer = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    comment = models.TextField(blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_why = models.CharField(max_length=300, blank=True)
    outdated = models.BooleanField(
        default=False, help_text="it ended since the issue says something else, not by a word"
    )

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("issue",),
                condition=models.Q(state="requested"),
                name="review_one_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.edition} {self.state}"
