"""A mailing as staff plan it: to whom, when, how fast, in what stages; read from a page's address.

Promises: whatever is chosen is the publication's own; a time is in its zone and lies ahead; a plan
says everything that ``delivery.scheduling`` wants to know. Fails: with form errors that say what to
do.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dongtai_mail.delivery import stages
from dongtai_mail.delivery.audience import check, with_first
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.issues import slots
from dongtai_mail.issues.models import Publication
from subscribers.audience import AudienceError, Description
from subscribers.models import Segment, SubscriberList

SLOTS_SHOWN = 4
WAIT_MINUTES = 10


@dataclass(frozen=True)
class Plan:
    """What the form says; ``at`` None means now."""

    lists: list[SubscriberList]
    segments: list[Segment]
    left_out: list[SubscriberList]
    without: list[Segment]
    at: datetime.datetime | None
    per_minute: int | None
    first: SubscriberList | None
    stages: list[stages.Stage]
    wait_minutes: int
    unconfirmed: str

    @property
    def subscriber_list(self) -> SubscriberList:
        """The list in whose name the mail is sent."""
        if self.lists:
            return self.lists[0]
        return SubscriberList.objects.get(pk=self.segments[0].audience["lists"][0])

    @property
    def chosen(self) -> Description:
        """Those chosen, nobody left out yet."""
        return {
            "lists": [each.pk for each in self.lists],
            "also": [each.audience for each in self.segments],
        }

    @property
    def described(self) -> Description | None:
        """None for one whole list, whose readers are the quickest to count."""
        if len(self.lists) == 1 and not (self.segments or self.left_out or self.without):
            return None
        return {
            **self.chosen,
            "except": [each.pk for each in self.left_out],
            "without": [each.audience for each in self.without],
        }

    @property
    def counted(self) -> Description | None:
        """The same with the people who get it first, whom the mailing's start adds."""
        if self.first is None:
            return self.described
        plain = self.described or self.chosen
        return with_first(plain, self.first.pk)

    @property
    def names(self) -> list[str]:
        return [*(each.name for each in self.lists), *(each.name for each in self.segments)]

    @property
    def names_left_out(self) -> list[str]:
        return [*(each.name for each in self.left_out), *(each.name for each in self.without)]


