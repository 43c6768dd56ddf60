"""What moves in the item pool: into an issue, away and back, to somebody, one or many at once.

Promises: what many items were to undergo is reported with how many underwent it, and what was
discarded can be taken back.
"""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dongtai_mail.desk import audit
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.pool_forms import BulkForm, numbers
from dongtai_mail.desk.views.pool import person, to_item
from dongtai_mail.issues import editing, pool
from dongtai_mail.issues.models import Issue, Item, Publication, Section


@opens(Item, Right.WRITE)
@require_POST
def placing(request: HttpRequest, shown: Item) -> HttpResponse:
    """Put one item into an issue."""
    issue, section = _target(shown.publication, request.POST.get("target", ""))
    placed = _place(request, shown.publication, [shown.pk], issue, section)
    if not placed:
        messages.error(request, _not_placed(1, issue))
        return to_item(shown)
    return redirect(f"{reverse('desk:issue', args=[issue.pk])}?item={shown.pk}")


@opens(Publication, Right.WRITE)
@require_POST
def bulk(request: HttpRequest, publication: Publication) -> HttpResponse:
    """One thing to all items that are ticked; says to how many it was done."""
    form = BulkForm(publication, request.POST)
    back = _back(request, publication)
    if not form.is_valid():
        for errors in form.errors.values():
            for error in errors:
                messages.error(request, str(error))
        return redirect(back)
    action = form.cleaned_data["do"]
    if action == "place":
        _bulk_place(request, publication, form)
    elif action == "discard":
        gone = _bulk_discard(request, publication, form.numbers)
        joined = "&".join(f"undo={number}" for number in gone)
        return redirect(f"{back}{'&' if '?' in back else '?'}{joined}" if gone else back)
    elif action == "back":
        _bulk_back(request, publication, form.numbers)
    else:
        _bulk_mark(request, publication, form)
    return redirect(back)


def _bulk_place(request: HttpRequest, publication: Publication, form: BulkForm) -> None:
    issue, section = _target(publication, form.cleaned_data["target"])
    placed = _place(request, publication, form.numbers, issue, section)
    left = len(form.numbers) - len(placed)
    if placed:
        said = ngettext(
            "%(count)d 条已放进 %(issue)s。", "%(count)d 条已放进 %(issue)s。", len(placed)
        )
        messages.success(request, said % {"count": len(placed), "issue": issue})
    if left:
        messages.warning(request, _not_placed(left, issue))


def _not_placed(count: int, issue: Issue) -> str:
    said = ngettext(
        "%(count)d 条没有放：%(issue)s 没有它想放的栏目，或别人已经拿走。请选定栏目再放。",
        "%(count)d 条没有放：%(issue)s 没有它们想放的栏目，或别人已经拿走。请选定栏目再放。",
        count,
    )
    return said % {"count": count, "issue": issue}


def _place(
    request: HttpRequest,
    publication: Publication,
    numbers: list[int],
    issue: Issue,
    section: Section | None,
) -> list[Item]:
    actor = request.user.get_username()

    def one(item: Item) -> bool:
        with transaction.atomic():
            if not pool.place(item, issue, section, actor):
                return False
            audit.record(request, "item.placed", item, after={"issue": str(issue)})
        return True

    return pool.each(publication, numbers, one)


def _bulk_discard(request: HttpRequest, publication: Publication, numbers: list[int]) -> list[int]:
    actor = request.user.get_username()

    def one(item: Item) -> bool:
        with transaction.atomic():
            editing.discard(item, actor)
            audit.record(request, "item.discarded", item)
        return True

    return [item.pk for item in pool.each(publication, numbers, one)]


def _bulk_back(request: HttpRequest, publication: Publication, numbers: list[int]) -> None:
    gone = Item.objects.filter(publication=publication, pk__in=numbers, discarded_at__isnull=False)
    for item in gone:
        with transaction.atomic():
            audit.record(request, "item.brought-back", editing.bring_back(item, _name(request)))
    said = ngettext("已取回 %(count)d 条。", "已取回 %(count)d 条。", len(gone))
    messages.success(request, said % {"count": len(gone)})


def _bulk_mark(request: HttpRequest, publication: Publication, form: BulkForm) -> None:
    """Tag, take, give back: what is no change of the words."""
    user, action = person(request), form.cleaned_data["do"]

    def one(item: Item) -> bool:
        if action == "tag":
            return pool.add_tags(item, form.cleaned_data["tags"], _name(request))
        return pool.hold(item, user) if action == "hold" else pool.give_back(item, user)

    done = len(pool.each(publication, form.numbers, one))
    said = {
        "tag": ngettext("已给 %(count)d 条加上标签。", "已给 %(count)d 条加上标签。", done),
        "hold": ngettext("%(count)d 条现在由您处理。", "%(count)d 条现在由您处理。", done),
        "release": ngettext("已放下 %(count)d 条。", "已放下 %(count)d 条。", done),
    }[action]
    messages.success(request, said % {"count": done})
    if done < len(form.numbers):
        left = len(form.numbers) - done
        said = ngettext("%(count)d 条没有变。", "%(count)d 条没有变。", left)
        messages.info(request, said % {"count": left})


def _target(publication: Publication, said: str) -> tuple[Issue, Section | None]:
    """“issue-7” is each item's own section of it, “section-31” that one for all."""
    kind, _dash, number = said.partition("-")
    known = numbers([number])
    if not known:
        raise Http404
    if kind == "section":
        section = get_object_or_404(
            Section.objects.select_related("issue__publication"),
            pk=known[0],
            issue__publication=publication,
        )
        return section.issue, section
    return get_object_or_404(Issue, pk=known[0], publication=publication), None


def _back(request: HttpRequest, publication: Publication) -> str:
    """The list with the filters it had."""
    query = request.POST.get("filters", "")[:2000]
    address = reverse("desk:pool", args=[publication.slug])
    kept = "&".join(part for part in query.split("&") if part and not part.startswith("undo="))
    return f"{address}?{kept}" if kept else address


def _name(request: HttpRequest) -> str:
    return request.user.get_username()
