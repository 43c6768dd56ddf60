"""The door by which a manuscript comes in: handed in, looked at, mended, accepted.

Promises: nothing is an issue before it was accepted; what was handed in, and what was mended in it,
is kept until then, and leads to the issue afterwards; nobody overwrites what they have not seen;
what was discarded can be taken back. Fails: with the reader's or importer's own words on the page.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dongtai_mail import manuscript as reading
from dongtai_mail.content import Finding
from dongtai_mail.desk import audit
from dongtai_mail.desk.access import Right, opens
from dongtai_mail.desk.findings import Kind, alike, lines_of, tally
from dongtai_mail.desk.forms import ManuscriptForm
from dongtai_mail.desk.words import SEVERITIES, Word
from dongtai_mail.issues.differences import runs, shortened
from dongtai_mail.issues.importing import (
    ImportRefused,
    accept,
    discard,
    discarded,
    findings_of,
    hand_in,
    imported,
    refuse_too_big,
    take_back,
    waiting,
)
from dongtai_mail.issues.models import Issue, ManuscriptDraft, Publication
from dongtai_mail.manuscript import Manuscript, ManuscriptError
from dongtai_mail.sentences import told

# What one page shows; what is more it counts. Real issues have a tenth.
MOST_LINES, MOST_ITEMS, MOST_FINDINGS = 3000, 500, 500


@opens(Publication, Right.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def manuscripts(request: HttpRequest, shown: Publication) -> HttpResponse:
    form = ManuscriptForm()
    if request.method == "POST":
        form = ManuscriptForm(request.POST, request.FILES)
        kept = _hand_in(request, shown, form)
        if isinstance(kept, Issue):
            messages.info(request, _("这份文件以前导入过，就是这一期。"))
            return redirect("desk:issue", kept.pk)
        if kept is not None:
            return redirect("desk:manuscript", kept.pk)
    context = {
        "publication": shown,
        "form": form,
        "waiting": waiting(shown).defer("data", "mended")[:20],
        "discarded": discarded(shown).defer("data", "mended"),
        "here": "issues",
    }
    return render(request, "desk/manuscripts.html", context)


def _hand_in(
    request: HttpRequest, into: Publication, form: ManuscriptForm
) -> ManuscriptDraft | Issue | None:
    if not form.is_valid():
        return None
    file = form.cleaned_data["manuscript"]
    data = file.read()
    try:
        return imported(into, data) or hand_in(into, data, file.name, request.user.get_username())
    except (ImportRefused, ManuscriptError) as refused:
        form.add_error("manuscript", told(str(refused)))
        return None


@opens(ManuscriptDraft, Right.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def manuscript(request: HttpRequest, draft: ManuscriptDraft) -> HttpResponse:
    todo = request.POST.get("do")
    if draft.issue_id or draft.discarded_at:
        return _done_with(request, draft, todo)
    refused, status = "", 200
    if request.method == "POST":
        if _changed_meanwhile(request, draft):
            return render(request, "desk/manuscript.html", _both(request, draft), status=409)
        if todo == "discard":
            # Whoever takes it back finds what was typed, too.
            _mend_or_accept(request, draft, accepted=False)
            discard(draft)
            messages.success(request, _("已放弃这份稿件，没有导入；下面可以取回。"))
            return redirect("desk:manuscripts", draft.publication.slug)
        issue, refused = _mend_or_accept(request, draft, todo == "import")
        if issue is not None:
            return redirect("desk:issue", issue.pk)
        if not refused:
            messages.success(request, _("改动已保存，稿件重新读过了。"))
            return redirect("desk:manuscript", draft.pk)
        status = 400
    return render(request, "desk/manuscript.html", _shown(draft, refused), status=status)


def _done_with(request: HttpRequest, draft: ManuscriptDraft, todo: str | None) -> HttpResponse:
    """Whoever goes back, or had it open while a colleague was quicker."""
    if draft.issue is not None:
        messages.info(request, _("这份稿件已经导入，就是这一期。"))
        if "text" in request.POST and not _says(draft.issue, request.POST["text"]):
            messages.warning(request, _("您在稿件文字里的改动没有用上，请在这里改条目。"))
        return redirect("desk:issue", draft.issue.pk)
    if todo == "back":
        take_back(draft)
        return redirect("desk:manuscript", draft.pk)
    messages.info(request, _("这份稿件已经放弃，没有导入；下面可以取回。"))
    return redirect("desk:manuscripts", draft.publication.slug)


def _mend_or_accept(
    request: HttpRequest, draft: ManuscriptDraft, accepted: bool
) -> tuple[Issue | None, str]:
    """The issue, or why there is none although somebody wanted it, or why nothing was mended."""
    try:
        if "text" in request.POST:
            _mend(draft, request.POST["text"], request.user.get_username())
        issue = accept(draft, request.user.get_username()) if accepted else None
    except (ImportRefused, ManuscriptError) as refused:
        return None, told(str(refused))
    if issue is not None:
        audit.record(request, "issue.imported", issue, after={"file": draft.filename})
    return issue, ""


def _mend(draft: ManuscriptDraft, text: str, actor: str) -> None:
    """An untouched text leaves the file as it is."""
    now = _typed(text)
    if now != _text(draft.current):
        refuse_too_big(now.encode())
        draft.mended = now
        draft.menders = sorted({*draft.menders, actor})
        draft.save(update_fields=["mended", "menders"])


def _changed_meanwhile(request: HttpRequest, draft: ManuscriptDraft) -> bool:
    """Whether the draft says something that whoever sent the form has not seen."""
    if request.POST.get("seen") in (None, _version(draft)):
        return False
    return _typed(request.POST.get("text", "")) != _text(draft.current)


def _both(request: HttpRequest, draft: ManuscriptDraft) -> dict[str, Any]:
    """What was typed stays in its field, with the difference to what somebody saved."""
    mine = _typed(request.POST.get("text", ""))
    found = runs(_text(draft.current), mine)
    return _shown(draft, "") | {"text": mine, "difference": shortened(found)}


def _version(draft: ManuscriptDraft) -> str:
    return hashlib.sha256(draft.current).hexdigest()


def _text(data: bytes) -> str:
    """A manuscript as its field shows it."""
    return "\n".join(lines_of(data))


def _typed(text: str) -> str:
    """Forms send each line's end as two characters."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")


