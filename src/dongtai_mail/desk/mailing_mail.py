"""Who is told by mail that a mailing waits for a person: it was stopped, or missed its time.

Owns: ``listen``. Promises: whoever may send the publication's issues hears of it, and whoever
scheduled this one; where nobody has that role, the administrators, and at last the superusers.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from dongtai_mail.delivery import staff_notices
from dongtai_mail.delivery.models import Mailing, StaffNotice
from dongtai_mail.delivery.signals import mailing_waits
from dongtai_mail.desk import people
from dongtai_mail.desk.models import Role

KINDS = {
    Mailing.State.STOPPED: StaffNotice.Kind.MAILING_STOPPED,
    Mailing.State.MISSED: StaffNotice.Kind.MAILING_MISSED,
}


def listen() -> None:
    mailing_waits.connect(_tell, dispatch_uid="desk.mailing_mail")


def _tell(mailing_id: int, **_more: Any) -> None:
    mailing = Mailing.objects.select_related("subscriber_list__publication").get(pk=mailing_id)
    kind = KINDS.get(Mailing.State(mailing.state))
    # Somebody may have decided about it already.
    if kind is not None:
        staff_notices.post_mailing(kind, mailing, people.with_languages(_concerned(mailing)))


def _concerned(mailing: Mailing) -> QuerySet[User]:
    publication = mailing.subscriber_list.publication_id
    active = User.objects.filter(is_active=True)
    sender, administrator = (
        Q(memberships__publication=publication, memberships__role=role)
        for role in (Role.SENDER, Role.ADMINISTRATOR)
    )
    in_turn = (sender, administrator, Q(is_superuser=True))
    able = next((each for each in in_turn if active.filter(each).exists()), Q(pk=None))
    return active.filter(able | Q(username=mailing.created_by)).distinct()
