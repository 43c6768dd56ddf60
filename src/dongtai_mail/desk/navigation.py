"""The desk's main pages, and which of them a person sees.

Promises: nothing is shown that the person has no right to, or whose page does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dongtai_mail.desk.access import Right, rights
from dongtai_mail.issues import editions
from dongtai_mail.issues.models import Publication


@dataclass(frozen=True, slots=True)
class Page:
    """``key`` is what a view calls ``here``; ``names`` are the URL names that lie under it."""

    key: str
    url: str
    label: str | Promise
    right: Right = Right.SEE
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    url: str
    label: str
    current: bool


CURRENT_ISSUE = Page("issue", "desk:issue", _("本期"))
MAIN = (
    CURRENT_ISSUE,
    Page("issues", "desk:publication", _("各期"), names=("publication", "manuscript")),
    Page("pool", "desk:pool", _("条目库"), names=("pool",)),
    Page("mailings", "desk:mailings", _("发送"), names=("mailing",)),
    Page("subscribers", "desk:subscribers", _("订阅者"), Right.LISTS),
    Page("reports", "desk:reports", _("报告"), names=("report",)),
    Page(
        "settings",
        "desk:settings",
        _("设置"),
        Right.ADMINISTER,
        names=("settings", "people", "audit"),
    ),
)
MORE = (
    Page("returned", "desk:returned-messages", _("退回与投诉"), Right.LISTS),
    Page("providers", "desk:providers", _("发送速度")),
    Page("doctor", "desk:doctor", _("体检")),
)


def entries(
    request: HttpRequest, publication: Publication | None, here: str, pages: Sequence[Page]
) -> list[Entry]:
    """The pages that exist and that the request's person may open, in order."""
    has = rights(request.user, publication)
    found = []
    for page in pages:
        url = _address(page, publication) if page.right in has else None
        if url is not None:
            found.append(Entry(url, str(page.label), _lies_under(page, url, request, here)))
    first = next((entry for entry in found if entry.current), None)
    return [replace(entry, current=entry is first) for entry in found]


def _address(page: Page, publication: Publication | None) -> str | None:
    if page is CURRENT_ISSUE:
        return _issue_address(publication)
    for arguments in ((publication.slug,) if publication else (), ()):
        try:
            return reverse(page.url, args=arguments)
        except NoReverseMatch:
            continue
    return None


def _issue_address(publication: Publication | None) -> str | None:
    issue = editions.in_hand(publication) if publication else None
    return reverse(CURRENT_ISSUE.url, args=[issue.pk]) if issue else None


def _lies_under(page: Page, url: str, request: HttpRequest, here: str) -> bool:
    if page is CURRENT_ISSUE:
        return request.path.startswith(url)
    match = request.resolver_match
    name = (match.url_name or "") if match else ""
    return page.key == here or any(
        name == each or name.startswith(f"{each}-") for each in page.names
    )
