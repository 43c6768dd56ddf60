"""From a manuscript to an issue's rows.

Promises: one transaction, all or nothing; the file is kept as it was handed in; the same file
again is the same issue; a draft that was discarded can be taken back until others were. Fails:
``ImportRefused`` with the reason and what to do, in Chinese; ``manuscript.ManuscriptError`` when
the file can't be read at all.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from pathlib import PurePath

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from dongtai_mail import content, manuscript
from dongtai_mail.content import Finding, Severity
from dongtai_mail.issues import markdown, textual
from dongtai_mail.issues.editing import keeping
from dongtai_mail.issues.models import (
    Issue,
    Item,
    Manuscript,
    ManuscriptDraft,
    Publication,
    Section,
)

# An issue has some 75 kB; reading is work that a page waits for.
MAXIMUM_BYTES = 2 * 1024 * 1024
# Ten times the longest issue: what takes time in reading is a line, however short.
MAXIMUM_LINES = 15_000
# So many of a publication's discarded drafts can be taken back.
MOST_DISCARDED = 5
_LINE_ENDS = (b"\n", b"\r", "\u2028".encode(), "\u2029".encode())
_PLACES = {
    "number": "期号",
    "masthead": "刊名",
    "host_name": "主办单位",
    "host_also": "主办单位的另一名称",
    "colophon_address": "编辑部地址",
    "colophon_postcode": "邮政编码",
    "colophon_organisation": "编辑部所在单位",
    "colophon_phone": "电话",
    "name": "栏目名",
    "title": "标题",
    "source": "来源",
    "compiler": "编选",
    "source_line": "来源行",
}


class ImportRefused(Exception):
    """The file was read and is not imported; the text says why and what to do."""


def import_manuscript(
    publication: Publication, data: bytes, filename: str, actor: str = ""
) -> Issue:
    """Read ``data`` and make an issue of it, or answer the one that it became before.

    ``actor`` is the account of whoever answers for the words; "" outside the desk.
    """
    refuse_too_big(data)
    digest = hashlib.sha256(data).hexdigest()
    known = _imported(publication, digest)
    if known is not None:
        return known
    read = manuscript.read(data, filename)
    if not read.issue.items:
        raise ImportRefused(_("没有找到任何条目：请确认稿件有【栏目】标题、条目标题和“来源：”行。"))
    with transaction.atomic():
        # A double click brings the same file twice at once: the second waits here for the first.
        Publication.objects.select_for_update().get(pk=publication.pk)
        known = _imported(publication, digest)
        if known is not None:
            return known
        issue = _create_issue(publication, read.issue, actor)
        Manuscript.objects.create(
            publication=publication,
            issue=issue,
            filename=PurePath(filename).name[:255] or "manuscript",
            sha256=digest,
            data=data,
            findings=[dataclasses.asdict(finding) for finding in findings_of(publication, read)],
        )
    return issue


def findings_of(publication: Publication, read: manuscript.Manuscript) -> tuple[Finding, ...]:
    """What was found in the file, and whether it names another publication."""
    first = [found for found in read.findings if found.severity is Severity.ERROR]
    named = textual.misnamed(publication, read.issue.masthead)
    return tuple(dict.fromkeys([*first, *named, *read.findings]))


def refuse_too_big(data: bytes) -> None:
    if len(data) > MAXIMUM_BYTES:
        raise ImportRefused(
            _("文件有 %(size)s 字节，超过 %(most)s 字节的上限；请拆开或去掉附带的内容。")
            % {"size": f"{len(data):,}", "most": f"{MAXIMUM_BYTES:,}"}
        )
    lines = max(map(data.count, _LINE_ENDS))
    if lines > MAXIMUM_LINES:
        raise ImportRefused(
            _("文件有 %(lines)s 行，超过 %(most)s 行的上限；请拆成几个文件，一期一个。")
            % {"lines": f"{lines:,}", "most": f"{MAXIMUM_LINES:,}"}
        )


def hand_in(publication: Publication, data: bytes, filename: str, actor: str) -> ManuscriptDraft:
    """Keep a file to be looked at. Raises as ``import_manuscript`` does for what can't be read."""
    refuse_too_big(data)
    manuscript.read(data, filename)
    name = PurePath(filename).name[:255] or "manuscript"
    return ManuscriptDraft.objects.create(
        publication=publication, data=data, filename=name, actor=actor
    )


