"""Who may use the desk: the one place that says so.

Every page of the desk is wrapped in ``opens`` (a page about something of a publication) or
``anywhere`` (a page about the installation) or ``for_all`` (what changes something for every
publication), and a test fails for one that is not. Whoever has no role in a publication is answered
as if it did not exist; whoever lacks a role is told which.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from dongtai_mail.delivery.models import Mailing, ReturnedMessage
from dongtai_mail.desk.models import Membership, Role
from dongtai_mail.issues.models import (
    Edition,
    Issue,
    Item,
    ManuscriptDraft,
    Publication,
    Review,
    Section,
)
from subscribers.models import ImportRun, Segment, SubscriberList, Subscription

View = Callable[..., HttpResponseBase]
Person = AbstractBaseUser | AnonymousUser


class Right(enum.Enum):
    """What a page asks for; its value names the roles that bring it, besides administrators."""

    SEE = frozenset(Role)
    WRITE = frozenset({Role.EDITOR})
    APPROVE = frozenset({Role.REVIEWER})
    SEND = frozenset({Role.SENDER})
    PROOF = frozenset({Role.EDITOR, Role.REVIEWER, Role.SENDER})
    LISTS = frozenset({Role.LIST_MANAGER})
    ADMINISTER = frozenset[Role]()

    @property
    def roles(self) -> frozenset[Role]:
        return self.value | {Role.ADMINISTRATOR}


# How a row says whose it is; a path of attributes to its publication.
OWNERS: Mapping[type[Model], str] = {
    Publication: "",
    Issue: "publication",
    Section: "issue.publication",
    Item: "publication",
    ManuscriptDraft: "publication",
    Edition: "issue.publication",
    Review: "issue.publication",
    Mailing: "subscriber_list.publication",
    SubscriberList: "publication",
    Subscription: "subscriber_list.publication",
    Segment: "publication",
    ImportRun: "subscriber_list.publication",
}


def opens(model: type[Model], right: Right) -> Callable[[View], View]:
    """The view gets the ``model``'s row that the address names, once the person may see it.

    The address has its ``pk`` or ``slug``; further parts of the address are passed on.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, /, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _sign_in(request)
            name = "slug" if "slug" in kwargs else "pk"
            found = get_object_or_404(_rows(model), **{name: kwargs.pop(name)})
            whose = owner(found)
            check(request.user, whose, right)
            if whose is None:
                demand_everywhere(request.user, right)
            return view(request, found, **kwargs)

        return never_cache(checked)

    return decorate


def anywhere(right: Right) -> Callable[[View], View]:
    """A page about the whole installation, for whoever has ``right`` in some publication."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, /, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _sign_in(request)
            check(request.user, None, right)
            return view(request, **kwargs)

        return never_cache(checked)

    return decorate


def for_all(right: Right) -> Callable[[View], View]:
    """A page that changes something for every publication, for whoever has ``right`` in each."""

    def decorate(view: View) -> View:
        @anywhere(right)
        @wraps(view)
        def checked(request: HttpRequest, /, **kwargs: Any) -> HttpResponseBase:
            demand_everywhere(request.user, right)
            return view(request, **kwargs)

        return checked

    return decorate


def signed_in(view: View) -> View:
    """A page for everybody who has an account, about nobody's publication."""

    @wraps(view)
    def checked(request: HttpRequest, /, **kwargs: Any) -> HttpResponseBase:
        return view(request, **kwargs) if request.user.is_authenticated else _sign_in(request)

    return never_cache(checked)