def _says(issue: Issue, text: str) -> bool:
    """Whether this is the text that was imported."""
    return _typed(text) == _text(bytes(issue.manuscript.data))


def _shown(draft: ManuscriptDraft, refused: str) -> dict[str, Any]:
    """The file's lines, and beside them what they were taken for and what was found."""
    lines = lines_of(draft.current)
    context: dict[str, Any] = {
        "publication": draft.publication,
        "draft": draft,
        "refused": refused,
        "left_out": max(0, len(lines) - MOST_LINES),
        "text": "\n".join(lines),
        "seen": _version(draft),
        "here": "issues",
    }
    try:
        read = reading.read(draft.current, draft.filename)
    except ManuscriptError as error:
        return context | {"refused": refused or told(str(error)), "lines": _numbered(lines, ())}
    findings = findings_of(draft.publication, read)
    return context | {
        "said": read.issue,
        "outline": _outline(read),
        "item_count": len(read.issue.items),
        "outline_left_out": max(0, len(read.issue.items) - MOST_ITEMS)
        + max(0, len(read.issue.sections) - MOST_ITEMS),
        "tally": tally(findings),
        "kinds": _kinds(findings[:MOST_FINDINGS]),
        "findings_left_out": max(0, len(findings) - MOST_FINDINGS),
        "lines": _numbered(lines, findings),
    }


def _kinds(findings: Sequence[Finding]) -> list[Kind[tuple[Finding, Word]]]:
    shown = ((found, SEVERITIES[found.severity]) for found in findings)
    return [Kind(*pair) for pair in alike(shown, lambda each: each[0].code).items()]


def _outline(read: Manuscript) -> list[dict[str, Any]]:
    """Sections and items with the line where each begins; not more than a page can show."""
    items = zip(read.issue.items, read.draft.item_lines, strict=True)
    shown = islice(items, MOST_ITEMS)
    sections = zip(read.issue.sections, read.draft.section_lines, strict=True)
    return [
        {"name": section.name, "line": line, "items": list(islice(shown, len(section.items)))}
        for section, line in islice(sections, MOST_ITEMS)
    ]


def _numbered(lines: list[str], findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    at: dict[int, list[Finding]] = defaultdict(list)
    for found in findings:
        if found.line:
            at[found.line].append(found)
    return [
        {"number": number, "text": text, "worst": at[number][0].severity if number in at else ""}
        for number, text in enumerate(lines[:MOST_LINES], 1)
    ]
