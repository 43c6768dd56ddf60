"""Who has changed what readers get of an issue since an edition of it was last approved.

Owns: ``authors`` and, of what the publication says in every issue, ``worders``: the accounts by
name. Promises: whoever wrote, pasted or imported anything that stands in the issue now counts, and
whoever moved, restored or took out; what only editors see (tags and the like) counts for nothing,
nor does beginning an empty issue; a manuscript's subject, masthead and sections are the importer's,
and theirs who handed it in or mended it before somebody else imported it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from django.db.models import Max, Q
from django.utils import timezone

from dongtai_mail.issues.editing.keeping import FOR_EDITORS, PLACE, Values
from dongtai_mail.issues.models import Issue, Item, Manuscript, Publication, Review, Revision

# What readers see of every issue that no issue says itself.
_WORDS = (
    *("name", "host_name", "host_also", "from_name", "from_address", "reason"),
    *("colophon_address", "colophon_postcode", "colophon_organisation", "colophon_phone"),
    *("language", "accent", "counts_clicks"),
)
_APPROVED = Q(state=Review.State.APPROVED) | Q(state=Review.State.REVOKED, outdated=True)
_PERIOD = frozenset({"period_from", "period_to"})
_UNREAD = FOR_EDITORS | _PERIOD | {PLACE}


class _Kept(NamedTuple):
    version: int
    actor: str
    values: Values


def authors(issue: Issue) -> frozenset[str]:
    """Since the beginning, where nothing of it was ever approved."""
    seen = _seen(issue)
    kept = _history(issue)
    own, since = kept.pop(None, []), seen.get(None, 0)
    imported = Manuscript.objects.filter(issue=issue).exists()
    found = set(_writers(own, since) if imported else _changers(own, since))
    if not since:
        for actor, menders in issue.drafts.values_list("actor", "menders"):
            found.update((actor, *menders))
    for pk, version, last in _items(issue):
        since = seen.get(pk, 0)
        found.update(_writers(kept.get(pk, []), since))
        if pk not in kept and version > since:
            found.add(last)
    return frozenset(found - {""})


def note_wording(before: Publication, after: Publication, actor: str) -> None:
    """Remember who changed the publication's own words, where anybody did."""
    if any(getattr(before, name) != getattr(after, name) for name in _WORDS):
        after.worded[actor] = timezone.now().timestamp()
        after.save(update_fields=["worded"])


def worders(publication: Publication) -> frozenset[str]:
    """Since any issue was approved last: whoever approved it saw the publication's words in it."""
    reviews = Review.objects.filter(_APPROVED, issue__publication=publication)
    last = reviews.aggregate(at=Max("decided_at"))["at"]
    since = last.timestamp() if last else 0
    return frozenset(name for name, at in publication.worded.items() if at > since)


def _seen(issue: Issue) -> dict[int | None, int]:
    """The versions that were approved last: the items' by their ids, the issue's own by None."""
    last = issue.reviews.filter(_APPROVED).first()
    said = last.snapshot if last else {}
    known = {
        item["id"]: item.get("version", 0)
        for section in said.get("sections", ())
        for item in section["items"]
    }
    return {None: said.get("version", 0), **known}


def _history(issue: Issue) -> dict[int | None, list[_Kept]]:
    rows = Revision.objects.filter(Q(issue=issue) | Q(item__section__issue=issue))
    found: dict[int | None, list[_Kept]] = defaultdict(list)
    for pk, *kept in rows.order_by("version").values_list("item", "version", "actor", "values"):
        found[pk].append(_Kept(*kept))
    return found


def _items(issue: Issue) -> Iterator[tuple[int, int, str]]:
    rows = Item.objects.filter(section__issue=issue)
    yield from rows.values_list("pk", "version", "changed_by")


def _writers(kept: Sequence[_Kept], since: int) -> Iterator[str]:
    """The first words are somebody's too."""
    if kept and not since:
        yield kept[0].actor
    yield from _changers(kept, since)


def _changers(kept: Sequence[_Kept], since: int) -> Iterator[str]:
    for before, after in pairwise(kept):
        if after.version > since and _read(before.values) != _read(after.values):
            yield after.actor


def _read(values: Values) -> Values:
    return {name: value for name, value in values.items() if name not in _UNREAD}
