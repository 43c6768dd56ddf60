"""What editors write about an item and about an issue, as forms.

Promises: an empty field is "nobody has said it" (None) where the model knows that; what was typed
comes back with the error. Fails: with form errors that say what to do.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from dongtai_mail.issues import pasting
from dongtai_mail.issues.markdown import LONGEST, MOST_LINES
from dongtai_mail.issues.models import Issue, Item

if TYPE_CHECKING:
    _ItemForm = forms.ModelForm[Item]
    _FactsForm = forms.ModelForm[Issue]
else:  # Django's own class takes no parameters.
    _ItemForm = _FactsForm = forms.ModelForm

SUBJECT_SHOWN, PREHEADER_SHOWN = 30, 60
_NO_ADDRESS = {"invalid": _("请填写 https:// 开头的完整网址。")}


_ITEM_LABELS = {
    "heading": _("正文前的小标题"),
    "source": _("来源"),
    "compiler": _("编选"),
    "source_line": _("来源行"),
    "cover_alt": _("封面图的说明"),
    "featured": _("列入目录"),
}
_ISSUE_LABELS = {
    "number": _("期号"),
    "subject": _("邮件主题"),
    "preheader": _("预览文字"),
    "masthead": _("刊名"),
    "host_name": _("主办单位"),
    "host_also": _("主办单位的另一名称"),
    "colophon_address": _("编辑部地址"),
    "colophon_postcode": _("邮政编码"),
    "colophon_organisation": _("编辑部所在单位"),
    "colophon_phone": _("电话"),
}


def _date(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("请把日期写成 2026-12-01 这样。")},
    )


class ItemForm(_ItemForm):
    title = forms.CharField(
        label=_("标题"),
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2, "class": "one-line"}),
    )
    body = forms.CharField(
        label=_("正文"),
        required=False,
        strip=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 16}),
    )
    date = _date(_("日期"))
    url = forms.URLField(
        label=_("原文网址"),
        required=False,
        max_length=2000,
        assume_scheme="https",
        error_messages=_NO_ADDRESS,
    )
    cover_url = forms.URLField(
        label=_("封面图网址"),
        required=False,
        empty_value=None,
        max_length=200,
        assume_scheme="https",
        error_messages=_NO_ADDRESS,
    )

    class Meta:
        model = Item
        fields = (
            "title",
            "heading",
            "body",
            "source",
            "compiler",
            "date",
            "source_line",
            "url",
            "cover_url",
            "cover_alt",
            "featured",
        )
        labels = _ITEM_LABELS

    def __init__(self, posted: QueryDict | None = None, **options: Any) -> None:
        if posted is not None and "body_html" in posted:
            posted = posted.copy()
            posted["body"] = pasting.to_markdown(str(posted["body_html"]))
        super().__init__(posted, **options)

    def clean_body(self) -> str:
        body = str(self.cleaned_data["body"])
        if body.count("\n") >= MOST_LINES:
            raise forms.ValidationError(
                _("正文超过 %(most)s 行；请删去空行，或分成几条。"), params={"most": MOST_LINES}
            )
        return body

    def clean_title(self) -> str:
        return " ".join(str(self.cleaned_data["title"]).split())


class FactsForm(_FactsForm):
    date = _date(_("出刊日期"))
    period_from = _date(_("内容从哪天"))
    period_to = _date(_("到哪天"))

    class Meta:
        model = Issue
        fields = (
            "number",
            "date",
            "subject",
            "preheader",
            "period_from",
            "period_to",
            "masthead",
            "host_name",
            "host_also",
            "colophon_address",
            "colophon_postcode",
            "colophon_organisation",
            "colophon_phone",
        )
        labels = _ISSUE_LABELS

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        first, last = data.get("period_from"), data.get("period_to")
        if first and last and first > last:
            self.add_error("period_to", _("结束的日期早于开始的日期，请对调。"))
        return data

    def validate_unique(self) -> None:
        """Left to saving, which holds the row."""

    def validate_constraints(self) -> None:
        """As above."""


class SectionForm(forms.Form):
    name = forms.CharField(
        label=_("栏目名"), max_length=100, error_messages={"required": _("请写栏目名。")}
    )


class CommentForm(forms.Form):
    text = forms.CharField(
        label=_("批注"), max_length=5000, error_messages={"required": _("请先写批注。")}
    )


def base(posted: QueryDict) -> dict[str, Any] | None:
    """What the person began from; None when the page didn't say or said nonsense."""
    try:
        said = json.loads(str(posted.get("base") or "null"))
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def version(posted: QueryDict) -> int:
    """0, which is nobody's version, where the page didn't say."""
    said = str(posted.get("version") or "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0
