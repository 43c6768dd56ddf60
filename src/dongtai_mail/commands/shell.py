"""What the commands share: Django set up, people's mistakes as one line, times and look-ups."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from zoneinfo import ZoneInfo

from dongtai_mail.arguments import complain, either, english, file_reason


class CommandRefused(Exception):
    """The command can't be done; the text says why and what to do."""


def run(command: Callable[[], int]) -> int:
    """Set Django up and do it; a refusal is one line on stderr and exit code 2."""
    import django
    from django.db import DatabaseError

    django.setup()
    from dongtai_mail.delivery.letters import KeyMissing
    from dongtai_mail.delivery.scheduling import MailingRefused
    from dongtai_mail.issues.editions import EditionRefused
    from dongtai_mail.issues.importing import ImportRefused
    from dongtai_mail.manuscript import ManuscriptError
    from subscribers.importing import ImportFailed

    refusals = (
        CommandRefused,
        KeyMissing,
        MailingRefused,
        EditionRefused,
        ImportRefused,
        ImportFailed,
        ManuscriptError,
    )
    try:
        return command()
    except refusals as refusal:
        return complain(_told(str(refusal)))
    except OSError as error:
        return complain(file_reason(error))
    except DatabaseError as error:
        return complain(
            either(
                f"数据库不可用，或还没有建好（dongtai manage migrate）：{error}",
                f"The database is not there, or not set up (dongtai manage migrate): {error}",
            )
        )


def in_their_language() -> contextlib.AbstractContextManager[None]:
    """What is only shown, in the language that is read at the terminal; store nothing in it."""
    from django.utils import translation

    return translation.override("en") if english() else contextlib.nullcontext()


def _told(refusal: str) -> str:
    """Told only here: what a command stores on its way stays in the language of the source."""
    from django.utils import translation

    from dongtai_mail.sentences import told

    if refusal.isascii() or not english():
        return refusal
    with translation.override("en"):
        known = translation.gettext(refusal)
        return known if known != refusal else told(refusal)


def moment(text: str, zone: ZoneInfo) -> datetime.datetime:
    """An ISO time to come, in ``zone`` unless it names its own."""
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise CommandRefused(
            either(
                f"--at {text!r}：请写成 2026-12-01T09:00（{zone.key} 时间），或带上时区。",
                f"--at {text!r}: write it as 2026-12-01T09:00 ({zone.key}), or with its zone.",
            )
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    if at <= datetime.datetime.now(zone):
        raise CommandRefused(
            either(
                f"--at {text!r}：这个时间已经过去。请写以后的时间；要现在发，请去掉 --at。",
                f"--at {text!r} is past. Write a time to come, or leave --at out to send now.",
            )
        )
    return at
