"""What a dead process's journal tells, and when it is not believed."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from dongtai_mail.delivery import mailings, queue
from dongtai_mail.delivery.models import Batch
from tests import factories
from worker import duties, journal, notes
from worker.journal import stories


@pytest.mark.django_db
def test_after_a_power_cut_the_notes_are_asked(
    settings, tmp_path: Path, redis_server: redis.Redis
) -> None:
    settings.DATA_DIR = tmp_path
    redis_server.flushall()
    factories.subscribe(factories.subscriber_list(), *(f"r{n}@example.com" for n in range(3)))
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    claimed = queue.claim(mailing.pk, "", "worker", 3)
    batch = claimed[0].batch_id
    notes.begin(redis_server, batch)
    for each in claimed:
        told = journal.begun(each.id) + journal.concluded(each.id, True)
        redis_server.rpush(f"dongtai:batch:{batch}", told)
    # All that had reached the disk, or worse.
    left = (journal.batch(batch), journal.batch(batch) + b"S 1\0\0\0\n")
    for number, octets in enumerate(left):
        path = tmp_path / "journal" / f"another-boot-host-{number}-abc.log"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(octets)
    assert duties.settle_dead_workers() == []
    assert not list((tmp_path / "journal").iterdir())
    leases = dict(Batch.objects.values_list("pk", "leased_until"))
    duties.settle_lapsed(redis_server, leases)
    assert mailings.ledger(mailing)["accepted"] == 3


def test_a_journal_of_this_boot_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / f"{journal.boot()}-host-1-abc.log"
    path.write_bytes(journal.batch(7) + journal.begun(8) + b"A 8")
    (story,) = stories(tmp_path)
    assert (story.batches, story.accepted, story.unconfirmed) == ([7], set(), {8})
    assert list(stories(tmp_path)) == []
