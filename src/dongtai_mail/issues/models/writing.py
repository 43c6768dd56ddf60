"""What editors write: issues, sections, items; the manuscript they came from; what was before."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from dongtai_mail.issues.models.publication import Publication
from dongtai_mail.validators import validate_line


class Issue(models.Model):
    """One issue as it is being written. NULL means that nobody has said it yet."""

    publication = models.ForeignKey(Publication, on_delete=models.PROTECT, related_name="issues")
    number = models.CharField(max_length=50, null=True, blank=True)
    date = models.DateField(null=True, blank=True)
    masthead = models.CharField(max_length=100, null=True, blank=True)
    subject = models.CharField(max_length=200, null=True, blank=True, validators=[validate_line])
    preheader = models.CharField(max_length=200, null=True, blank=True)
    host_name = models.CharField(max_length=200, null=True, blank=True)
    host_also = models.CharField(max_length=200, null=True, blank=True)
    colophon_address = models.CharField(max_length=300, null=True, blank=True)
    colophon_postcode = models.CharField(max_length=20, null=True, blank=True)
    colophon_organisation = models.CharField(max_length=200, null=True, blank=True)
    colophon_phone = models.CharField(max_length=50, null=True, blank=True)
    # The days that its items are about; news from outside is a finding.
    period_from = models.DateField(null=True, blank=True)
    period_to = models.DateField(null=True, blank=True)
    # Grows with every change of the issue's own fields and of the order of what is in it.
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("publication", "number"), name="issue_number_once"),
        )

    def __str__(self) -> str:
        label = self.number or self._unnumbered()
        if self.number and "期" not in self.number:
            label = _("第 %(number)s 期") % {"number": self.number}
        return f"{self.masthead or self.publication.name} {label}"

    def _unnumbered(self) -> str:
        period = "–".join(str(day) for day in (self.period_from, self.period_to) if day)
        if told_apart_by := period or self.subject or self.date:
            return _("期号未定（%(which)s）") % {"which": told_apart_by}
        return _("期号未定")


class Manuscript(models.Model):
    """The file that an issue was imported from, as it was handed in, and what was found in it."""

    publication = models.ForeignKey(Publication, on_delete=models.PROTECT)
    issue = models.OneToOneField(Issue, on_delete=models.CASCADE, related_name="manuscript")
    filename = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    data = models.BinaryField()
    findings = models.JSONField(default=list)
    imported_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("publication", "sha256"), name="manuscript_once"),
        )

    def __str__(self) -> str:
        return self.filename


class ManuscriptDraft(models.Model):
    """A file that was handed in and is being looked at; nothing of it is an issue yet.

    ``mended`` is its text as people changed it here, NULL while nobody has; ``menders`` are their
    accounts. Once accepted it is empty and leads whoever still has it open to the ``issue`` that it
    became.
    """

    publication = models.ForeignKey(
        Publication, on_delete=models.CASCADE, related_name="manuscript_drafts"
    )
    filename = models.CharField(max_length=255)
    data = models.BinaryField()
    mended = models.TextField(null=True)
    menders = models.JSONField(default=list)
    actor = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)
    issue = models.ForeignKey(Issue, null=True, on_delete=models.CASCADE, related_name="drafts")
    discarded_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.filename

    @property
    def current(self) -> bytes:
        """What would be imported."""
        return bytes(self.data) if self.mended is None else self.mended.encode()


class Section(models.Model):
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="sections")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.name


class Item(models.Model):
    """A text that is, or may once be, in an issue; without a section it lies in the item pool.

    ``body`` is the safe Markdown subset (see ``issues.markdown``); the rest is plain text. A
    discarded item is in no issue and not in the pool, and can be brought back.
    """

    publication = models.ForeignKey(Publication, on_delete=models.PROTECT, related_name="items")
    section = models.ForeignKey(
        Section, null=True, blank=True, on_delete=models.CASCADE, related_name="items"
    )
    position = models.PositiveIntegerField(default=0)
    wanted_section = models.CharField(max_length=100, blank=True, help_text="while in the pool")
    title = models.CharField(max_length=300, blank=True)
    heading = models.CharField(max_length=100, null=True, blank=True)
    body = models.TextField(blank=True)
    source = models.CharField(max_length=200, null=True, blank=True)
    compiler = models.CharField(max_length=200, null=True, blank=True)
    date = models.DateField(null=True, blank=True)
    source_line = models.CharField(max_length=500, null=True, blank=True)
    cover_url = models.URLField(null=True, blank=True)
    cover_alt = models.CharField(max_length=200, blank=True)
    featured = models.BooleanField(default=False)
    url = models.URLField(max_length=2000, blank=True, help_text="where the text was found")
    tags = models.JSONField(default=list, blank=True)
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="held_items",
        help_text="who is working on it",
    )
    # Grows with every change of the text: whoever saves says which version they changed.
    version = models.PositiveIntegerField(default=1)
    changed_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(auto_now=True)
    discarded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("position", "id")
        indexes = (
            models.Index(
                fields=("publication", "-id"),
                condition=models.Q(section__isnull=True, discarded_at__isnull=True),
                name="item_pool",
            ),
        )

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.publication_id is None and self.section is not None:
            self.publication_id = self.section.issue.publication_id
        super().save(*args, **kwargs)


class Revision(models.Model):
    """What an issue's own fields and order, or an item's, were at a version, and who made it so.

    Either ``issue`` or ``item``: an item keeps its history when it goes to another issue.
    """

    issue = models.ForeignKey(Issue, null=True, on_delete=models.CASCADE, related_name="revisions")
    item = models.ForeignKey(Item, null=True, on_delete=models.CASCADE, related_name="revisions")
    version = models.PositiveIntegerField()
    values = models.JSONField()
    actor = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("issue", "version"), name="issue_revision_once"),
            models.UniqueConstraint(fields=("item", "version"), name="item_revision_once"),
            models.CheckConstraint(
                condition=models.Q(issue__isnull=False) ^ models.Q(item__isnull=False),
                name="revision_of_one",
            ),
        )

    def __str__(self) -> str:
        return f"{self.version} by {self.actor}"


class Comment(models.Model):
    """What somebody says about an issue, or about one item of it."""

    issue = models.ForeignKey(Issue, null=True, on_delete=models.CASCADE, related_name="comments")
    item = models.ForeignKey(Item, null=True, on_delete=models.CASCADE, related_name="comments")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    actor = models.CharField(max_length=150)
    text = models.TextField(validators=[MaxLengthValidator(5000)])
    at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.actor}: {self.text[:40]}"


class IgnoredFinding(models.Model):
    """A finding that somebody looked at and let stand; ``fingerprint`` is its name and place."""

    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="ignored_findings")
    fingerprint = models.CharField(max_length=64)
    message = models.CharField(max_length=500)
    reason = models.CharField(max_length=500)
    actor = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("issue", "fingerprint"), name="ignored_once"),
        )

    def __str__(self) -> str:
        return f"{self.message}: {self.reason}"


class LinkCheck(models.Model):
    """What an address in an issue answered when the worker last asked it; NULL: not asked yet."""

    publication = models.ForeignKey(Publication, on_delete=models.CASCADE)
    url = models.URLField(max_length=2000)
    host = models.CharField(max_length=255, blank=True)
    asked_for_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("publication", "url"), name="link_checked_once"),
        )

    def __str__(self) -> str:
        return f"{self.url}: {self.status or self.error}"
