"""Mails to staff: about their own accounts, and about reviews and mailings that wait for them.

Owns: their outbox. Promises: no password and no link that opens an account is ever stored; the
link is made when the letter is written. Fails: nothing is posted to somebody without an address,
or while there is no publication in whose name to write; it says so in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation

from dongtai_mail.delivery.models import Mailing, StaffNotice
from dongtai_mail.issues.models import Publication, Review
from dongtai_mail.logs import event
from subscribers.models import Posted
from subscribers.signals import notice_due

logger = logging.getLogger(__name__)

# Those a mail is for, each with the language they read, or "".
People = Mapping[User, str]


def post(
    kind: StaffNotice.Kind,
    user: User,
    publication: Publication | None = None,
    language: str = "",
) -> bool:
    """Queue a mail to ``user``, in the language of the page where none is given.

    False when it can't be written.
    """
    sender = publication or Publication.objects.order_by("pk").first()
    if sender is None or not user.email:
        logger.warning(event("staff-notice-refused", kind=kind, user=user.pk))
        return False
    StaffNotice.objects.create(
        kind=kind,
        user=user,
        publication=sender,
        language=language or translation.get_language() or settings.LANGUAGE_CODE,
        due_at=timezone.now(),
    )
    transaction.on_commit(lambda: notice_due.send(StaffNotice))
    return True


def language_of(publication: Publication) -> str:
    """What its people are written to in who never chose a language of their own."""
    return "en" if publication.language.startswith("en") else "zh-hans"


def post_review(kind: StaffNotice.Kind, review: Review, people: People) -> None:
    """Queue a mail about ``review`` to each of ``people`` who can be written to, once."""
    told = StaffNotice.objects.filter(kind=kind, review=review).values("user")
    _post_to(people, review.issue.publication, told, kind=kind, review=review)


def post_mailing(kind: StaffNotice.Kind, mailing: Mailing, people: People) -> None:
    """Queue a mail about ``mailing``, except to whom one like it is still on its way."""
    unsent = StaffNotice.objects.filter(kind=kind, mailing=mailing, state=Posted.State.QUEUED)
    publication = mailing.subscriber_list.publication
    _post_to(people, publication, unsent.values("user"), kind=kind, mailing=mailing)


def _post_to(
    people: People, publication: Publication, told: QuerySet[Any, Any], **about: Any
) -> None:
    reached = User.objects.filter(pk__in=[each.pk for each in people]).exclude(pk__in=told)
    StaffNotice.objects.bulk_create(
        StaffNotice(
            **about,
            user=person,
            publication=publication,
            language=people[person] or language_of(publication),
            due_at=timezone.now(),
        )
        for person in reached.order_by("pk")
        if person.email and person.is_active
    )
    transaction.on_commit(lambda: notice_due.send(StaffNotice))


def outgoing() -> QuerySet[StaffNotice]:
    related = ("user", "publication", "review__issue", "mailing__edition__issue")
    return StaffNotice.objects.select_related(*related)
