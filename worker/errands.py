"""What workers do beside sending mailings: our own notices, imports, links and tidying up.

Promises: every errand leases its rows, so two workers do no harm and a killed one is replaced.
"""

from __future__ import annotations

from dongtai_mail.delivery import (
    imports,
    mailings,
    notices,
    proof_letters,
    proof_sends,
    staff_letters,
    staff_notices,
)
from dongtai_mail.issues import links as asked
from dongtai_mail.issues import similar
from subscribers import importing, outbox, signup, undoing
from worker import apart, links, posting
from worker.stop import stopping

AT_ONCE = 50
INDEXED_AT_ONCE = 200
OUTGOING: tuple[posting.Outgoing, ...] = (
    (outbox.readers, notices),
    (staff_notices.outgoing, staff_letters),
    (proof_sends.outgoing, proof_letters),
)

BESIDE = apart.Beside("errands")
POST = apart.Beside("notices")


def wake() -> None:
    """Run errands beside the sending of this process, when it may be hours until one is free.

    Notices have a thread of their own: an import may take long, and so may a crowd of notices.
    """
    if not POST.busy and _letters_wait():
        POST.begin(_send_all_notices)
    if BESIDE.busy:
        return
    if importing.waiting() or undoing.waiting() or asked.due():
        BESIDE.begin(run)


def _letters_wait() -> bool:
    return any(outbox.waiting(rows()) for rows, _ in OUTGOING)


def run() -> None:
    """Do whatever errands there are."""
    apart.each(
        {
            "notices": send_notices,
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
    while not stopping.is_set() and send_notices():
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
    return posting.send(OUTGOING, AT_ONCE)
