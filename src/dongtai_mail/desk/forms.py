"""What staff hand in: a manuscript, how fast a provider may be written to, and single texts.

Fails: with form errors in the reader's language that say what to do.
"""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dongtai_mail.delivery import providers
from dongtai_mail.delivery.warmup import Table
from dongtai_mail.desk.words import PROVIDERS
from dongtai_mail.issues.importing import MAXIMUM_BYTES


def typed(data: QueryDict, name: str) -> str:
    """A text that no form has checked, without the one character that no database keeps."""
    return data.get(name, "").replace("\x00", "").strip()


class ManuscriptForm(forms.Form):
    manuscript = forms.FileField(
        label=gettext_lazy("稿件文件"),
        max_length=255,
        allow_empty_file=True,  # The importer says better what is wrong with it.
        error_messages={"required": gettext_lazy("请先选择一个文件。")},
    )

    def clean_manuscript(self) -> UploadedFile[Any]:
        file: UploadedFile[Any] = self.cleaned_data["manuscript"]
        if (file.size or 0) > MAXIMUM_BYTES:
            raise forms.ValidationError(
                _("文件有 %(size).1f MB，超过 %(most)d MB 的上限；请去掉图片或拆成两个文件。")
                % {"size": (file.size or 0) / 1024 / 1024, "most": MAXIMUM_BYTES / 1024 / 1024}
            )
        return file


class LimitForm(forms.Form):
    """What staff allow for one provider; empty means no limit."""

    per_minute = forms.IntegerField(
        label=gettext_lazy("每分钟最多多少封"), required=False, min_value=1, max_value=999_999
    )
    connections = forms.IntegerField(
        label=gettext_lazy("最多多少个并发连接（所有进程合计）"),
        required=False,
        min_value=1,
        max_value=1000,
    )
    messages_per_connection = forms.IntegerField(
        label=gettext_lazy("每次连接最多多少封"), required=False, min_value=1, max_value=999_999
    )


class WarmupForm(forms.Form):
    """What staff allow a new relay: messages for each day, and how much of it to each group."""

    days = forms.CharField(
        label=gettext_lazy("从第 1 天起，每天给每个接收方最多多少封"),
        help_text=gettext_lazy("按天写，用空格隔开，最多 60 天；写完的天数过后不再限制。"),
        max_length=600,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, data: QueryDict | None, table: Table) -> None:
        initial = {"days": " ".join(map(str, table.days))}
        super().__init__(data, initial=initial)
        for group in providers.DEFAULTS:
            self.fields[group] = forms.IntegerField(
                label=_("其中%(group)s占百分之多少") % {"group": PROVIDERS.get(group, group)},
                initial=table.percents.get(group, 100),
                min_value=1,
                max_value=100,
            )

    def clean_days(self) -> list[int]:
        words = re.split(r"[\s,，、;；]+", self.cleaned_data["days"].strip())
        if len(words) > 60 or not all(re.fullmatch(r"[1-9][0-9]{0,6}", word) for word in words):
            raise forms.ValidationError(
                _("请写 1 到 9999999 的整数，用空格隔开，最多 60 个，例如 200 500 1000。")
            )
        return [int(word) for word in words]

    @property
    def percents(self) -> dict[str, int]:
        """Of the groups that get less than the others."""
        given = {group: self.cleaned_data[group] for group in providers.DEFAULTS}
        return {group: percent for group, percent in given.items() if percent < 100}