class PlanForm(forms.Form):
    """``at`` is in the publication's zone."""

    NOW, SLOT, LATER = "now", "slot", "at"

    list = forms.ModelMultipleChoiceField(SubscriberList.objects.none(), required=False)
    segment = forms.ModelMultipleChoiceField(Segment.objects.none(), required=False)
    except_list = forms.ModelMultipleChoiceField(SubscriberList.objects.none(), required=False)
    except_segment = forms.ModelMultipleChoiceField(Segment.objects.none(), required=False)
    when = forms.ChoiceField(
        choices=((NOW, NOW), (SLOT, SLOT), (LATER, LATER)),
        error_messages={"required": gettext_lazy("请选择什么时候发。")},
    )
    slot = forms.CharField(required=False)
    at = forms.DateTimeField(
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"],
        error_messages={"invalid": gettext_lazy("请把时间写成 2026-12-01 09:00 这样。")},
    )
    per_minute = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=999_999,
        error_messages={"invalid": gettext_lazy("每分钟的封数请写成整数，例如 600。")},
    )
    first = forms.ModelChoiceField(SubscriberList.objects.none(), required=False)
    percents = forms.CharField(required=False, max_length=100)
    wait_minutes = forms.IntegerField(required=False, min_value=1, max_value=7 * 24 * 60)
    unconfirmed = forms.ChoiceField(choices=Mailing.Unconfirmed, required=False)

    def __init__(self, publication: Publication, data: QueryDict) -> None:
        super().__init__(data)
        self.query = data
        self.publication = publication
        self.slots = slots.upcoming(
            publication.slots, publication.zone, timezone.now(), SLOTS_SHOWN
        )
        rows: dict[str, QuerySet[Any]] = {
            "list": publication.lists.order_by("name"),
            "segment": publication.segments.all(),
        }
        rows |= {"except_list": rows["list"], "except_segment": rows["segment"]}
        rows["first"] = rows["list"]
        for name, found in rows.items():
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = found
            field.error_messages["invalid_choice"] = _("所选的名单或分组不在这份刊物里，请重选。")

    def full_clean(self) -> None:
        with timezone.override(self.publication.zone):
            super().full_clean()

    def clean_percents(self) -> Sequence[float]:
        """``1, 10`` as numbers; ``stages.plan`` says whether they make sense."""
        text = self.cleaned_data["percents"].replace("，", ",").replace("、", ",")
        try:
            parts = [float(part.strip(" %")) for part in text.split(",") if part.strip(" %")]
        except ValueError as error:
            raise forms.ValidationError(_("这里只填数字，请写成 1, 10 这样。")) from error
        try:
            stages.plan(parts)
        except ValueError as error:
            raise forms.ValidationError(
                _("每一批都要比前一批大，请写成 1, 10 这样，最后一批总是全部。")
            ) from error
        return parts

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not ({"list", "segment"} & self.errors.keys() or data["list"] or data["segment"]):
            self.add_error(None, _("请至少选一份名单或一个分组。"))
        self._check_segments()
        if data.get("when") == self.NOW and data.get("at"):
            # Whoever filled in a time did not mean at once, whichever button is on.
            self.add_error("at", _("填了时间，又选了“现在”：请选“定时”，或清空时间。"))
        elif data.get("when") == self.LATER and "at" in data:
            self._check_time(data["at"])
        elif data.get("when") == self.SLOT:
            data["at"] = self._slot(data.get("slot", ""))
        return data

    def _check_segments(self) -> None:
        """A segment may name a list that is gone since."""
        for name in ("segment", "except_segment"):
            for segment in self.cleaned_data.get(name, ()):
                try:
                    check(self.publication.pk, segment.audience)
                except AudienceError as error:
                    self.add_error(None, _("分组“%(name)s”：") % {"name": segment} + str(error))

    def _slot(self, text: str) -> datetime.datetime | None:
        found = next((at for at in self.slots if at.isoformat() == text), None)
        if found is None:
            self.add_error("slot", _("请选一个以后的固定时间；它可能刚刚过去。"))
        return found

    def _check_time(self, at: datetime.datetime | None) -> None:
        if at is None:
            self.add_error("at", _("请填写发送时间。"))
        elif at <= timezone.now():
            self.add_error("at", _("这个时间已经过去，请选以后的时间，或者选“现在”。"))

    def plan(self) -> Plan:
        """Only of a valid form."""
        data, first = self.cleaned_data, self.cleaned_data["first"]
        wait = data["wait_minutes"]
        return Plan(
            lists=[*data["list"]],
            segments=[*data["segment"]],
            left_out=[*data["except_list"]],
            without=[*data["except_segment"]],
            at=data["at"],
            per_minute=data["per_minute"],
            first=first,
            stages=stages.plan(data["percents"], first),
            wait_minutes=WAIT_MINUTES if wait is None else wait,
            unconfirmed=data["unconfirmed"] or Mailing.Unconfirmed.RESEND,
        )


def remembered(publication: Publication, given: QueryDict) -> QueryDict:
    """What was chosen; at first the only list, if there is but one, and the next slot or now."""
    if "when" in given:
        return given
    chosen = QueryDict(mutable=True)
    lists = publication.lists.all()[:2]
    upcoming = slots.upcoming(publication.slots, publication.zone, timezone.now(), 1)
    chosen["when"] = PlanForm.SLOT if upcoming else PlanForm.NOW
    if upcoming:
        chosen["slot"] = upcoming[0].isoformat()
    if len(lists) == 1:
        chosen["list"] = str(lists[0].pk)
    return chosen


def ahead(plan: Plan) -> list[str]:
    """The parts of the sentence after whom, what and when."""
    clauses = []
    if plan.names_left_out:
        names = "”“".join(plan.names_left_out)
        clauses.append(_("不发给“%(names)s”里的人") % {"names": names})
    if plan.per_minute:
        clauses.append(_("每分钟最多 %(count)s 封") % {"count": f"{plan.per_minute:,}"})
    if len(plan.stages) > 1:
        steps = _("，再").join(_stage(stage, plan) for stage in plan.stages)
        values = {"steps": steps, "wait": plan.wait_minutes}
        clauses.append(_("先发%(steps)s，每批之间至少等 %(wait)s 分钟") % values)
    leave = plan.unconfirmed == Mailing.Unconfirmed.LEAVE
    clauses.append(_("没有答复的不再发") if leave else _("没有答复的会再发"))
    return clauses


def _stage(stage: stages.Stage, plan: Plan) -> str:
    if "list" in stage:
        return _("“%(name)s”") % {"name": plan.first.name if plan.first else stage["list"]}
    if stage["percent"] == 100:
        return _("全部")
    return _(" %(percent)s %%") % {"percent": f"{stage['percent']:g}"}