def superuser(view: View) -> View:
    """A page for whoever runs the installation; others are told so."""

    @wraps(view)
    def checked(request: HttpRequest, /, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _sign_in(request)
        if not (isinstance(request.user, User) and request.user.is_superuser):
            raise PermissionDenied(_("这一步只有系统管理员能做。"))
        return view(request, **kwargs)

    return never_cache(checked)


def check(person: Person, publication: Publication | None, right: Right) -> None:
    """Raises Http404 for a stranger to ``publication`` and PermissionDenied without ``right``.

    Without a publication it is enough to have the right in any.
    """
    has = rights(person, publication)
    if right in has:
        return
    if publication is not None and not has:
        raise Http404
    raise PermissionDenied(
        _("这一步要有“%(roles)s”的职责，请找管理员。") % {"roles": _names(right)}
    )


def _names(right: Right) -> str:
    return _("”或“").join(str(role.label) for role in Role if role in right.roles)


def rights(person: Person, publication: Publication | None) -> frozenset[Right]:
    """What ``person`` may do in ``publication``, or in any one when it is None."""
    if not isinstance(person, User) or not person.is_active:
        return frozenset()
    if person.is_superuser:
        return frozenset(Right)
    roles = {
        role for number, role in _roles(person) if publication is None or number == publication.pk
    }
    return frozenset(right for right in Right if right.roles & roles)


def everywhere(person: Person, right: Right) -> bool:
    """Whether ``person`` has ``right`` in every publication, for what concerns all of them."""
    return all(right in rights(person, each) for each in Publication.objects.all())


def demand_everywhere(person: Person, right: Right) -> None:
    """Raises PermissionDenied unless ``person`` has ``right`` in every publication."""
    if not everywhere(person, right):
        text = _("这关系到所有刊物，要在每一份里都有“%(roles)s”的职责，请找管理员。")
        raise PermissionDenied(text % {"roles": _names(right)})


def sees(request: HttpRequest, publication: Publication) -> bool:
    """Whether the request's person has any role there."""
    return Right.SEE in rights(request.user, publication)


def publications(person: Person) -> QuerySet[Publication]:
    """Those in which ``person`` has any role."""
    everything = Publication.objects.order_by("name")
    if isinstance(person, User) and person.is_superuser:
        return everything
    own = {number for number, _role in _roles(person)} if isinstance(person, User) else set()
    return everything.filter(pk__in=own)


def owner(row: Model) -> Publication | None:
    """The publication that ``row`` belongs to; None for what came back and nobody knows whose."""
    if isinstance(row, ReturnedMessage):
        return _owner_of_returned(row)
    found: Any = row
    for attribute in filter(None, OWNERS[type(row)].split(".")):
        found = getattr(found, attribute)
    assert isinstance(found, Publication)
    return found


def _owner_of_returned(row: ReturnedMessage) -> Publication | None:
    if row.subscription:
        return row.subscription.subscriber_list.publication
    if row.delivery:
        return row.delivery.mailing.subscriber_list.publication
    domain = row.recipient.rpartition("@")[2].lower()
    named = list(Publication.objects.filter(bounce_domain=domain)[:2])
    return named[0] if len(named) == 1 else None


def _rows(model: type[Model]) -> QuerySet[Model]:
    path = OWNERS.get(model, "")
    rows: QuerySet[Model] = model._default_manager.all()
    return rows.select_related(path.replace(".", "__")) if path else rows


def _roles(person: User) -> list[tuple[int, str]]:
    """Asked once a request: a page asks for many rights."""
    known: list[tuple[int, str]] | None = getattr(person, "_roles", None)
    if known is None:
        known = list(Membership.objects.filter(user=person).values_list("publication", "role"))
        person._roles = known  # type: ignore[attr-defined]  # It lives as long as the request.
    return known


def _sign_in(request: HttpRequest) -> HttpResponse:
    if "HX-Request" in request.headers:
        # A page that polls must not put the sign-in form into its middle.
        return HttpResponse(status=401, headers={"HX-Refresh": "true"})
    return redirect_to_login(_to_come_back_to(request))


def _to_come_back_to(request: HttpRequest) -> str:
    """The page itself, or the one whose form was handed in: an address for forms shows nothing."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    parts = urlsplit(request.headers.get("Referer", ""))
    back = f"{parts.path}?{parts.query}" if parts.query else parts.path
    own = parts.netloc == request.get_host() and url_has_allowed_host_and_scheme(back, None)
    return back if own else reverse("desk:home")
