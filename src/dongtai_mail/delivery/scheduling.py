"""Making a mailing: what may be sent, to whom and when, refused before there is anything to send.

Promises: the same request twice is one mailing; nothing is scheduled that has errors, lacks the
approval it needs, goes to another publication's list, or can't be written as a letter. Fails: with
``MailingRefused`` and the reason, in Chinese, for the person who asked.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.utils.translation import gettext as _

from dongtai_mail.content import Severity
from dongtai_mail.database import earliest_now
from dongtai_mail.delivery import audience, letters, stages
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.delivery.signals import announce_due
from dongtai_mail.issues import reviewing
from dongtai_mail.issues.models import Edition
from dongtai_mail.sentences import finding_told
from subscribers.audience import AudienceError, Description
from subscribers.models import SubscriberList


class MailingRefused(Exception):
    """The mailing can't be made or changed; the text says why and what to do."""


def schedule(
    edition: Edition,
    subscriber_list: SubscriberList,
    *,
    request_key: str,
    at: datetime.datetime | None = None,
    created_by: str = "",
    staged: Sequence[stages.Stage] = (),
    stage_wait_seconds: int = 600,
    described: Description | None = None,
    per_minute: int | None = None,
    unconfirmed: str = Mailing.Unconfirmed.RESEND,
    after: Mailing | None = None,
) -> Mailing:
    """Make a mailing for ``at`` (now when None). The same ``request_key`` again is the same one.

    ``described`` chooses the readers (``subscribers.audience``) in place of the whole list;
    ``after`` is the mailing that did not reach them (``audience.missed``).
    """
    _refuse_unready(edition, subscriber_list, after)
    if described is not None:
        _refuse_audience(subscriber_list, described)
    now = earliest_now()
    mailing, _created = Mailing.objects.get_or_create(
        request_key=request_key,
        defaults={
            "edition": edition,
            "subscriber_list": subscriber_list,
            "scheduled_at": at or now,
            "created_by": created_by,
            "stages": list(staged),
            "stage_wait_seconds": stage_wait_seconds,
            "audience": described,
            "per_minute": per_minute,
            "unconfirmed_policy": unconfirmed,
            "after": after,
        },
    )
    if mailing.scheduled_at <= now:
        announce_due(mailing.pk)
    return mailing


def _refuse_unready(
    edition: Edition, subscriber_list: SubscriberList, after: Mailing | None
) -> None:
    errors = [found for found in edition.findings if found["severity"] == Severity.ERROR]
    if errors:
        raise MailingRefused(
            _("这一版还有 %(count)s 处错误，改好并重新生成才能发送：%(first)s")
            % {
                "count": len(errors),
                "first": finding_told(errors[0]["code"], errors[0]["message"]),
            }
        )
    if subscriber_list.publication_id != edition.issue.publication_id:
        raise MailingRefused(
            _("名单“%(list)s”属于另一份刊物，请选《%(publication)s》的名单。")
            % {"list": subscriber_list, "publication": edition.issue.publication}
        )
    refuse_unapproved(edition, after)
    try:
        letters.try_out(edition, subscriber_list)
    except letters.LettersRefused as refused:
        raise MailingRefused(str(refused)) from refused


def refuse_unapproved(edition: Edition, after: Mailing | None) -> None:
    if is_unapproved(edition, after):
        raise MailingRefused(
            _(
                "《%(issue)s》的这一版还没有批准，或批准后又有改动。"
                "请在这一期的“审核”页送审；批准后再发送。"
            )
            % {"issue": edition.issue}
        )


def is_unapproved(edition: Edition, after: Mailing | None) -> bool:
    """Whether an approval of these very bytes is asked for and there is none.

    Those whom ``after`` missed get what the others got, though the issue may have gone on since;
    but from no sender whom nobody approved.
    """
    if not edition.issue.publication.needs_approval:
        return False
    if after is not None and after.edition_id == edition.pk:
        return not reviewing.was_approved(edition, same_sender=True)
    return not reviewing.is_approved(edition)


def _refuse_audience(subscriber_list: SubscriberList, described: Description) -> None:
    try:
        audience.check(subscriber_list.publication_id, described)
    except AudienceError as error:
        raise MailingRefused(str(error)) from error
