"""Segments: rules with a name, for choosing among the people of a publication's lists."""

from __future__ import annotations

from django.db import models


class Segment(models.Model):
    """``audience`` is described in ``subscribers.audience``."""

    publication = models.ForeignKey(
        "issues.Publication", on_delete=models.CASCADE, related_name="segments"
    )
    name = models.CharField(max_length=100)
    audience = models.JSONField()
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("publication", "name"), name="segment_name_once"),
        )

    def __str__(self) -> str:
        return self.name
