"""A publication's lists: their settings, who is on them, their readers as a file."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms.models import model_to_dict
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dongtai_mail.desk import audit
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.forms import typed
from dongtai_mail.issues.models import Publication
from subscribers import exporting, signup, suppression, tally
from subscribers.models import SubscriberList, Subscription

PER_PAGE = 50


class ListForm(forms.ModelForm):  # type: ignore[type-arg]  # Generic for stubs alone.
    archived = forms.BooleanField(required=False, label=gettext_lazy("停用（不再接受订阅）"))

    class Meta:
        model = SubscriberList
        fields = ("name", "description", "public", "double_opt_in")
        labels = {
            "name": gettext_lazy("名称"),
            "description": gettext_lazy("说明（读者在订阅页上看到）"),
            "public": gettext_lazy("读者可以自己订阅"),
            "double_opt_in": gettext_lazy("订阅要在邮箱里确认"),
        }


@opens(Publication, Right.LISTS)
@require_safe
def lists(request: HttpRequest, publication: Publication) -> HttpResponse:
    shown = list(publication.lists.order_by("archived_at", "name"))
    counted = tally.by_list([each.pk for each in shown])
    rows = [
        (each, counted[each.pk][Subscription.State.CONFIRMED], sum(counted[each.pk].values()))
        for each in shown
    ]
    return _page(request, "subscribers", publication, rows=rows)


@opens(SubscriberList, Right.LISTS)
@require_http_methods(["GET", "HEAD", "POST"])
def readers(request: HttpRequest, shown: SubscriberList) -> HttpResponse:
    """One list: its settings and its readers, found by a part of their address or name."""
    before = _settings(shown)
    form = ListForm(instance=shown, initial={"archived": shown.archived_at is not None})
    if request.method == "POST":
        form = ListForm(request.POST, instance=shown)
        if form.is_valid():
            archived = form.cleaned_data["archived"]
            shown.archived_at = (shown.archived_at or timezone.now()) if archived else None
            with transaction.atomic():
                form.save()
                after = _settings(shown)
                audit.record(request, "list.changed", shown, before=before, after=after)
            messages.success(request, _("已保存。"))
            return redirect("desk:subscriber-list", shown.slug)
    asked = typed(request.GET, "q")
    found = shown.subscriptions.order_by("-pk")
    count = None
    if asked:
        people = Q(subscriber__key__icontains=asked) | Q(subscriber__name__icontains=asked)
        found = found.filter(people)
    else:
        count = sum(tally.counts(shown.pk).values())
    return _page(
        request,
        "subscribers_list",
        shown.publication,
        list=shown,
        wording=signup.wording(shown),
        form=form,
        q=asked,
        page=_readers_page(found, count, request.GET.get("page")),
        address=settings.ORIGIN + reverse("subscribers:sign-up", args=[shown.slug]),
    )


def _readers_page(
    found: QuerySet[Subscription], count: int | None, number: str | None
) -> Page[Any]:
    """By the index alone to the page, wherever it is; only what is on it is read."""
    paginator: Paginator[Any] = Paginator(found.values_list("pk", flat=True), PER_PAGE)
    if count is not None:
        paginator.count = count
    page = paginator.get_page(number)
    rows = Subscription.objects.select_related("subscriber").in_bulk(list(page.object_list))
    page.object_list = sorted(rows.values(), key=lambda row: -row.pk)
    return page


@opens(SubscriberList, Right.LISTS)
@require_safe
def export(request: HttpRequest, shown: SubscriberList, kind: str) -> HttpResponse:
    audit.record(request, "list.exported", shown, after={"kind": kind})
    found = exporting.rows(shown)
    chunks = exporting.xlsx(found) if kind == "xlsx" else exporting.csv_chunks(found)
    answer = StreamingHttpResponse(chunks, content_type=exporting.TYPES[kind])
    name = f"{shown.slug}-{timezone.localdate():%Y%m%d}.{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    # Django's types tell answers that stream from others; the guard of the desk passes both on.
    return cast(HttpResponse, answer)


@opens(Subscription, Right.LISTS)
@require_safe
def history(request: HttpRequest, shown: Subscription) -> HttpResponse:
    """Everything that happened to one subscription, and why its reader gets no mail."""
    publication = shown.subscriber_list.publication
    return _page(
        request,
        "subscribers_history",
        publication,
        subscription=shown,
        events=shown.events.select_related("wording").order_by("at", "id"),
        suppressions=suppression.of(shown.subscriber.key, publication.pk),
    )


@opens(Publication, Right.LISTS)
@require_POST
def new_list(request: HttpRequest, publication: Publication) -> HttpResponse:
    form = NewListForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            for error in errors:
                messages.error(request, str(error))
        return redirect("desk:subscribers", publication.slug)
    made = form.save(commit=False)
    made.publication = publication
    with transaction.atomic():
        made.save()
        audit.record(request, "list.created", made)
    return redirect("desk:subscriber-list", made.slug)


class NewListForm(forms.ModelForm):  # type: ignore[type-arg]  # Generic for stubs alone.
    class Meta:
        model = SubscriberList
        fields = ("name", "slug")


def _settings(shown: SubscriberList) -> dict[str, Any]:
    return {**model_to_dict(shown, ListForm.Meta.fields), "archived_at": shown.archived_at}


def _page(
    request: HttpRequest, name: str, publication: Publication, **context: Any
) -> HttpResponse:
    own = {"publication": publication, "here": "subscribers", **context}
    return render(request, f"desk/{name}.html", own)
