"""Rows by the names that people type; a wrong name is answered with the right ones."""

from __future__ import annotations

from dongtai_mail.arguments import either
from dongtai_mail.commands.shell import CommandRefused
from dongtai_mail.issues.models import Issue, Publication
from subscribers.models import SubscriberList


def publication_named(slug: str) -> Publication:
    found = Publication.objects.filter(slug=slug).first()
    if found is None:
        said = either(f"没有刊物 {slug!r}。", f"There is no publication {slug!r}. ")
        raise CommandRefused(said + _choices(Publication))
    return found


def list_named(slug: str) -> SubscriberList:
    found = SubscriberList.objects.filter(slug=slug).first()
    if found is None:
        said = either(f"没有名单 {slug!r}。", f"There is no list {slug!r}. ")
        raise CommandRefused(said + _choices(SubscriberList))
    return found


def issue_numbered(text: str) -> Issue:
    found = Issue.objects.filter(pk=int(text)).first() if text.isdecimal() else None
    if found is None:
        latest = ", ".join(f"{issue.pk}（{issue}）" for issue in Issue.objects.all()[:5])
        raise CommandRefused(
            either(
                f"没有编号为 {text!r} 的一期。最近的：{latest or '还没有'}。",
                f"There is no issue {text!r}. The last ones: {latest or 'none yet'}.",
            )
        )
    return found


def _choices(model: type[Publication] | type[SubscriberList]) -> str:
    slugs = model.objects.order_by("slug").values_list("slug", flat=True)[:20]
    names = ", ".join(slugs)
    return either(
        f"现有：{names or '还没有，请先用 dongtai publication 建立'}。",
        f"There are: {names or 'none; make one with dongtai publication'}.",
    )
