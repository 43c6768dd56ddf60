"""Imports: a file on its way into a list, and each of its rows.

Promises: a row has one verdict; the counts of the verdicts add up to the rows that were read; how
far an import came is in its run, so that any worker can go on.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from subscribers.fingerprint import LENGTH
from subscribers.models.people import SubscriberList


class ImportRun(models.Model):
    """One file into one list. ``position`` is the last row that the current state has done.

    ``tries`` counts failures since then; ``erased`` holds the fingerprints of who was erased before
    the file was read to its end.
    """

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("待核对")
        CHECKING = "checking", _("正在检查")
        CHECKED = "checked", _("已检查，待导入")
        RUNNING = "running", _("正在导入")
        DONE = "done", _("已导入")
        UNDOING = "undoing", _("正在撤销")
        UNDONE = "undone", _("已撤销")
        FAILED = "failed", _("未能导入")

    class Policy(models.TextChoices):
        KEEP = "keep", _("保留已有资料")
        FILL = "fill", _("只补空缺")
        OVERWRITE = "overwrite", _("用文件里的覆盖")

    class Consent(models.TextChoices):
        BASIS = "basis", _("已取得同意")
        DOUBLE_OPT_IN = "double", _("发确认邮件")

    subscriber_list = models.ForeignKey(
        SubscriberList, on_delete=models.PROTECT, related_name="imports"
    )
    filename = models.CharField(max_length=255)
    stored = models.CharField(max_length=64, blank=True, help_text="the file, in DATA_DIR/imports")
    encoding = models.CharField(max_length=20)
    delimiter = models.CharField(max_length=1, blank=True)
    header = models.BooleanField(default=True)
    columns = models.JSONField(default=dict, help_text="field or attribute:name → column number")
    policy = models.CharField(max_length=10, choices=Policy, default=Policy.KEEP)
    consent = models.CharField(max_length=10, choices=Consent, default=Consent.BASIS)
    basis = models.TextField(blank=True, help_text="on what ground these people get mail")
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    proceed = models.BooleanField(default=False, help_text="import as soon as it is checked")
    position = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)
    counts = models.JSONField(default=dict)
    note = models.CharField(max_length=500, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=32, blank=True, db_default="")
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    erased = models.JSONField(default=list)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.filename} → {self.subscriber_list}"

    @property
    def path(self) -> Path:
        return Path(settings.DATA_DIR) / "imports" / self.stored

    @property
    def undoable(self) -> bool:
        """Whether it has brought people, and nobody is at it."""
        failed = self.state == self.State.FAILED and bool(self.counts.get("added"))
        return failed or self.state == self.State.DONE

    @property
    def judged(self) -> int:
        """The rows that have a verdict; ``rows`` is the last one's number, header and gaps in."""
        return sum(self.counts.get(verdict.name.lower(), 0) for verdict in ImportRow.Verdict)


class ImportRow(models.Model):
    """One row of a file, validated; ``value`` is what stood there where it was refused."""

    class Verdict(models.IntegerChoices):
        NEW = 0, _("新读者")
        KNOWN = 1, _("已在名单")
        DUPLICATE = 2, _("文件内重复")
        SUPPRESSED = 3, _("列入不发名单")
        BAD = 4, _("不能导入")
        PERSON = 5, _("已有此人，加入名单")

    # Millions of them come by COPY: no constraint to check, and one index.
    run = models.ForeignKey(
        ImportRun, on_delete=models.CASCADE, db_constraint=False, db_index=False
    )
    line = models.PositiveIntegerField()
    verdict = models.SmallIntegerField(choices=Verdict)
    key = models.CharField(max_length=320, blank=True)
    hash = models.CharField(max_length=LENGTH, blank=True)
    address = models.CharField(max_length=320, blank=True)
    provider = models.CharField(max_length=253, blank=True)
    name = models.CharField(max_length=100, blank=True)
    organisation = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=20, blank=True)
    attributes = models.TextField(blank=True)
    value = models.CharField(max_length=320, blank=True)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("line",)
        indexes = (models.Index(fields=("run", "line"), name="importrow_line"),)

    def __str__(self) -> str:
        return f"{self.line}: {self.get_verdict_display()}"