def accept(draft: ManuscriptDraft, actor: str = "") -> Issue:
    """Make an issue of the draft as it stands; the draft is done with, but leads to the issue."""
    with transaction.atomic():
        issue = import_manuscript(draft.publication, draft.current, draft.filename, actor)
        draft.issue, draft.data, draft.mended = issue, b"", None
        draft.save(update_fields=["issue", "data", "mended"])
    return issue


def discard(draft: ManuscriptDraft) -> None:
    """It can be taken back while it is among the last ones."""
    draft.discarded_at = timezone.now()
    draft.save(update_fields=["discarded_at"])
    kept = discarded(draft.publication).values_list("pk", flat=True)[:MOST_DISCARDED]
    discarded(draft.publication).exclude(pk__in=list(kept)).delete()


def take_back(draft: ManuscriptDraft) -> None:
    draft.discarded_at = None
    draft.save(update_fields=["discarded_at"])


def waiting(publication: Publication) -> QuerySet[ManuscriptDraft]:
    return publication.manuscript_drafts.filter(issue=None, discarded_at=None)


def discarded(publication: Publication) -> QuerySet[ManuscriptDraft]:
    """The last one first."""
    rows = publication.manuscript_drafts.filter(issue=None, discarded_at__isnull=False)
    return rows.order_by("-discarded_at", "-pk")


def imported(publication: Publication, data: bytes) -> Issue | None:
    """The issue that this very file became before."""
    return _imported(publication, hashlib.sha256(data).hexdigest())


def _imported(publication: Publication, digest: str) -> Issue | None:
    return Issue.objects.filter(
        manuscript__publication=publication, manuscript__sha256=digest
    ).first()


def _create_issue(publication: Publication, said: content.Issue, actor: str) -> Issue:
    _refuse_known_number(publication, said.number)
    host = said.host
    colophon = said.colophon or content.Colophon()
    issue = Issue(
        publication=publication,
        number=said.number,
        date=said.date,
        masthead=said.masthead,
        subject=said.subject,
        preheader=said.preheader,
        host_name=host.name if host else None,
        host_also=host.also if host else None,
        colophon_address=colophon.address,
        colophon_postcode=colophon.postcode,
        colophon_organisation=colophon.organisation,
        colophon_phone=colophon.phone,
    )
    _refuse_overlong(issue)
    issue.save()
    for position, section in enumerate(said.sections):
        row = Section(issue=issue, position=position, name=section.name)
        _refuse_overlong(row)
        row.save()
        items = _items(row, section.items, actor)
        for item in items:
            _refuse_overlong(item)
        Item.objects.bulk_create(items)
    keeping.begin(issue, actor)
    return issue


def _refuse_overlong(row: Model) -> None:
    """Running text that was taken for a name or a title; PostgreSQL would refuse it unexplained."""
    for field in row._meta.concrete_fields:
        value = getattr(row, field.attname)
        most = getattr(field, "max_length", None)
        if isinstance(value, str) and most and len(value) > most:
            place = _PLACES.get(field.name, field.name)
            raise ImportRefused(
                _(
                    "%(place)s有 %(length)s 个字，最多 %(most)s 个：“%(begin)s……”。"
                    "多半是正文被当成了它；请检查稿件里的换行和标点。"
                )
                % {"place": _(place), "length": len(value), "most": most, "begin": value[:30]}
            )


def _refuse_known_number(publication: Publication, number: str | None) -> None:
    known = number and Issue.objects.filter(publication=publication, number=number).first()
    if known:
        raise ImportRefused(
            _(
                "%(issue)s 已经有了（编号 %(key)s），而这份稿件与它的不同。"
                "请改稿件里的期号，或删除原来那一期再导入。"
            )
            % {"issue": known, "key": known.pk}
        )


def _items(section: Section, items: Iterable[content.Item], actor: str) -> list[Item]:
    return [
        Item(
            publication=section.issue.publication,
            section=section,
            position=position,
            title=item.title,
            heading=item.heading,
            body=markdown.write(item.body),
            source=item.source,
            compiler=item.compiler,
            date=item.date,
            source_line=item.source_line,
            cover_url=item.cover.src if item.cover else None,
            cover_alt=item.cover.alt if item.cover else "",
            featured=item.featured,
            changed_by=actor,
        )
        for position, item in enumerate(items)
    ]
