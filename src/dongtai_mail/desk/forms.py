"""What staff hand in: a manuscript, and to whom and when an issue goes.

Fails: with form errors in the reader's language that say what to do.
"""

from __future__ import annotations

import datetime
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dongtai_mail.issues.models import Publication
from subscribers.models import Segment, SubscriberList

UPLOAD_BYTES = 10 * 1024 * 1024


class ManuscriptForm(forms.Form):
    manuscript = forms.FileField(
        label=gettext_lazy("稿件文件"),
        max_length=255,
        allow_empty_file=True,  # The importer says better what is wrong with it.
        error_messages={"required": gettext_lazy("请先选择一个文件。")},
    )

    def clean_manuscript(self) -> UploadedFile[Any]:
        file: UploadedFile[Any] = self.cleaned_data["manuscript"]
        if (file.size or 0) > UPLOAD_BYTES:
            raise forms.ValidationError(
                _("文件有 %(size).1f MB，超过 10 MB 的上限；请去掉图片或拆成两个文件。")
                % {"size": (file.size or 0) / 1024 / 1024}
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


class SendForm(forms.Form):
    """To which list, and when. ``at`` is in the publication's zone."""

    NOW, LATER = "now", "at"

    list = forms.ModelChoiceField(
        SubscriberList.objects.none(),
        error_messages={"required": gettext_lazy("请选择名单。")},
    )
    segment = forms.ModelChoiceField(Segment.objects.none(), required=False)
    when = forms.ChoiceField(choices=((NOW, gettext_lazy("现在")), (LATER, gettext_lazy("定时"))))
    at = forms.DateTimeField(
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": gettext_lazy("请把时间写成 2026-12-01 09:00 这样。")},
    )

    def __init__(self, publication: Publication, data: Any) -> None:
        super().__init__(data)
        for name, rows in (
            ("list", publication.lists.order_by("name")),
            ("segment", publication.segments.all()),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - tells the type checker
            field.queryset = rows
        self.publication = publication

    def full_clean(self) -> None:
        with timezone.override(self.publication.zone):
            super().full_clean()

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("when") == self.NOW and data.get("at"):
            # Whoever filled in a time did not mean at once, whichever button is on.
            self.add_error("at", _("填了时间，又选了“现在”：请选“定时”，或清空时间。"))
        elif data.get("when") == self.LATER and "at" in data:
            self._check_time(data["at"])
        return data

    def _check_time(self, at: datetime.datetime | None) -> None:
        if at is None:
            self.add_error("at", _("请填写发送时间。"))
        elif at <= timezone.now():
            self.add_error("at", _("这个时间已经过去，请选以后的时间，或者选“现在”。"))
