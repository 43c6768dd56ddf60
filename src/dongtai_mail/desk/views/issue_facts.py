"""An issue's own facts, its history and its items', and what people say about them.

Promises: a save against an older version joins what different people changed, and where both
changed the same it shows both; going back to an earlier version can itself be undone.
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dongtai_mail.desk import access, audit
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.editing_forms import (
    PREHEADER_SHOWN,
    SUBJECT_SHOWN,
    CommentForm,
    FactsForm,
    ItemForm,
    base,
    version,
)
from dongtai_mail.issues import editing, editions, history
from dongtai_mail.issues.differences import runs, shortened
from dongtai_mail.issues.editing.keeping import said
from dongtai_mail.issues.models import Comment, Issue, Item, Publication, Revision


@opens(Publication, Right.WRITE)
@require_POST
def new_issue(request: HttpRequest, into: Publication) -> HttpResponse:
    today = timezone.localdate(timezone=into.zone)
    made = editing.new_issue(into, request.user.get_username(), today)
    audit.record(request, "issue.created", made)
    return redirect("desk:issue-facts", made.pk)


@opens(Issue, Right.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def facts(request: HttpRequest, shown: Issue) -> HttpResponse:
    context: dict[str, Any] = {"conflict": []}
    form = FactsForm(instance=Issue.objects.get(pk=shown.pk))
    status = 200
    if request.method == "POST":
        form = FactsForm(request.POST, instance=Issue.objects.get(pk=shown.pk))
        conflict = _save_facts(request, shown, form) if form.is_valid() else None
        if form.is_valid() and conflict is None:
            return redirect(reverse("desk:issue", args=[shown.pk]) + "?saved=facts")
        status = 409 if conflict else 400
        context["conflict"] = _both(form, conflict) if conflict else []
    now = Issue.objects.select_related("publication").get(pk=shown.pk)
    started = request.method == "POST" and status == 400
    context |= {
        "publication": now.publication,
        "issue": now,
        "form": form,
        "version": version(request.POST) if started else now.version,
        "base": request.POST.get("base", "") if started else json.dumps(said(now)),
        "automatic": editions.complete(now)[0],
        "lengths": {"subject": SUBJECT_SHOWN, "preheader": PREHEADER_SHOWN},
        "here": "issues",
    }
    return render(request, "desk/issue_facts.html", context, status=status)


def _save_facts(request: HttpRequest, shown: Issue, form: FactsForm) -> editing.Conflict | None:
    """Puts what the database refuses into the form; answers a conflict."""
    values = {name: form.cleaned_data[name] for name in form.fields}
    actor = request.user.get_username()
    before = said(Issue.objects.get(pk=shown.pk))
    try:
        saved = editing.save_issue(
            shown, version(request.POST), values, actor, base=base(request.POST)
        )
    except editing.Conflict as conflict:
        return conflict
    except ValidationError as error:
        form.add_error(None, error)
        return None
    if said(saved) != before:
        audit.record(request, "issue.changed", saved, before=before, after=said(saved))
    return None


def _both(form: FactsForm, conflict: editing.Conflict) -> list[dict[str, Any]]:
    now = said(conflict.current)
    mine = form.cleaned_data
    return [
        {
            "label": form.fields[name].label,
            "runs": runs(str(now[name] or ""), str(mine.get(name) or "")),
        }
        for name in form.fields
        if name in conflict.names
    ]


@opens(Issue, Right.SEE)
@require_safe
def issue_history(request: HttpRequest, shown: Issue) -> HttpResponse:
    labels = {name: field.label for name, field in FactsForm().fields.items()}
    back = reverse("desk:issue", args=[shown.pk])
    context = {"issue": shown, "title": str(shown), "back": back}
    action = reverse("desk:issue-restoration", args=[shown.pk])
    labels["sections"] = _("栏目和条目的次序")
    return _history(request, shown, labels, action, context)


@opens(Item, Right.SEE)
@require_safe
def item_history(request: HttpRequest, shown: Item) -> HttpResponse:
    labels = {name: field.label for name, field in ItemForm().fields.items()}
    labels |= {"tags": _("标签"), "wanted_section": _("想放的栏目")}
    title = shown.title or _("没有标题的条目")
    context = {"title": title, "back": reverse("desk:item", args=[shown.pk])}
    action = reverse("desk:item-restoration", args=[shown.pk])
    return _history(request, shown, labels, action, context)


def _history(
    request: HttpRequest,
    row: Issue | Item,
    labels: dict[str, Any],
    action: str,
    context: dict[str, Any],
) -> HttpResponse:
    entries = [
        {
            "entry": entry,
            "differences": [
                (labels.get(each.name, each.name), shortened(each.runs))
                for each in entry.differences
            ],
        }
        for entry in history.entries(row)
    ]
    context |= {
        "publication": row.publication,
        "entries": entries,
        "action": action,
        "may_write": Right.WRITE in access.rights(request.user, row.publication),
        "here": "issues",
    }
    return render(request, "desk/issue_history.html", context)


@opens(Issue, Right.WRITE)
@require_POST
def issue_restoration(request: HttpRequest, shown: Issue) -> HttpResponse:
    _restore(request, _revision(request, shown.revisions), "issue.restored", shown)
    return redirect("desk:issue", shown.pk)


@opens(Item, Right.WRITE)
@require_POST
def item_restoration(request: HttpRequest, shown: Item) -> HttpResponse:
    _restore(request, _revision(request, shown.revisions), "item.restored", shown)
    return redirect("desk:item", shown.pk)


def _revision(request: HttpRequest, among: Any) -> Revision:
    asked = request.POST.get("revision", "")
    if not (asked.isascii() and asked.isdigit() and len(asked) < 16):
        raise Http404
    found = get_object_or_404(among, pk=asked)
    assert isinstance(found, Revision)
    return found


def _restore(request: HttpRequest, revision: Revision, action: str, row: Issue | Item) -> None:
    try:
        history.restore(revision, request.user.get_username())
    except (editing.Conflict, ValidationError):
        reason = _("没有恢复：有人刚刚改过，或者期号已被别的一期用了。请看一看再试。")
        messages.error(request, reason)
        return
    audit.record(request, action, row, after={"version": revision.version})
    messages.success(request, _("已恢复。恢复前的内容还在历史里。"))


@opens(Issue, Right.SEE)
@require_http_methods(["GET", "HEAD", "POST"])
def issue_comments(request: HttpRequest, shown: Issue) -> HttpResponse:
    """The comments on the issue and, with ``item``, on that item."""
    rows = Comment.objects.filter(issue=shown)
    refused = _say(request, rows, {"issue": shown}) if request.method == "POST" else None
    return _comments(request, shown, rows, reverse("desk:issue", args=[shown.pk]), refused)


@opens(Item, Right.SEE)
@require_http_methods(["GET", "HEAD", "POST"])
def item_comments(request: HttpRequest, shown: Item) -> HttpResponse:
    rows = Comment.objects.filter(item=shown)
    refused = _say(request, rows, {"item": shown}) if request.method == "POST" else None
    return _comments(request, shown, rows, reverse("desk:item", args=[shown.pk]), refused)


def _say(request: HttpRequest, rows: Any, about: dict[str, Any]) -> CommentForm | None:
    """Add or resolve; answers the form where it was empty."""
    resolved = request.POST.get("resolved", "")
    if resolved.isascii() and resolved.isdigit() and len(resolved) < 16:
        by = request.user.get_username()
        rows.filter(pk=resolved, resolved_at=None).update(
            resolved_at=timezone.now(), resolved_by=by
        )
        return None
    form = CommentForm(request.POST)
    if not form.is_valid():
        return form
    person = request.user if isinstance(request.user, User) else None
    name = request.user.get_username()
    Comment.objects.create(user=person, actor=name, text=form.cleaned_data["text"], **about)
    return None


def _comments(
    request: HttpRequest, about: Issue | Item, rows: Any, back: str, refused: CommentForm | None
) -> HttpResponse:
    if "HX-Request" not in request.headers:
        if refused is not None:
            messages.error(request, _("请先写批注。"))
        return redirect(back)
    context = {
        "publication": about.publication,
        "about": about,
        "address": request.path,
        "open_comments": [each for each in rows if each.resolved_at is None],
        "resolved": [each for each in rows if each.resolved_at is not None],
        "form": refused or CommentForm(),
    }
    return render(request, "desk/issue_comments.html", context)
