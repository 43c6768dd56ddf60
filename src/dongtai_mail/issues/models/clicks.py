"""How often the links of an edition were followed: by day, never by whom."""

from __future__ import annotations

from django.db import models

from dongtai_mail.issues.models.approving import Edition


class EditionLink(models.Model):
    """A counted link: where it leads, and the item it stands in, as that was when it was frozen."""

    edition = models.ForeignKey(Edition, on_delete=models.CASCADE, related_name="links")
    number = models.PositiveIntegerField()
    target = models.TextField()
    section = models.CharField(max_length=100)
    item = models.CharField(max_length=300)
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=("edition", "number"), name="editionlink_once"),
        )

    def __str__(self) -> str:
        return f"{self.number}: {self.target}"


class ClickCount(models.Model):
    link = models.ForeignKey(EditionLink, on_delete=models.CASCADE, related_name="clicks")
    day = models.DateField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("link", "day"), name="clickcount_once"),)

    def __str__(self) -> str:
        return f"{self.link_id} on {self.day}: {self.count}"
