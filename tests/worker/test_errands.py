"""What workers do beside sending mailings: one person's trouble is not the others'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dongtai_mail.delivery import imports, proof_sends
from dongtai_mail.delivery.letters import key_path
from dongtai_mail.delivery.models import ProofLetter
from dongtai_mail.environment import Relay
from dongtai_mail.message.address import parse
from subscribers import importing
from subscribers.models import ImportRun, Subscriber
from tests import factories
from tests.smtp_server import SmtpServer
from worker import errands

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings, tmp_path: Path) -> Iterator[SmtpServer]:
    settings.DATA_DIR = tmp_path
    with SmtpServer() as smtp:
        settings.RELAYS = (Relay("127.0.0.1", smtp.port, "none"),)
        yield smtp


@pytest.mark.parametrize("key", [None, "no key"])
def test_a_publication_that_cannot_sign_holds_up_no_other(
    server: SmtpServer, key: str | None
) -> None:
    theirs, ours = factories.publication("other", "other.example"), factories.publication()
    for publication in (theirs, ours):
        to = [parse(f"proof@{publication.slug}.test")]
        proof_sends.post(factories.edition(publication), to, "wang")
    path = key_path(theirs)
    path.unlink() if key is None else path.write_text(key)
    errands.send_notices()
    assert server.recipients() == ["proof@observer.test"]
    left = ProofLetter.objects.exclude(state=ProofLetter.State.SENT).get()
    assert (left.state, left.attempts) == (ProofLetter.State.QUEUED, 1)
    assert left.note


def test_an_import_and_its_undoing_are_errands(settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    rows = "邮箱\nli@example.com\nwang@example.com\n".encode()
    run = importing.receive(factories.subscriber_list(), [rows], "readers.csv")
    importing.begin(run, proceed=True)
    errands.run()
    run.refresh_from_db()
    assert (run.state, Subscriber.objects.count()) == (ImportRun.State.DONE, 2)
    imports.begin_undoing(run)
    errands.run()
    run.refresh_from_db()
    assert (run.state, Subscriber.objects.count()) == (ImportRun.State.UNDONE, 0)
