"""A publication's settings as a form, and the form that begins a new one.

Owns: how lists are written (one a line) and the check of the accent. Promises: From stays what it
is while a mailing is under way, so that its readers all see the same. Fails: with errors that say
what to put there.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dongtai_mail.delivery.models import Mailing
from dongtai_mail.desk.live import UNDER_WAY
from dongtai_mail.issues.models import Publication
from dongtai_mail.rendering.colour import AA, PAPER, contrast, legible

FROM = frozenset({"from_name", "from_address"})
LANGUAGES = (("zh-CN", gettext_lazy("简体中文")), ("en", "English"))
SECTIONS_MOST, PROOFS_MOST = 40, 50


class Lines(forms.CharField):
    """A list, one a line; empty lines and repetitions are dropped."""

    widget = forms.Textarea(attrs={"rows": 5})

    def __init__(self, most: int, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.most = most

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = (" ".join(line.split()) for line in str(value or "").splitlines())
        return list(dict.fromkeys(filter(None, lines)))

    def validate(self, value: Any) -> None:
        if len(value) > self.most:
            raise ValidationError(
                _("有 %(count)s 行，最多 %(most)s 行；请删去一些。")
                % {"count": len(value), "most": self.most}
            )

    def run_validators(self, value: Any) -> None:
        for line in value:
            if len(line) > 100:
                raise ValidationError(
                    _("“%(line)s…”太长，每行最多 100 个字。") % {"line": line[:20]}
                )
            super().run_validators(line)


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # Generic for stubs alone.
    section_names = Lines(
        SECTIONS_MOST,
        label=gettext_lazy("栏目"),
        help_text=gettext_lazy("一行一个，按每期的次序；新的一期从它们开始。"),
    )
    proof_addresses = Lines(
        PROOFS_MOST,
        label=gettext_lazy("校样名单"),
        help_text=gettext_lazy("测试发送的常用收件人，一行一个邮箱。"),
    )
    language = forms.ChoiceField(label=gettext_lazy("语言"), choices=LANGUAGES)
    timezone = forms.ChoiceField(
        label=gettext_lazy("时区"),
        choices=lambda: [(name, name) for name in sorted(available_timezones())],
        help_text=gettext_lazy("发送时间都按它；中国是 Asia/Shanghai。"),
    )
    accent = forms.RegexField(
        r"^#[0-9a-fA-F]{6}$",
        label=gettext_lazy("主色"),
        widget=forms.TextInput(attrs={"type": "color"}),
        help_text=gettext_lazy("用在报头的线、栏目名和按钮上。"),
        error_messages={"invalid": gettext_lazy("请写成 #b3121d 这样。")},
    )

    class Meta:
        model = Publication
        fields: tuple[str, ...] = (
            *("name", "host_name", "host_also", "language", "timezone", "accent"),
            *("from_name", "from_address", "bounce_domain", "dkim_selector", "reason"),
            *("section_names", "needs_approval", "self_approval", "proof_addresses"),
            "counts_clicks",
            *("colophon_organisation", "colophon_address", "colophon_postcode", "colophon_phone"),
        )
        labels = {
            "name": gettext_lazy("刊名"),
            "host_name": gettext_lazy("主办单位"),
            "host_also": gettext_lazy("主办单位的另一个名称"),
            "from_name": gettext_lazy("发件人名称"),
            "from_address": gettext_lazy("发件人地址"),
            "bounce_domain": gettext_lazy("退信域名"),
            "dkim_selector": gettext_lazy("DKIM 选择器"),
            "reason": gettext_lazy("为什么收到"),
            "needs_approval": gettext_lazy("发送前要审核"),
            "self_approval": gettext_lazy("可以自己审核自己的"),
            "counts_clicks": gettext_lazy("统计点击（只有合计，不记是谁）"),
            "colophon_organisation": gettext_lazy("编辑部所在单位"),
            "colophon_address": gettext_lazy("编辑部地址"),
            "colophon_postcode": gettext_lazy("邮政编码"),
            "colophon_phone": gettext_lazy("电话"),
        }
        help_texts = {
            "from_name": gettext_lazy("改了发件人，还没有发出的各期要重新批准。"),
            "from_address": gettext_lazy("读者看到的发件人；域名要有“发信域名”页上的 DNS 记录。"),
            "bounce_domain": gettext_lazy("退信回到这个域名，例如 bounce.example.org。"),
            "dkim_selector": gettext_lazy("签名密钥的名字；换密钥时换一个。"),
            "reason": gettext_lazy("邮件末尾的一句话，说明读者为什么收到。"),
            "needs_approval": gettext_lazy("另一位同事审核通过，才能安排发送。"),
            "self_approval": gettext_lazy(
                "不勾：送审的人，和上次批准以后改过内容的人，都不能批准这一期。"
            ),
        }
        error_messages = {
            "name": {"required": gettext_lazy("请填写刊名。")},
            "from_name": {"required": gettext_lazy("请填写读者看到的发件人名称。")},
            "from_address": {
                "required": gettext_lazy("请填写发件人地址，例如 editor@example.org。"),
                "invalid": gettext_lazy("请写完整的邮箱，例如 editor@example.org。"),
            },
            "bounce_domain": {
                "required": gettext_lazy("请填写退信域名，例如 bounce.example.org。")
            },
            "dkim_selector": {"required": gettext_lazy("请填写 DKIM 选择器，例如 dongtai。")},
        }

    def clean(self) -> dict[str, Any]:
        super().clean()
        changed = FROM & set(self.changed_data)
        going = self._under_way() if changed and self.instance.pk else None
        if going is not None:
            text = _("%(issue)s正在发送，改了的话读者会看到两个发件人；等它发完或取消以后再改。")
            for name in changed:
                self.add_error(name, text % {"issue": going.edition.issue})
        return self.cleaned_data

    def _under_way(self) -> Mailing | None:
        ours = Mailing.objects.filter(subscriber_list__publication=self.instance)
        return ours.filter(state__in=UNDER_WAY).select_related("edition__issue").first()

    def clean_accent(self) -> str:
        accent: str = self.cleaned_data["accent"].lower()
        ratio = contrast(accent, PAPER)
        if ratio < AA:
            raise ValidationError(
                _("白底上看不清：对比度 %(ratio).1f，要 %(enough)s 以上；%(better)s 就够了。")
                % {"ratio": ratio, "enough": AA, "better": legible(accent, PAPER)}
            )
        return accent

    def clean_proof_addresses(self) -> list[str]:
        addresses: list[str] = self.cleaned_data["proof_addresses"]
        for address in addresses:
            try:
                validate_email(address)
            except ValidationError:
                raise ValidationError(
                    _("“%(address)s”不是邮箱，请改成 name@example.org 这样，一行一个。")
                    % {"address": address}
                ) from None
        return addresses


GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (gettext_lazy("本刊"), SettingsForm.Meta.fields[:6]),
    (gettext_lazy("发件"), SettingsForm.Meta.fields[6:11]),
    (gettext_lazy("编辑与审核"), SettingsForm.Meta.fields[11:16]),
    (gettext_lazy("邮件末尾"), SettingsForm.Meta.fields[16:]),
)


class NewPublicationForm(SettingsForm):
    """What can't wait; the rest keeps its defaults until somebody sets it."""

    class Meta(SettingsForm.Meta):
        fields = ("slug", "name", "host_name", "from_name", "from_address", "accent")
        labels = {**SettingsForm.Meta.labels, "slug": gettext_lazy("代号")}
        help_texts = {
            **SettingsForm.Meta.help_texts,
            "slug": gettext_lazy("字母、数字和连字符，用在网址里，以后不能改。"),
        }
        error_messages = {
            **SettingsForm.Meta.error_messages,
            "slug": {
                "required": gettext_lazy("请填写代号，例如 dongtai。"),
                "invalid": gettext_lazy("代号只能有字母、数字、连字符和下划线。"),
                "unique": gettext_lazy("这个代号已经有刊物用了，请换一个。"),
            },
        }

    # The other form's; None is Django's way to take a field away, which the stubs don't know.
    section_names = proof_addresses = language = timezone = None  # type: ignore[assignment]

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"].lower()
        return slug

    def save(self, commit: bool = True) -> Publication:
        self.instance.bounce_domain = f"bounce.{self.instance.domain}"
        saved: Publication = super().save(commit)
        return saved
