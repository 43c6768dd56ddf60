"""Publications and their issues, and the editions frozen from them.

Owns: what editors write (issue, section, item), the manuscript it came from, and the edition:
one issue rendered, hashed and never changed again. Promises: an edition's row refuses to be
saved twice, so that what was approved is what is sent. Fails: with ``ValidationError`` or an
``IntegrityError`` of the database, never half.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, validate_slug
from django.db import models

from dongtai_mail import content


def validate_timezone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name!r} 不是时区名；请写成 Asia/Shanghai 这样的形式。")


validate_domain = RegexValidator(
    r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$",
    "请填写小写的域名，例如 news.example.org。",
)
validate_colour = RegexValidator(r"^#[0-9a-f]{6}$", "请填写 #b3121d 这样的颜色。")
validate_line = RegexValidator(r"^[^\r\n\x00]*$", "不能换行。")


class Publication(models.Model):
    """A newsletter: its name, its host, its voice on the wire and what every issue repeats."""

    slug = models.SlugField(unique=True, validators=[validate_slug])
    name = models.CharField(max_length=100, validators=[validate_line])
    host_name = models.CharField(max_length=200, blank=True)
    host_also = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=20, default="zh-CN")
    timezone = models.CharField(
        max_length=50, default="Asia/Shanghai", validators=[validate_timezone]
    )
    accent = models.CharField(max_length=7, default="#b3121d", validators=[validate_colour])
    from_name = models.CharField(max_length=100, validators=[validate_line])
    from_address = models.EmailField(validators=[validate_line])
    bounce_domain = models.CharField(max_length=253, validators=[validate_domain])
    dkim_selector = models.CharField(max_length=63, default="dongtai", validators=[validate_slug])
    reason = models.CharField(max_length=300, blank=True)
    colophon_address = models.CharField(max_length=300, blank=True)
    colophon_postcode = models.CharField(max_length=20, blank=True)
    colophon_organisation = models.CharField(max_length=200, blank=True)
    colophon_phone = models.CharField(max_length=50, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def domain(self) -> str:
        """The domain of From, which DKIM signs for."""
        return self.from_address.rpartition("@")[2]

    @property
    def host(self) -> content.Host | None:
        return content.Host(self.host_name, self.host_also or None) if self.host_name else None

    @property
    def colophon(self) -> content.Colophon | None:
        values = (
            self.colophon_address or None,
            self.colophon_postcode or None,
            self.colophon_organisation or None,
            self.colophon_phone or None,
        )
        return content.Colophon(*values) if any(values) else None


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
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("publication", "number"), name="issue_number_once"),
        )

    def __str__(self) -> str:
        label = self.number or f"#{self.pk}"
        if self.number and "期" not in self.number:
            label = f"第 {self.number} 期"
        return f"{self.masthead or self.publication.name} {label}"


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


class Section(models.Model):
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="sections")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.name


class Item(models.Model):
    """``body`` is the safe Markdown subset (see ``issues.markdown``); the rest is plain text."""

    section = models.ForeignKey(Section, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
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

    class Meta:
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.title


class Edition(models.Model):
    """An issue rendered and frozen: these bytes are what is approved, sent and archived.

    ``key`` names the edition in its public address and is derived from what was rendered;
    ``sha256`` covers every byte that a reader gets. The two slots are the placeholders that
    stand in ``html`` and ``text`` for a reader's own links.
    """

    issue = models.ForeignKey(Issue, on_delete=models.PROTECT, related_name="editions")
    key = models.CharField(max_length=32, unique=True)
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
