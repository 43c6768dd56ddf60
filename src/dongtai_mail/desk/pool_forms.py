"""What editors say of an item they collect, and how they look for it later.

Promises: what was typed comes back with the error. Fails: with form errors that say what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dongtai_mail.desk.editing_forms import ItemForm
from dongtai_mail.issues import pool
from dongtai_mail.issues.models import Item, Publication


def _tags(said: str) -> list[str]:
    try:
        return pool.parse_tags(said)
    except ValueError:
        raise forms.ValidationError(
            _("标签最多 %(most)d 个，每个最多 %(longest)d 个字；用逗号或空格隔开。")
            % {"most": pool.TAGS_MOST, "longest": pool.TAG_LONGEST}
        ) from None


def _wanted() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("想放的栏目"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"list": "section-names", "autocomplete": "off"}),
    )


def _tag_field() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("标签"),
        required=False,
        max_length=400,
        widget=forms.TextInput(attrs={"list": "tag-names", "autocomplete": "off"}),
    )


def numbers(said: Iterable[str]) -> list[int]:
    """The ids among what an address or a form says."""
    return [int(each) for each in said if each.isascii() and each.isdigit() and len(each) < 16]


class CollectForm(ItemForm):
    """A new item of the pool."""

    wanted_section = _wanted()
    tags = _tag_field()
    field_order = ("url", "title", "body", "wanted_section", "source", "date", "tags")

    cover_url = None  # type: ignore[assignment]  # So Django takes a field away.

    class Meta:
        model = Item
        fields = ("url", "title", "body", "wanted_section", "source", "date", "tags")
        labels = ItemForm.Meta.labels

    def __init__(self, posted: QueryDict | None = None, **options: Any) -> None:
        super().__init__(posted, **{"label_suffix": "", **options})

    def clean_tags(self) -> list[str]:
        return _tags(self.cleaned_data["tags"])

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = self.cleaned_data
        if not data.get("title") and not data.get("body") and not self.errors:
            self.add_error("title", _("请写标题，或粘贴正文。"))
        return data


class SortingForm(forms.Form):
    """Where an item of the pool is wanted, and its tags."""

    wanted_section = _wanted()
    tags = _tag_field()

    def __init__(self, posted: QueryDict | None = None, **options: Any) -> None:
        super().__init__(posted, **{"label_suffix": "", **options})

    def clean_tags(self) -> list[str]:
        return _tags(self.cleaned_data["tags"])


class FilterForm(forms.Form):
    """The filters of the list, as they are in its address; nonsense in one is no filter."""

    section = forms.CharField(required=False, max_length=100)
    tag = forms.CharField(required=False, max_length=pool.TAG_LONGEST)
    holder = forms.RegexField(rf"^(\d{{1,9}}|{pool.NOBODY}|me)$", required=False)
    q = forms.CharField(required=False, max_length=200)
    since = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
    until = forms.DateField(required=False, input_formats=["%Y-%m-%d"])

    def __init__(self, asked: QueryDict) -> None:
        super().__init__(asked)
        self.full_clean()

    def filters(self, user_id: int) -> pool.Filters:
        said = self.cleaned_data
        holder = str(user_id) if said.get("holder") == "me" else said.get("holder", "")
        return pool.Filters(
            section=said.get("section", ""),
            tag=said.get("tag", ""),
            holder=holder,
            text=said.get("q", ""),
            since=said.get("since"),
            until=said.get("until"),
        )


class BulkForm(forms.Form):
    """What to do with the items that were ticked."""

    ACTIONS = ("place", "tag", "hold", "release", "discard", "back")

    do = forms.ChoiceField(choices=[(each, each) for each in ACTIONS])
    target = forms.CharField(required=False, max_length=40)
    tags = forms.CharField(required=False, max_length=400)

    def __init__(self, publication: Publication, posted: QueryDict) -> None:
        super().__init__(posted)
        self.publication = publication
        self.numbers = numbers(posted.getlist("item")[:500])

    def clean_tags(self) -> list[str]:
        return _tags(self.cleaned_data["tags"])

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not self.numbers:
            raise forms.ValidationError(_("请先勾选条目。"))
        if data.get("do") == "place" and not data.get("target"):
            raise forms.ValidationError(_("请选择要放进哪一期。"))
        if data.get("do") == "tag" and not data.get("tags") and "tags" not in self.errors:
            raise forms.ValidationError(_("请写要加的标签。"))
        return data
