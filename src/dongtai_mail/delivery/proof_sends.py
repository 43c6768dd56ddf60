"""Test sends: an edition to a few addresses that staff name, to be looked at before it goes out.

Owns: their outbox. Promises: they are no deliveries and are counted nowhere; few at a time and few
an hour, so that the desk can't be used to write to everybody. Fails: ``ProofRefused``, saying which
address and what to do.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from dongtai_mail.delivery.models import ProofLetter
from dongtai_mail.issues.models import Edition, Publication
from dongtai_mail.message.address import Address, AddressError, as_typed
from subscribers.signals import notice_due

AT_ONCE = 20
AN_HOUR = 100
_BETWEEN = re.compile(r"[\s,;，；、]+")


class ProofRefused(Exception):
    """Nothing was sent; the text says why and what to do."""


def addresses(text: str) -> list[Address]:
    """The addresses in what somebody typed or pasted, each once."""
    found: dict[str, Address] = {}
    for word in filter(None, _BETWEEN.split(text)):
        try:
            address = as_typed(word)
        except AddressError as error:
            raise ProofRefused(
                _("“%(word)s”不是邮箱地址，请改正。") % {"word": word[:80]}
            ) from error
        found.setdefault(address.key, address)
    if not found:
        raise ProofRefused(_("请填写至少一个邮箱地址。"))
    if len(found) > AT_ONCE:
        raise ProofRefused(
            _("一次最多发 %(most)d 个地址，这里有 %(count)d 个；请减少一些。")
            % {"most": AT_ONCE, "count": len(found)}
        )
    return list(found.values())


def post(edition: Edition, to: Sequence[Address], actor: str) -> list[ProofLetter]:
    """Queue the edition for each address."""
    now = timezone.now()
    with transaction.atomic():
        publication = edition.issue.publication_id
        Publication.objects.select_for_update().get(pk=publication)
        since = now - datetime.timedelta(hours=1)
        before = ProofLetter.objects.filter(
            edition__issue__publication=publication, created_at__gte=since
        ).count()
        if before + len(to) > AN_HOUR:
            raise ProofRefused(
                _("一小时之内最多发 %(most)d 封测试邮件，已发 %(before)d 封；请过一会儿再发。")
                % {"most": AN_HOUR, "before": before}
            )
        made = ProofLetter.objects.bulk_create(
            ProofLetter(edition=edition, address=each.display, actor=actor, due_at=now)
            for each in to
        )
        transaction.on_commit(lambda: notice_due.send(ProofLetter))
    return made


def outgoing() -> QuerySet[ProofLetter]:
    return ProofLetter.objects.select_related("edition__issue__publication")
