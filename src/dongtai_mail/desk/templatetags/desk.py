"""Filters for the desk's templates: times with their zone, numbers with separators."""

from __future__ import annotations

import datetime

from django import template
from django.conf import settings

from dongtai_mail.desk import words
from dongtai_mail.issues.models import Publication

register = template.Library()


@register.simple_tag
def catcher() -> bool:
    """Whether the local mail catcher is there to be linked to."""
    return bool(settings.DONGTAI_CATCHER_DATABASE)


@register.filter
def moment(at: datetime.datetime | None, publication: Publication) -> str:
    """2026-12-01 09:00（北京时间）, in the publication's zone."""
    if at is None:
        return ""
    zone = publication.zone
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}（{words.zone_name(zone)}）"


@register.filter
def count(number: int) -> str:
    """12,480"""
    return f"{number:,}"


@register.filter
def word(state: object) -> words.Word | str:
    """The word and shape of a mailing's state."""
    return words.MAILINGS.get(state, "")  # type: ignore[call-overload,no-any-return]


@register.filter
def kind_name(kind: str) -> str:
    return str(words.KINDS.get(kind, kind))
