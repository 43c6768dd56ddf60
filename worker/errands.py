"""What workers do beside sending mailings: our own notices, imports, links and tidying up.

Promises: every errand leases its rows, so two workers do no harm and a killed one is replaced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from types import ModuleType

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from dongtai_mail.delivery import (
    imports,
    mailings,
    notices,
    proof_letters,
    proof_sends,
    staff_letters,
    staff_notices,
)
from dongtai_mail.delivery.letters import KeyMissing, Letter
from dongtai_mail.issues import links as asked
from dongtai_mail.issues import similar
from dongtai_mail.logs import event
from dongtai_mail.message.address import AddressError
from dongtai_mail.message.header import HeaderError
from dongtai_mail.message.reply import Reply, Verdict, classify
from subscribers import importing, outbox, signup, undoing
from subscribers.models import Posted
from worker import apart, links
from worker.offers import LetterRefused
from worker.relays import Relays
from worker.smtp import SessionRefused

logger = logging.getLogger(__name__)

AT_ONCE = 50
INDEXED_AT_ONCE = 200
# What waits to be sent, and who writes its letters.
OUTGOING: tuple[tuple[Callable[[], QuerySet[Posted]], ModuleType], ...] = (
    (outbox.readers, notices),
    (staff_notices.outgoing, staff_letters),
    (proof_sends.outgoing, proof_letters),
)

BESIDE = apart.Beside("errands")


def wake() -> None:
    """Run errands beside the sending of this process, when it may be hours until one is free."""
    if BESIDE.busy:
        return
    if _letters_wait() or importing.waiting() or undoing.waiting() or asked.due():
        BESIDE.begin(run)


def _letters_wait() -> bool:
    return any(outbox.waiting(rows()) for rows, _ in OUTGOING)


def run() -> None:
    """Do whatever errands there are."""
    apart.each(
        {
            "notices": _send_all_notices,
            "cancel": mailings.cancel_rest,
            "imports": _advance_imports,
            "forget-notices": _forget_notices,
            "forget-unconfirmed": signup.forget_unconfirmed,
            "forget-imports": importing.forget_old,
            "similar": lambda: similar.catch_up(most=INDEXED_AT_ONCE),
            "links": lambda: links.run(_letters_wait),
        }
    )


def _send_all_notices() -> None:
    while send_notices():
        pass


def _advance_imports() -> None:
    for run_id in importing.waiting():
        importing.advance(run_id)
    for run_id in undoing.waiting():
        imports.advance_undoing(run_id)


def _forget_notices() -> None:
    for rows, _ in OUTGOING:
        outbox.forget_old(rows())


def send_notices() -> int:
    """Send one portion of each outbox; answers how many notices were in them."""
    claimed = [(notice, by) for rows, by in OUTGOING for notice in outbox.claim(rows(), AT_ONCE)]
    written = [(notice, letter) for notice, by in claimed if (letter := _written(notice, by))]
    if written:
        replies = asyncio.run(_send([letter for _, letter in written]))
        for (notice, _), reply in zip(written, replies, strict=True):
            _note(notice, reply)
    return len(claimed)


def _written(notice: Posted, by: ModuleType) -> Letter | None:
    try:
        if by.addressed(notice):
            letter: Letter = by.letter(notice, timezone.localtime())
            return letter
        outbox.refused(notice, "suppressed", for_good=True)
    except (KeyMissing, ValueError) as error:
        # A key that is missing or broken can be mended; the others' notices go on meanwhile.
        for_good = isinstance(error, AddressError | HeaderError)
        outbox.refused(notice, str(error), for_good=for_good)
        logger.warning(event("notice-failed", notice=notice.pk, error=error))
    return None


async def _send(letters: Sequence[Letter]) -> list[Reply]:
    relays = Relays(settings.RELAYS)
    try:
        return [await _reply(relays, letter) for letter in letters]
    finally:
        await relays.close()


async def _reply(relays: Relays, letter: Letter) -> Reply:
    try:
        session = await relays.acquire(letter=letter)
    except (SessionRefused, LetterRefused) as refusal:
        return refusal.reply
    try:
        reply = await session.envelope(letter, offered=False)
        if reply.code != 354:
            return reply
        session.content(letter, None)
        return await session.final()
    finally:
        await relays.release(session)


def _note(notice: Posted, reply: Reply) -> None:
    verdict = classify(reply)
    if verdict is Verdict.ACCEPTED:
        outbox.sent(notice)
        return
    why = f"{reply.stage}: {reply.code or ''} {reply.text}"
    outbox.refused(notice, why, for_good=verdict is Verdict.BOUNCE)
    logger.warning(event("notice-refused", notice=notice.pk, reply=why))
