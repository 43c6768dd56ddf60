"""Which strings of characters items have, so that what is said twice is found among thousands."""

from __future__ import annotations

from django.db import models

from dongtai_mail.issues.models.writing import Item


class Sketch(models.Model):
    """That an item's strings are known, as they were at a version of it."""

    item = models.OneToOneField(Item, on_delete=models.CASCADE, primary_key=True)
    version = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.item_id} at {self.version}"


class Shingle(models.Model):
    """One string of an item, as a number; see ``issues.similar``."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="shingles")
    number = models.BigIntegerField()

    class Meta:
        indexes = (models.Index(fields=("number", "item"), name="shingle_items"),)

    def __str__(self) -> str:
        return f"{self.number} of {self.item_id}"
