"""The account of a mailing as plain values: what the command prints and programs read.

Promises: each number comes from the rows that are the truth, or from the tallies that the
database keeps of them; the cost doesn't grow with the audience.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from dongtai_mail.delivery import approvals, audience, mailings, reasons, stages
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.issues.models import Issue
from dongtai_mail.sentences import told
from subscribers.audience import Description

Account = dict[str, Any]


def summary(mailing: Mailing) -> Account:
    """Who got how much of what, in one line's worth."""
    ledger = mailings.ledger(mailing)
    return {
        "id": mailing.pk,
        "issue": str(mailing.edition.issue),
        "list": mailing.subscriber_list.slug,
        "state": mailing.state,
        "state_name": _(mailing.get_state_display()),
        "scheduled_at": mailing.scheduled_at.astimezone(mailing.edition.issue.publication.zone),
        "started_at": mailing.started_at,
        "finished_at": mailing.finished_at,
        "targeted": mailing.targeted,
        "ledger": ledger,
        "adds_up": sum(ledger.values()) == mailing.targeted,
    }


def account(mailing: Mailing, unconfirmed: int | None) -> Account:
    """All of it, with at most so many unconfirmed deliveries by name (None: every one)."""
    short = summary(mailing)
    return short | {
        "note": "\n".join(told(note) for note in approvals.notes(mailing) if note),
        "stage": stage(mailing),
        "lanes": mailings.ledger_by_lane(mailing),
        "reasons": [
            {
                "state": each.state.name.lower(),
                "stage": each.stage,
                "code": each.code,
                "enhanced": each.enhanced,
                "text": each.wording,
                "count": each.count,
            }
            for each in reasons.reasons(mailing)
        ],
        "left_before": left(mailing),
        "unconfirmed": {
            "count": short["ledger"]["unconfirmed"],
            "policy": mailing.unconfirmed_policy,
            "policy_name": pgettext("unconfirmed", mailing.get_unconfirmed_policy_display()),
            "deliveries": _unconfirmed(mailing, unconfirmed),
        },
    }


def described(mailing: Mailing) -> Description | None:
    """Whom its start would choose now; None for its whole list alone."""
    first = stages.first_list(mailing)
    if mailing.audience is None and first is None:
        return None
    plain = mailing.audience or {"lists": [mailing.subscriber_list_id]}
    return audience.with_first(plain, first)


def of_issue(issue: Issue) -> list[tuple[Mailing, int]]:
    """The mailings of an issue that have begun, and how many readers' servers took each."""
    begun = Mailing.objects.filter(edition__issue=issue, started_at__isnull=False)
    rows = list(begun.select_related("subscriber_list").order_by("started_at"))
    ledgers = mailings.ledgers([row.pk for row in rows])
    return [(row, ledgers[row.pk]["accepted"]) for row in rows]


def stage(mailing: Mailing) -> str:
    """One sentence on how far a mailing in stages is open; nothing for the others."""
    if not mailing.stages or not mailing.started_at:
        return ""
    now = mailing.stages[min(mailing.stage, len(mailing.stages) - 1)]
    part = _("名单 %s") % now["list"] if "list" in now else f"{now['percent']:g} %"
    return _(
        "第 %(stage)d 批，共 %(stages)d 批（%(part)s）：已放行 %(open)s / %(targeted)s 人。"
    ) % {
        "stage": mailing.stage + 1,
        "stages": len(mailing.stages),
        "part": part,
        "open": f"{now['size']:,}",
        "targeted": f"{mailing.targeted:,}",
    }


def left(mailing: Mailing) -> dict[str, int]:
    """Why readers of the frozen audience were passed over: what their subscriptions are now."""
    rows = Delivery.objects.filter(mailing=mailing, state=Delivery.State.SUPPRESSED)
    counted = rows.values_list("subscription__state").annotate(count=Count("id")).order_by()
    return {state or "erased": count for state, count in counted}


def _unconfirmed(mailing: Mailing, at_most: int | None) -> list[Account]:
    rows = Delivery.objects.filter(mailing=mailing, state=Delivery.State.UNCONFIRMED)
    return [
        {"id": pk, "address": address, "since": since}
        for pk, address, since in rows.order_by("id").values_list("id", "address", "changed_at")[
            :at_most
        ]
    ]
