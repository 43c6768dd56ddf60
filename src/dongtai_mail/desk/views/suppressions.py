"""Addresses that get no mail: of one publication, and of all.

Promises: what stands for every publication is added by whoever manages the lists of all of them,
and taken back by whoever administers all of them; the list shows what stands for all only where the
address is on a list of this publication, so that no publication reads another's readers here.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dongtai_mail.desk import audit
from dongtai_mail.desk.access import Right, everywhere, opens
from dongtai_mail.desk.forms import typed
from dongtai_mail.issues.models import Publication
from dongtai_mail.message.address import AddressError, as_typed
from dongtai_mail.sentences import told
from subscribers import suppression
from subscribers.models import Release, Subscription, Suppression

PER_PAGE = 50
RELEASES = 20


@opens(Publication, Right.LISTS)
@require_http_methods(["GET", "HEAD", "POST"])
def suppressions(request: HttpRequest, publication: Publication) -> HttpResponse:
    """The addresses that get no mail; looked up by the whole address, which is hashed."""
    if request.method == "POST" and _add(request, publication):
        return redirect("desk:suppressions", publication.slug)
    manages_all = everywhere(request.user, Right.LISTS)
    found = _shown(publication, manages_all)
    asked = typed(request.GET, "q")
    if asked:
        try:
            found = suppression.of(as_typed(asked).key, publication.pk)
        except AddressError as error:
            messages.error(request, told(str(error)))
    releases = Release.objects.filter(_scope(publication, manages_all)).order_by("-pk")
    context = {
        "publication": publication,
        "here": "subscribers",
        "page": Paginator(found.order_by("-pk"), PER_PAGE).get_page(request.GET.get("page")),
        "q": asked,
        "typed": request.POST,
        "releases": releases[:RELEASES],
        "adds_everywhere": manages_all,
        "releases_everywhere": everywhere(request.user, Right.ADMINISTER),
    }
    return render(request, "desk/subscribers_suppressions.html", context)


def _shown(publication: Publication, manages_all: bool) -> QuerySet[Suppression]:
    own = Subscription.objects.filter(
        subscriber__key=OuterRef("key"), subscriber_list__publication=publication
    )
    return Suppression.objects.filter(
        _scope(publication, manages_all) | Q(Exists(own), publication=None)
    )


def _scope(publication: Publication, manages_all: bool) -> Q:
    own = Q(publication=publication)
    return own | Q(publication=None) if manages_all else own


def _add(request: HttpRequest, publication: Publication) -> bool:
    """Whether it could be; what can't stays in the form."""
    wide = request.POST.get("scope") == "everywhere"
    if wide:
        _demand(request.user, Right.LISTS)
    try:
        key = as_typed(typed(request.POST, "address")).key
    except AddressError as error:
        messages.error(request, told(str(error)))
        return False
    source = ": ".join(filter(None, [request.user.get_username(), typed(request.POST, "reason")]))
    with transaction.atomic():
        place = None if wide else publication.pk
        suppression.suppress(key, Suppression.Reason.STAFF, source, place)
        audit.record(request, "suppression.added", publication, after={"everywhere": wide})
    messages.success(request, _("已列入不发名单。"))
    return True


@opens(Publication, Right.LISTS)
@require_POST
def release(request: HttpRequest, publication: Publication, pk: int) -> HttpResponse:
    row = get_object_or_404(_shown(publication, everywhere(request.user, Right.LISTS)), pk=pk)
    wide = row.publication_id is None
    if wide:
        _demand(request.user, Right.ADMINISTER)
    try:
        with transaction.atomic():
            suppression.release(row, typed(request.POST, "reason"), request.user.get_username())
            after = {"suppression": pk, "everywhere": wide}
            audit.record(request, "suppression.released", publication, after=after)
    except suppression.ReleaseRefused as refused:
        messages.error(request, str(refused))
    return redirect("desk:suppressions", publication.slug)


def _demand(person: AbstractBaseUser | AnonymousUser, right: Right) -> None:
    if everywhere(person, right):
        return
    if right is Right.LISTS:
        raise PermissionDenied(_("对所有刊物不发，要能管理每一份刊物的名单，请找管理员。"))
    raise PermissionDenied(_("对所有刊物不发的地址，只有每一份刊物的管理员才能取消，请找他。"))
