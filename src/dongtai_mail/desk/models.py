"""Who may do what in which publication, and who did what.

Owns: memberships (a person's roles), what they want to be told by mail, and the audit log.
Promises: an entry of the log is written in the transaction of the change it tells of and is never
changed or removed afterwards. Readers appear in it as ids of subscriptions, never by their address,
so that erasure leaves it as it is.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from dongtai_mail.issues.models import Publication


class Role(models.TextChoices):
    EDITOR = "editor", _("编辑")
    REVIEWER = "reviewer", _("审核")
    SENDER = "sender", _("发送")
    LIST_MANAGER = "lists", _("订阅者管理")
    ADMINISTRATOR = "administrator", _("管理员")


class Membership(models.Model):
    """One role of one person in one publication; people may have several."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    publication = models.ForeignKey(
        Publication, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=20, choices=Role)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("user", "publication", "role"), name="membership_once"),
        )

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} of {self.publication_id}"


class MailPreference(models.Model):
    """What a person wants to be told by mail, and in which language.

    Who has none of these is told, in the publication's language; so is who never chose one.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mail_preference"
    )
    reviews = models.BooleanField(default=True)
    language = models.CharField(max_length=20, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.user_id}: {self.reviews}"


class AuditEntry(models.Model):
    """Something that a person changed: ``action`` is a word of ``desk.audit.ACTIONS``."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    # What an entry names may be removed; the entry stays as it was written.
    publication = models.ForeignKey(
        Publication,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="audit_entries",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.DO_NOTHING, db_constraint=False
    )
    actor = models.CharField(max_length=150, help_text="the person's name as it was then")
    action = models.CharField(max_length=40)
    subject_kind = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=40)
    subject = models.CharField(max_length=300, help_text="what it was called then")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("publication", "-id"), name="audit_of_publication"),)

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise ValidationError("The audit log is never changed.")
        super().save(*args, **kwargs)
