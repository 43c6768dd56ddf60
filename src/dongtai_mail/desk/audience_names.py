"""What a mailing's audience is called: every list and segment that it goes to, and who is left out.

Promises: two queries for however many mailings of one publication. What was a segment and is
changed or gone since is called by its lists.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _

from dongtai_mail.delivery.models import Mailing
from dongtai_mail.issues.models import Publication
from subscribers.audience import Description


def named(mailing: Mailing, publication: Publication) -> str:
    """``A、B；不含 C``"""
    first = [stage["list"] for stage in mailing.stages if "list" in stage]
    if mailing.after_id:
        return _("上次没有收到的人")
    if mailing.audience is None and not first:
        return mailing.subscriber_list.name
    prefetch_related_objects([publication], "lists", "segments")
    described = mailing.audience or {"lists": [mailing.subscriber_list_id]}
    ahead = [each.pk for each in publication.lists.all() if each.slug in first]
    own = {"lists": described.get("lists", []), "rules": described.get("rules", [])}
    to = _names([own, *described.get("also", []), {"lists": ahead}], publication)
    left_out = [{"lists": described.get("except", [])}, *described.get("without", [])]
    excluded = _names(left_out, publication)
    if not excluded:
        return to
    return _("%(names)s；不含 %(excluded)s") % {"names": to, "excluded": excluded}


def _names(parts: Iterable[Description], publication: Publication) -> str:
    names = (_name(part, publication) for part in parts)
    return _("、").join(dict.fromkeys(name for name in names if name))


def _name(part: Description, publication: Publication) -> str:
    segments = (each.name for each in publication.segments.all() if each.audience == part)
    if segment := next(segments, ""):
        return segment
    chosen = part.get("lists") or ()
    lists = _("、").join(each.name for each in publication.lists.all() if each.pk in chosen)
    if lists and (part.get("rules") or part.get("except")):
        return _("%(lists)s里符合条件的人") % {"lists": lists}
    return lists
