"""A publication: what every issue of it repeats, and how its people work."""

from __future__ import annotations

from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, validate_slug
from django.db import models
from django.utils.translation import gettext_lazy as _

from dongtai_mail import content
from dongtai_mail.validators import validate_line


def validate_timezone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(
            _("%(name)s 不是时区名；请写成 Asia/Shanghai 这样的形式。"), params={"name": name}
        )


validate_domain = RegexValidator(
    r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$",
    _("请填写小写的域名，例如 news.example.org。"),
)
validate_colour = RegexValidator(r"^#[0-9a-f]{6}$", _("请填写 #b3121d 这样的颜色。"))


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
    # How its people work: the sections every issue has, when it goes out, who says that it may.
    section_names = models.JSONField(default=list, blank=True, help_text='["要闻", …], in order')
    slots = models.JSONField(
        default=list, blank=True, help_text='[{"days": [1, 16], "time": "09:00"}], in its zone'
    )
    needs_approval = models.BooleanField(default=True)
    self_approval = models.BooleanField(
        default=False, help_text="whoever asked for the review may approve it"
    )
    worded = models.JSONField(
        default=dict,
        blank=True,
        help_text="who changed what readers see of every issue, and when last, in seconds",
    )
    proof_addresses = models.JSONField(default=list, blank=True)
    counts_clicks = models.BooleanField(default=False)
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
