"""The item pool: collecting, finding, and putting into an issue.

Promises: the filters are in the address; what was typed stays whatever goes wrong; what many items
were to undergo is reported with how many underwent it, and what was discarded can be taken back.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dongtai_mail.desk import access, audit
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.pool_forms import BulkForm, CollectForm, FilterForm, SortingForm, numbers
from dongtai_mail.desk.views import editor
from dongtai_mail.issues import editing, pasting, pool, reading, similar
from dongtai_mail.issues.fetching import OPEN_WEB, FetchError, Rules
from dongtai_mail.issues.models import Issue, Item, Publication, Section

PER_PAGE = 50
_ISSUES_OFFERED = 5
_READ = ("title", "body", "source", "date")


@opens(Publication, Right.SEE)
@require_safe
def items(request: HttpRequest, publication: Publication) -> HttpResponse:
    user = _person(request)
    form = FilterForm(request.GET)
    filters = form.filters(user.pk)
    found = pool.items(publication, filters)
    undo = Item.objects.filter(publication=publication, discarded_at__isnull=False)
    context: dict[str, Any] = {
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "filters": form.cleaned_data,
        "filtered": filters != pool.Filters(),
        "section_names": pool.section_names(publication),
        "tags": pool.tags(publication),
        "holders": pool.holders(publication),
        "issues": _issues(publication),
        "undo": undo.filter(pk__in=numbers(request.GET.getlist("undo"))),
    }
    return _page(request, "pool", publication, **context)


@opens(Publication, Right.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, publication: Publication) -> HttpResponse:
    """Collect an item; the page comes back empty for the next one."""
    if request.method != "POST":
        form = CollectForm(initial={"url": request.GET.get("url", "")[:2000]})
        added = pool.items(publication).filter(pk__in=numbers([request.GET.get("added", "")]))
        return _collect(request, publication, form, added=added.first())
    form = CollectForm(request.POST)
    if form.is_valid():
        try:
            item = editing.new_item(publication, form.cleaned_data, request.user.get_username())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect(f"{reverse('desk:pool-new', args=[publication.slug])}?added={item.pk}")
    return _collect(request, publication, form, status=400)


@opens(Publication, Right.WRITE)
@require_POST
def read(request: HttpRequest, publication: Publication, rules: Rules = OPEN_WEB) -> HttpResponse:
    """Fill what is still empty in the form from the page at its address."""
    form = CollectForm(request.POST)
    form.full_clean()
    said = {name: form.data.get(name, "") for name in form.fields}
    try:
        page = reading.read(str(said["url"]), rules)
    except FetchError as error:
        return _collect(request, publication, _again(said), unread=str(error))
    found = {"title": page.title, "body": page.text, "source": page.source, "date": page.date}
    filled = [name for name in _READ if found[name] and not said[name]]
    kept = [name for name in _READ if found[name] and said[name]]
    form = _again({**said, **{name: found[name] for name in filled}, "url": page.url})
    labels = {name: form.fields[name].label for name in _READ}
    return _collect(
        request,
        publication,
        form,
        filled=[labels[name] for name in filled],
        kept=[labels[name] for name in kept],
        missing=[labels[name] for name in _READ if not found[name]],
    )


def _again(said: dict[str, Any]) -> CollectForm:
    """The form with what was typed, which nobody has judged yet."""
    return CollectForm(initial=said)


def _collect(
    request: HttpRequest,
    publication: Publication,
    form: CollectForm,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    context |= {
        "form": form,
        "body_html": pasting.to_html(str(form["body"].value() or "")),
        "section_names": pool.section_names(publication),
        "tags": pool.tags(publication),
    }
    name = "pool_fields" if "HX-Request" in request.headers else "pool_new"
    return _page(request, name, publication, status=status, **context)


@opens(Publication, Right.WRITE)
@require_POST
def alike(request: HttpRequest, publication: Publication) -> HttpResponse:
    """What says the same as the form does now."""
    form = CollectForm(request.POST)
    form.full_clean()
    said = form.cleaned_data
    url = str(said.get("url") or "")
    matches = similar.similar(publication, said.get("title", ""), said.get("body", ""), url=url)
    return _page(request, "pool_alike", publication, matches=matches)


@opens(Item, Right.SEE)
@require_safe
def alike_item(request: HttpRequest, item: Item) -> HttpResponse:
    matches = similar.similar(item.publication, item.title, item.body, url=item.url, besides=item)
    return _page(request, "pool_alike", item.publication, matches=matches, item=item)


@opens(Item, Right.SEE)
@require_safe
def item(request: HttpRequest, shown: Item) -> HttpResponse:
    """One item of the pool: its text, where it is wanted, who has it."""
    if shown.section is not None:
        issue = reverse("desk:issue", args=[shown.section.issue_id])
        return redirect(f"{issue}?item={shown.pk}")
    return _item(request, shown, _sorting(shown))


def _item(
    request: HttpRequest, shown: Item, sorting: SortingForm, status: int = 200
) -> HttpResponse:
    context = editor.panel(request, shown) | {
        "sorting": sorting,
        "section_names": pool.section_names(shown.publication),
        "tags": pool.tags(shown.publication),
        "issues": _issues(shown.publication),
    }
    return editor.with_pictures(render(request, "desk/pool_item.html", context, status=status))


def _sorting(item: Item) -> SortingForm:
    said = {"wanted_section": item.wanted_section, "tags": "，".join(item.tags)}
    return SortingForm(initial=said)


@opens(Item, Right.WRITE)
@require_POST
def sorting(request: HttpRequest, shown: Item) -> HttpResponse:
    """Where it is wanted, and its tags."""
    form = SortingForm(request.POST)
    if not form.is_valid():
        return _item(request, shown, form, status=400)
    try:
        editing.save_item(shown, shown.version, form.cleaned_data, request.user.get_username())
    except editing.Conflict:
        messages.error(request, _("别人刚刚改了这一条，请看过再存一次。"))
    else:
        messages.success(request, _("已保存。"))
    return _to_item(shown)


@opens(Item, Right.WRITE)
@require_POST
def holder(request: HttpRequest, shown: Item) -> HttpResponse:
    """Take it, or give it back."""
    seen = numbers([request.POST.get("instead_of", "")])
    if request.POST.get("do") == "release":
        done = pool.give_back(shown, _person(request))
    else:
        done = pool.hold(shown, _person(request), seen[0] if seen else None)
    if not done:
        messages.error(request, _("刚刚有变化，请看看现在是谁在处理。"))
    return _to_item(shown)


@opens(Item, Right.WRITE)
@require_POST
def placing(request: HttpRequest, shown: Item) -> HttpResponse:
    """Put one item into an issue."""
    issue, section = _target(shown.publication, request.POST.get("target", ""))
    placed = _place(request, shown.publication, [shown.pk], issue, section)
    if not placed:
        messages.error(request, _not_placed(1, issue))
        return _to_item(shown)
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
    user, action = _person(request), form.cleaned_data["do"]

    def one(item: Item) -> bool:
        if action == "tag":
            return pool.add_tags(item, form.cleaned_data["tags"], _name(request))
        return pool.hold(item, user) if action == "hold" else pool.give_back(item, user)

    done = len(pool.each(publication, form.numbers, one))
    said = {
        "tag": ngettext("已给 %(count)d 条加上标签。", "已给 %(count)d 条加上标签。", done),
        "hold": ngettext("%(count)d 条现在由你处理。", "%(count)d 条现在由你处理。", done),
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


def _issues(publication: Publication) -> list[Issue]:
    """Those that an item may go into: the newest ones."""
    found = Issue.objects.filter(publication=publication).order_by("-pk")
    return list(found.select_related("publication").prefetch_related("sections")[:_ISSUES_OFFERED])


def _back(request: HttpRequest, publication: Publication) -> str:
    """The list with the filters it had."""
    query = request.POST.get("filters", "")[:2000]
    address = reverse("desk:pool", args=[publication.slug])
    kept = "&".join(part for part in query.split("&") if part and not part.startswith("undo="))
    return f"{address}?{kept}" if kept else address


def _to_item(item: Item) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("desk:pool-item", args=[item.pk]))


def _name(request: HttpRequest) -> str:
    return request.user.get_username()


def _person(request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User)  # noqa: S101 - every page of the desk asks who it is
    return user


def _page(
    request: HttpRequest, name: str, publication: Publication, status: int = 200, **context: Any
) -> HttpResponse:
    own = {
        "publication": publication,
        "here": "pool",
        "may_write": Right.WRITE in access.rights(request.user, publication),
        **context,
    }
    return render(request, f"desk/{name}.html", own, status=status)
