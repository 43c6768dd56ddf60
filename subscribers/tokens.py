"""Links that our own notices carry, each sealed for one purpose and good for a while.

A token holds (subscription, notice); the notice says when it was made, so nothing but the row
decides how long a link lives. Leaving has no place here: its tokens never expire.
"""

from __future__ import annotations

import datetime

from django.utils import timezone

from dongtai_mail.keys import keyring
from subscribers.models import Notice

LIFETIMES = {
    Notice.Kind.CONFIRM: datetime.timedelta(days=30),
    Notice.Kind.MOVE: datetime.timedelta(days=3),
    Notice.Kind.MOVED: datetime.timedelta(days=30),
    Notice.Kind.DATA: datetime.timedelta(days=1),
}
PATHS = {
    Notice.Kind.CONFIRM: "c",
    Notice.Kind.MOVE: "m",
    Notice.Kind.MOVED: "b",
    Notice.Kind.DATA: "d",
}


def path(notice: Notice) -> str:
    """The path of the page that a notice's link opens."""
    kind = Notice.Kind(notice.kind)
    token = keyring().seal(f"notice {kind}", (_named(kind, notice.subscription_id), notice.pk))
    return f"/{PATHS[kind]}/{token}/"


def opened(kind: Notice.Kind, token: str) -> Notice | None:
    """The notice whose link this is, unless it is forged, too old, or its reader is gone."""
    try:
        subscription_id, notice_id = keyring().open(f"notice {kind}", token)
    except ValueError:  # SealError is one, and so is a token that carries other numbers.
        return None
    if max(subscription_id, notice_id) >= 1 << 63:
        return None
    related = ("subscription__subscriber", "subscription__subscriber_list__publication", "move")
    found = (
        Notice.objects.select_related(*related)
        .filter(
            pk=notice_id,
            kind=kind,
            created_at__gte=timezone.now() - LIFETIMES[kind],
        )
        .first()
    )
    named = found and _named(kind, found.subscription_id)
    return found if named == subscription_id else None


def _named(kind: Notice.Kind, subscription_id: int) -> int:
    """The subscription that a token names: none where its notice may go on with another one."""
    return 0 if kind in (Notice.Kind.MOVE, Notice.Kind.MOVED) else subscription_id
