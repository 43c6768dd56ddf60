"""The issue editor: its outline, the text of one item, and what moves.

Promises: one item's editor a page, however many items there are; what an editor typed is stored or
comes back with what stands in its way (400: a field, 401: sign in again, 409: somebody else wrote).
Without script the same addresses answer forms with pages.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from dongtai_mail.delivery import accounts
from dongtai_mail.desk import access, audit, reviews, security
from dongtai_mail.desk.access import Right, anywhere, opens
from dongtai_mail.desk.editing_forms import ItemForm, SectionForm, base, version
from dongtai_mail.issues import editing, pasting, pool
from dongtai_mail.issues.differences import shortened
from dongtai_mail.issues.editing.keeping import said
from dongtai_mail.issues.models import Issue, Item, Section
from dongtai_mail.issues.readable import field_runs
from dongtai_mail.rendering.view import TITLES_WITHOUT_CHOICE

# So many of the pool, the newest, stand beside an issue's sections.
POOLED = 12


@opens(Issue, Right.SEE)
@require_safe
def issue(request: HttpRequest, shown: Issue) -> HttpResponse:
    context = _outline(request, shown)
    items = [item for section in context["sections"] for item in section.items.all()]
    asked = request.GET.get("item")
    chosen = next((item for item in items if str(item.pk) == asked), None)
    undo = Item.objects.filter(publication=shown.publication, discarded_at__isnull=False)
    context |= {
        "here": "issues",
        "opened": chosen is not None,
        **standing(shown),
        "undo": undo.filter(pk=_number(request.GET.get("undo")) or 0).first(),
    }
    if chosen or items:
        context |= panel(request, chosen or items[0])
    return with_pictures(render(request, "desk/issue_editor.html", context))


def standing(issue: Issue) -> dict[str, Any]:
    """What ``desk/issue_standing.html`` needs: whether it went out, else where its review is."""
    return {
        "sent": accounts.of_issue(issue),
        "review": reviews.last([issue.pk]).get(issue.pk),
    }


def with_pictures(response: HttpResponse) -> HttpResponse:
    """Items may have pictures from elsewhere, and editors are to see them."""
    response.headers["Content-Security-Policy"] = f"{security.PAGE}; img-src 'self' https:"
    return response


def _outline(request: HttpRequest, shown: Issue, current: int | None = None) -> dict[str, Any]:
    sections = list(shown.sections.prefetch_related("items"))
    items = [item for section in sections for item in section.items.all()]
    featured = sum(item.featured for item in items)
    may_write = Right.WRITE in access.rights(request.user, shown.publication)
    pooled = pool.items(shown.publication)
    return {
        "publication": shown.publication,
        "issue": shown,
        "sections": sections,
        "item_count": len(items),
        "featured_count": featured,
        "fills_itself": not featured and len(items) <= TITLES_WITHOUT_CHOICE,
        "pooled": pooled[:POOLED] if may_write else (),
        "pooled_count": pooled.count() if may_write else 0,
        "may_write": may_write,
        "current": current,
    }


def panel(request: HttpRequest, item: Item, form: ItemForm | None = None) -> dict[str, Any]:
    """What ``desk/issue_item.html`` needs, on whatever page it stands."""
    section = item.section
    return {
        "publication": item.publication,
        "issue": section.issue if section else None,
        "sections": list(section.issue.sections.all()) if section else [],
        "item": item,
        "current": item.pk,
        "form": form or ItemForm(instance=item),
        "base": json.dumps(said(item), ensure_ascii=False),
        "body_html": pasting.to_html(item.body),
        "may_write": Right.WRITE in access.rights(request.user, item.publication),
        "here": "issues" if section else "pool",
    }


@opens(Item, Right.SEE)
@require_safe
def item(request: HttpRequest, shown: Item) -> HttpResponse:
    """One item's panel; its page is its issue's, or its own in the pool."""
    if "HX-Request" in request.headers:
        return render(request, "desk/issue_item.html", panel(request, shown))
    return redirect(_address(shown.section.issue if shown.section else None, shown))


@opens(Item, Right.WRITE)
@require_POST
def item_text(request: HttpRequest, shown: Item) -> HttpResponse:
    form = ItemForm(_chosen(request, shown), instance=Item.objects.get(pk=shown.pk))
    if not form.is_valid():
        return _refused(request, shown, form)
    values = {name: form.cleaned_data[name] for name in form.fields}
    actor = request.user.get_username()
    try:
        saved = editing.save_item(
            shown, version(request.POST), values, actor, base=base(request.POST)
        )
    except editing.Conflict as conflict:
        return _conflict(request, conflict, values)
    except ValidationError as error:
        form.add_error(None, error)
        return _refused(request, shown, form)
    if not _wants_json(request):
        return redirect(_address(saved.section.issue if saved.section else None, saved))
    return JsonResponse(_saved(saved))


def _saved(item: Item) -> dict[str, Any]:
    """``html`` is the body as it was understood; the page shows it where somebody else wrote."""
    clock = timezone.localtime(timezone.now(), item.publication.zone)
    return {
        "version": item.version,
        "at": f"{clock:%H:%M}",
        "base": said(item),
        "html": pasting.to_html(item.body),
    }


def _chosen(request: HttpRequest, shown: Item) -> Any:
    """What was posted, with the answers of the page that showed a conflict put in."""
    posted = request.POST
    choices = {name[7:]: value for name, value in posted.items() if name.startswith("choice-")}
    if not choices:
        return posted
    now, joined = said(shown), posted.copy()
    for name, choice in choices.items():
        if choice == "theirs" and name in now:
            joined[name] = "" if now[name] is None else str(now[name])
    return joined


def _refused(request: HttpRequest, shown: Item, form: ItemForm) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"errors": form.errors}, status=400)
    # The form has put what was typed on its own copy of the row.
    context = panel(request, shown, form)
    return with_pictures(render(request, "desk/issue_item_page.html", context, status=400))


def _conflict(
    request: HttpRequest, conflict: editing.Conflict, values: dict[str, Any]
) -> HttpResponse:
    """Both versions with what is different; nothing was stored."""
    now = conflict.current
    form = ItemForm(instance=Item.objects.get(pk=now.pk))
    mine = {name: "" if value is None else str(value) for name, value in values.items()}
    context = panel(request, Item.objects.select_related("section__issue").get(pk=now.pk))
    context["conflict"] = [
        {
            "name": name,
            "label": form.fields[name].label,
            "mine": mine[name],
            "runs": shortened(field_runs(name, _shown(getattr(now, name)), _shown(mine[name]))),
        }
        for name in form.fields
        if name in conflict.names
    ]
    context["own"] = _own(request, now)
    context["mine"] = {name: mine[name] for name in mine if name not in conflict.names}
    template = "desk/issue_conflict.html"
    if not _wants_json(request):
        template = "desk/issue_conflict_page.html"
        return with_pictures(render(request, template, context, status=409))
    html = render(request, template, context).content.decode()
    return JsonResponse({"version": now.version, "conflict": html}, status=409)


def _own(request: HttpRequest, now: Issue | Item) -> bool:
    """Whether nobody else has saved it since: the person has it open twice."""
    since = now.revisions.filter(version__gt=version(request.POST))
    actors = set(since.values_list("actor", flat=True))
    return actors == {request.user.get_username()}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "✓" if value else ""
    return "" if value is None else str(value)


@opens(Item, Right.WRITE)
@require_POST
def item_place(request: HttpRequest, shown: Item) -> HttpResponse:
    """Up, down, into a section, to the pool, away, and back again."""
    actor, to = request.user.get_username(), request.POST.get("to", "")
    left = shown.section.issue if shown.section else None
    try:
        moved = _move(request, shown, to, actor)
    except (editing.Conflict, Section.DoesNotExist) as error:
        raise Http404 from error
    if to in ("discard", "back"):
        action = "item.discarded" if to == "discard" else "item.brought-back"
        audit.record(request, action, moved)
    goal = moved.section.issue if moved.section else left
    if "HX-Request" in request.headers and goal is not None:
        return render(request, "desk/issue_outline.html", _outline(request, goal, shown.pk))
    if to == "discard" and goal is not None:
        beside = _in_the_place_of(shown)
        return redirect(f"{_address(goal, beside)}{'&' if beside else '?'}undo={moved.pk}")
    if to == "pool":
        messages.success(request, _("《%(title)s》已放回条目库。") % {"title": moved.title or "—"})
    return redirect(_address(goal, moved if moved.section or goal is None else None))


def _move(request: HttpRequest, item: Item, to: str, actor: str) -> Item:
    if to == "pool":
        return editing.to_pool(item, actor)
    if to == "discard":
        return editing.discard(item, actor)
    if to == "back":
        return editing.bring_back(item, actor)
    if to in ("up", "down") and item.section is not None:
        return editing.place(item, *_beside(item, -1 if to == "up" else 1), actor)
    if request.POST.get("from") == "pool" and item.section is not None:
        raise editing.Conflict(item)  # Somebody else has put it into an issue meanwhile.
    section = get_object_or_404(
        Section, pk=_number(request.POST.get("section")), issue__publication=item.publication
    )
    position = _number(request.POST.get("position"))
    return editing.place(item, section, 10**6 if position is None else position, actor)


def _in_the_place_of(gone: Item) -> Item | None:
    """Who discards one of many goes on where it stood."""
    rest = Item.objects.filter(section=gone.section)
    after = rest.filter(position__gte=gone.position).order_by("position").first()
    return after or rest.order_by("-position").first()


def _beside(item: Item, step: int) -> tuple[Section, int]:
    """One place further, into the next section at either end."""
    section = item.section
    assert section is not None
    if 0 <= item.position + step < section.items.count():
        return section, item.position + step
    rows = list(section.issue.sections.all())
    at = rows.index(section) + step
    if not 0 <= at < len(rows):
        return section, item.position
    return rows[at], 0 if step > 0 else rows[at].items.count()


@opens(Issue, Right.WRITE)
@require_POST
def items(request: HttpRequest, shown: Issue) -> HttpResponse:
    """A new, empty item at the end of a section."""
    section = get_object_or_404(shown.sections, pk=_number(request.POST.get("section")))
    actor = request.user.get_username()
    made = editing.new_item(shown.publication, {}, actor, section=section)
    return redirect(_address(shown, made))


@opens(Issue, Right.WRITE)
@require_POST
def sections(request: HttpRequest, shown: Issue) -> HttpResponse:
    form = SectionForm(request.POST)
    if form.is_valid():
        editing.add_section(shown, form.cleaned_data["name"], request.user.get_username())
    return _after_sections(request, shown, form)


@opens(Section, Right.WRITE)
@require_POST
def section(request: HttpRequest, shown: Section) -> HttpResponse:
    """Its name, its place among the sections, or its end."""
    issue, actor, to = shown.issue, request.user.get_username(), request.POST.get("to")
    form = SectionForm(request.POST)
    if to == "remove":
        audit.record(request, "section.removed", issue, before={"section": shown.name})
        editing.remove_section(shown, actor)
    elif to in ("up", "down"):
        place = list(issue.sections.all()).index(shown) + (-1 if to == "up" else 1)
        editing.move_section(shown, max(place, 0), actor)
    elif form.is_valid():
        editing.rename_section(shown, form.cleaned_data["name"], actor)
    return _after_sections(request, issue, form)


def _after_sections(request: HttpRequest, shown: Issue, form: SectionForm) -> HttpResponse:
    fresh = Issue.objects.select_related("publication").get(pk=shown.pk)
    current = _number(request.POST.get("item"))
    if "HX-Request" in request.headers:
        context = _outline(request, fresh, current) | {"refused": form.errors.get("name")}
        return render(request, "desk/issue_outline.html", context)
    return redirect(_address(fresh, None))


@anywhere(Right.WRITE)
@require_POST
def pasted(request: HttpRequest) -> HttpResponse:
    """What was pasted, as the editor's own HTML: the words and their order, not their looks."""
    text = pasting.to_markdown(str(request.POST.get("html", "")))
    return HttpResponse(pasting.to_html(text))


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


def _address(issue: Issue | None, item: Item | None) -> str:
    if issue is None:
        return reverse("desk:pool-item", args=[item.pk]) if item else reverse("desk:home")
    return reverse("desk:issue", args=[issue.pk]) + (f"?item={item.pk}" if item else "")


def _number(said: str | None) -> int | None:
    text = said or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
