"""The item pool: what editors have collected and no issue has yet.

Owns: finding items in it, who is working on one, tags in bulk, and moving many at once.
Promises: an item is taken by one person at a time; what is moved, tagged or discarded together is
counted one by one, so that whatever somebody else took in the meantime is left alone.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from dongtai_mail.issues import editing
from dongtai_mail.issues.editing.order import END
from dongtai_mail.issues.models import Issue, Item, Publication, Section

NOBODY = "nobody"
TAGS_MOST, TAG_LONGEST = 12, 20
_ISSUES_LOOKED_AT = 12
_BETWEEN = re.compile(r"[,，、;；|#＃\s]+")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of the pool shows; empty is everything. ``holder`` is a user's id or NOBODY."""

    section: str = ""
    tag: str = ""
    holder: str = ""
    text: str = ""
    since: datetime.date | None = None
    until: datetime.date | None = None


def items(publication: Publication, filters: Filters = Filters()) -> QuerySet[Item]:
    """The newest first."""
    found = _pool(publication).select_related("holder").order_by("-pk")
    if filters.section:
        found = found.filter(wanted_section=filters.section)
    if filters.tag:
        found = found.filter(pk__in=_tagged(publication, filters.tag))
    if filters.holder == NOBODY:
        found = found.filter(holder=None)
    elif filters.holder:
        found = found.filter(holder_id=int(filters.holder))
    if filters.since:
        found = found.filter(date__gte=filters.since)
    if filters.until:
        found = found.filter(date__lte=filters.until)
    return found.filter(saying(filters.text))


def saying(text: str) -> Q:
    """Items that have every word of it somewhere."""
    asked = Q()
    for word in text.split()[:8]:
        # Chinese has no capitals; making some of every text takes PostgreSQL as long again.
        case = "contains" if word.lower() == word.upper() else "icontains"
        places = (Q((f"{field}__{case}", word)) for field in ("title", "body", "source", "url"))
        asked &= reduce(or_, places)
    return asked


def _pool(publication: Publication) -> QuerySet[Item]:
    return Item.objects.filter(publication=publication, section=None, discarded_at=None)


def _tagged(publication: Publication, tag: str) -> list[int]:
    """In Python: only one of the two databases looks into JSON."""
    rows = _pool(publication).exclude(tags=[]).values_list("pk", "tags")
    return [pk for pk, tags in rows if tag in tags]


def tags(publication: Publication) -> list[tuple[str, int]]:
    """Every tag in the pool with how many items have it, the most used first."""
    counted = Counter(
        tag for row in _pool(publication).values_list("tags", flat=True) for tag in row
    )
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))


def section_names(publication: Publication) -> list[str]:
    """Those of every issue, then those that recent issues and the pool have besides."""
    recent = Issue.objects.filter(publication=publication).order_by("-pk")[:_ISSUES_LOOKED_AT]
    had = Section.objects.filter(issue__in=list(recent)).order_by("-issue", "position")
    wanted = _pool(publication).exclude(wanted_section="").order_by("wanted_section")
    names = [
        *publication.section_names,
        *had.values_list("name", flat=True),
        *wanted.values_list("wanted_section", flat=True).distinct(),
    ]
    return list(dict.fromkeys(names))


def holders(publication: Publication) -> QuerySet[User]:
    """Who is working on something."""
    return User.objects.filter(held_items__in=_pool(publication)).distinct().order_by("username")


def parse_tags(said: str) -> list[str]:
    """“直播带货，平台 #监管” → the tags, once each; raises ValueError for too many or too long."""
    found = list(dict.fromkeys(filter(None, _BETWEEN.split(said))))
    if len(found) > TAGS_MOST or any(len(tag) > TAG_LONGEST for tag in found):
        raise ValueError
    return found


def hold(item: Item, user: User, instead_of: int | None = None) -> bool:
    """Take the item, from nobody or from whom the person saw; False when that has changed."""
    rows = _pool(item.publication).filter(pk=item.pk, holder_id=instead_of)
    return bool(rows.update(holder=user))


def give_back(item: Item, user: User) -> bool:
    return bool(Item.objects.filter(pk=item.pk, holder=user).update(holder=None))


def each(
    publication: Publication, numbers: Iterable[int], do: Callable[[Item], bool]
) -> list[Item]:
    """Do something to each of these items that is still in the pool; to which it was done."""
    done = []
    rows = _pool(publication).filter(pk__in=list(numbers)).order_by("pk")
    for item in rows.select_related("publication"):
        try:
            if do(item):
                done.append(item)
        except editing.Conflict:
            continue
    return done


def add_tags(item: Item, more: list[str], actor: str) -> bool:
    """False when it had them all; more than the most are left out."""
    joined = list(dict.fromkeys([*item.tags, *more]))[:TAGS_MOST]
    if joined == item.tags:
        return False
    editing.save_item(item, item.version, {"tags": joined}, actor)
    return True


def place(item: Item, issue: Issue, section: Section | None, actor: str) -> bool:
    """Put the item at the end of ``section``, or of the one it is wanted in; False without one."""
    target = section or issue.sections.filter(name=item.wanted_section).first()
    if target is None:
        return False
    editing.place(item, target, END, actor)
    return True
