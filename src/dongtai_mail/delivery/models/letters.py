"""Letters that are no deliveries: to staff, and test sends to addresses that staff name."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from dongtai_mail.delivery.models.mailings import Mailing
from dongtai_mail.issues.models import Edition, Publication, Review
from subscribers.models import Posted


class StaffNotice(Posted):
    """``publication`` is the one in whose name it is written, and whose DKIM key signs it."""

    class Kind(models.TextChoices):
        INVITATION = "invitation", "邀请"
        PASSWORD = "password", "重设密码"
        PASSWORD_CHANGED = "password-changed", "密码已改"
        FACTORS_CHANGED = "factors-changed", "两步验证已改"
        REVIEW_REQUESTED = "review-requested", "送审"
        REVIEW_RETURNED = "review-returned", "退回"
        REVIEW_APPROVED = "review-approved", "批准"
        REVIEW_REVOKED = "review-revoked", "批准失效"
        MAILING_STOPPED = "mailing-stopped", "发送已停"
        MAILING_MISSED = "mailing-missed", "错过时间"

    kind = models.CharField(max_length=20, choices=Kind)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    publication = models.ForeignKey(Publication, on_delete=models.CASCADE, related_name="+")
    language = models.CharField(max_length=20, default="zh-hans")
    review = models.ForeignKey(Review, null=True, on_delete=models.CASCADE, related_name="+")
    mailing = models.ForeignKey(Mailing, null=True, on_delete=models.CASCADE, related_name="+")

    class Meta:
        indexes = (models.Index(fields=("state", "due_at"), name="staff_notice_due"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ProofLetter(Posted):
    """One edition on its way to one address, for ``actor`` to look at."""

    edition = models.ForeignKey(Edition, on_delete=models.PROTECT, related_name="proof_letters")
    address = models.CharField(max_length=320)
    actor = models.CharField(max_length=150)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("state", "due_at"), name="proof_letter_due"),)

    def __str__(self) -> str:
        return f"{self.edition} → {self.address}"

    @property
    def settled(self) -> bool:
        return self.state in (self.State.SENT, self.State.FAILED)
