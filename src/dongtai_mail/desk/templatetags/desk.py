"""For the desk's templates: rights, the navigation, times with their zone, numbers."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence

from allauth.mfa.models import Authenticator
from django import template
from django.conf import settings
from django.template import Context
from django.utils import timezone
from django.utils.translation import gettext as _

from dongtai_mail.delivery import policy
from dongtai_mail.delivery.models import Attempt, Mailing, ReturnedMessage
from dongtai_mail.desk import access, audience_names, audit, navigation, people, words
from dongtai_mail.desk.access import Right
from dongtai_mail.desk.navigation import Entry
from dongtai_mail.issues import naming
from dongtai_mail.issues.models import Publication
from subscribers.models import Subscription

register = template.Library()


@register.simple_tag
def catcher() -> bool:
    """Whether the local mail catcher is there to be linked to."""
    return bool(settings.DONGTAI_CATCHER_DATABASE)


@register.simple_tag(takes_context=True)
def can(context: Context, right: str, publication: Publication | None = None) -> bool:
    """``{% can "send" publication as may_send %}``; without a publication: in any."""
    return Right[right.upper()] in access.rights(context["request"].user, publication)


@register.simple_tag(takes_context=True)
def publication_here(context: Context) -> Publication | None:
    """The one that the page is about; where it is about none, the person's only one."""
    about: Publication | None = context.get("publication")
    own = [] if about else list(access.publications(context["request"].user)[:2])
    return own[0] if len(own) == 1 else about


@register.simple_tag(takes_context=True)
def main_pages(context: Context) -> list[Entry]:
    return _entries(context, navigation.MAIN if context.get("publication") else ())


@register.simple_tag(takes_context=True)
def more_pages(context: Context) -> list[Entry]:
    return _entries(context, navigation.MORE)


def _entries(context: Context, pages: Sequence[navigation.Page]) -> list[Entry]:
    publication = context.get("publication")
    here = str(context.get("here") or "")
    return navigation.entries(context["request"], publication, here, pages)


@register.simple_tag(takes_context=True)
def own_publications(context: Context) -> list[Publication]:
    """Those that the person may change to."""
    return list(access.publications(context["request"].user))


@register.simple_tag(takes_context=True)
def second_steps(context: Context) -> Counter[str]:
    """How many ways to take the second step of signing in the person has, by kind."""
    own = Authenticator.objects.filter(user=context["request"].user)
    return Counter(own.values_list("type", flat=True))


@register.simple_tag(takes_context=True)
def called(context: Context, username: str) -> str:
    """The name that people know somebody by; an account's where there is no other."""
    if username == audit.SYSTEM:
        return _("系统")
    request = context["request"]
    if not hasattr(request, "called"):
        request.called = naming.called_by_account()
    return str(request.called.get(username, username))


# {{ person|called }}, or {{ person|called:account }} where the person may be gone.
register.filter("called", naming.called)


@register.filter
def device(user_agent: str) -> str:
    return words.device(user_agent)


@register.filter
def moment(at: datetime.datetime | None, publication: Publication) -> str:
    """2026-12-01 09:00（北京时间）, in the publication's zone."""
    if at is None:
        return ""
    zone = publication.zone
    shown = {"time": f"{at.astimezone(zone):%Y-%m-%d %H:%M}", "zone": words.zone_name(zone)}
    return _("%(time)s（%(zone)s）") % shown


@register.filter
def count(number: int) -> str:
    """12,480"""
    return f"{number:,}"


@register.filter
def percent(share: float | None) -> str:
    return words.percent(share)


@register.filter
def lane_name(lane: str) -> str:
    """A receiving provider, or what all the small ones are called together."""
    return str(words.PROVIDERS.get(lane, lane)) or _("其他服务商")


@register.filter
def stage_name(stage: str) -> str:
    return str(words.STAGES.get(stage, stage))


@register.filter
def word(state: str) -> words.Word | str:
    """The word and shape of a mailing's state."""
    return words.MAILINGS.get(state, "")


@register.filter
def to_whom(mailing: Mailing, publication: Publication) -> str:
    return audience_names.named(mailing, publication)


@register.filter
def kind_name(kind: str) -> str:
    return str(words.KINDS.get(kind, kind))


@register.filter
def returned_status(message: ReturnedMessage) -> words.Word:
    return words.RETURNED[ReturnedMessage.Status(message.status)]


@register.filter
def effect(message: ReturnedMessage) -> words.Word:
    return words.EFFECTS[ReturnedMessage.Effect(message.effect)]


@register.filter
def feedback_kind(kind: str) -> str:
    return str(words.FEEDBACK.get(kind, kind or "—"))


@register.filter
def role_meaning(role: str) -> str:
    return str(people.MEANINGS[role])


@register.filter
def severity_name(severity: str | None) -> str:
    return str(words.SEVERITY.get(severity or "", "—"))


@register.simple_tag
def came_back(subscription: Subscription) -> list[ReturnedMessage]:
    """The latest messages about a reader: why mail has stopped, with its evidence."""
    return list(subscription.returned.defer("raw")[:20])


@register.simple_tag
def refusals(subscription: Subscription) -> list[Attempt]:
    """The latest answers of servers that did not take a reader's mail."""
    rows = Attempt.objects.filter(delivery__subscription=subscription)
    return list(rows.select_related("mailing__edition__issue").order_by("-id")[:20])


@register.simple_tag
def soft_bounces(subscription: Subscription) -> int:
    return policy.soft_bounces(subscription.pk, timezone.now())
