"""The item pool: collecting, finding, and one item of it; ``pool_moving`` has what moves.

Promises: the filters are in the address; what was typed stays whatever goes wrong, and overwrites
nobody unseen.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dongtai_mail.desk import access
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.editing_forms import base, version
from dongtai_mail.desk.pool_forms import CollectForm, FilterForm, SortingForm, numbers
from dongtai_mail.desk.views import editor
from dongtai_mail.issues import editing, editions, pasting, pool, reading, similar
from dongtai_mail.issues.fetching import OPEN_WEB, FetchError, Rules
from dongtai_mail.issues.models import Issue, Item, Publication

PER_PAGE = 50
_ISSUES_OFFERED = 5
_READ = ("title", "body", "source", "date")


@opens(Publication, Right.SEE)
@require_safe
def items(request: HttpRequest, publication: Publication) -> HttpResponse:
    user = person(request)
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
    return editor.with_pictures(_page(request, name, publication, status=status, **context))


@opens(Publication, Right.WRITE)
@require_POST
def alike(request: HttpRequest, publication: Publication) -> HttpResponse:
    """What says the same as the form does now."""
    form = CollectForm(request.POST)
    form.full_clean()
    said = form.cleaned_data
    title, body, url = (str(said.get(name) or "") for name in ("title", "body", "url"))
    matches = similar.similar(publication, title, body, url=url)
    blank = not (title or body or url)
    return _page(request, "pool_alike", publication, matches=matches, blank=blank)


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
    actor, began = request.user.get_username(), base(request.POST)
    try:
        editing.save_item(shown, version(request.POST), form.cleaned_data, actor, base=began)
    except editing.Conflict as conflict:
        form.add_error(None, _sorted_otherwise(conflict.current))
        return _item(request, Item.objects.get(pk=shown.pk), form, status=409)
    messages.success(request, _("已保存。"))
    return to_item(shown)


def _sorted_otherwise(now: Any) -> str:
    said = "，".join(filter(None, (now.wanted_section, *now.tags))) or "—"
    text = _("别人刚刚改了归类，现在是：%(now)s。要按这里写的存，请再按一次“保存”。")
    return text % {"now": said}


@opens(Item, Right.WRITE)
@require_POST
def holder(request: HttpRequest, shown: Item) -> HttpResponse:
    """Take it, or give it back."""
    seen = numbers([request.POST.get("instead_of", "")])
    if request.POST.get("do") == "release":
        done = pool.give_back(shown, person(request))
    else:
        done = pool.hold(shown, person(request), seen[0] if seen else None)
    if not done:
        messages.error(request, _("刚刚有变化，请看看现在是谁在处理。"))
    return to_item(shown)


def _issues(publication: Publication) -> list[Issue]:
    """Those that an item may go into: the newest ones, and last of all what readers have."""
    found = Issue.objects.filter(publication=publication).annotate(out=editions.gone_out())
    found = found.order_by("out", "-pk")
    return list(found.select_related("publication").prefetch_related("sections")[:_ISSUES_OFFERED])


def to_item(item: Item) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("desk:pool-item", args=[item.pk]))


def person(request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User)
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
