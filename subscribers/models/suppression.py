"""Who must get no mail, and what was undone about it.

Owns: suppressions, by the keyed hash of the address (``fingerprint``); the address itself stands
beside it only until its person is erased. Promises: an address is suppressed once per publication
and once everywhere; the hash is filled in by whatever way a row is saved; a suppression that staff
take back leaves a ``Release`` with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from subscribers.fingerprint import LENGTH, fingerprint

if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
else:
    _CharField = models.CharField


class FingerprintField(_CharField):
    """The fingerprint of the row's ``key``, made when the row is saved."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": LENGTH, "editable": False, "db_default": "", **options})

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        key = getattr(model_instance, "key", None)
        if key:
            setattr(model_instance, self.attname, fingerprint(key))
        return super().pre_save(model_instance, add)


class Suppression(models.Model):
    """An address that gets no mail, whatever its subscriptions say; NULL publication means all.

    ``key`` is the canonical address, NULL from the person's erasure until they come back by
    themselves; ``hash`` decides.
    """

    class Reason(models.TextChoices):
        BOUNCE = "bounce", _("无法送达")
        COMPLAINT = "complaint", _("投诉")
        STAFF = "staff", _("人工")
        ERASURE = "erasure", _("已删除资料")

    key = models.CharField(max_length=320, null=True, blank=True)
    hash = FingerprintField()
    publication = models.ForeignKey(
        "issues.Publication", null=True, blank=True, on_delete=models.CASCADE
    )
    reason = models.CharField(max_length=12, choices=Reason)
    source = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("hash", "publication"), name="suppression_once"),
            models.UniqueConstraint(
                fields=("hash",),
                condition=models.Q(publication__isnull=True),
                name="suppression_everywhere_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.key or self.hash} ({self.reason})"


class Release(models.Model):
    """A suppression that was taken back: what it was, who took it back, and why."""

    hash = models.CharField(max_length=LENGTH, db_index=True)
    publication = models.ForeignKey(
        "issues.Publication", null=True, blank=True, on_delete=models.CASCADE
    )
    suppressed_for = models.CharField(max_length=12, choices=Suppression.Reason)
    suppressed_at = models.DateTimeField()
    source = models.CharField(max_length=300, blank=True)
    reason = models.CharField(max_length=300)
    actor = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.hash} ({self.suppressed_for}): {self.reason}"
