"""Why deliveries were not accepted, counted."""

from __future__ import annotations

import pytest

from dongtai_mail.delivery import mailings, queue, reasons
from dongtai_mail.delivery.models import Delivery, Refusal
from dongtai_mail.delivery.queue import Outcome
from dongtai_mail.message.reply import Reply, Stage
from tests import factories

State = Delivery.State


@pytest.mark.parametrize(
    ("text", "worded"),
    [
        ("5.1.1 <reader3@qq.test>: user unknown", "5.1.1 …: user unknown"),
        (
            "5.1.1 no such user d2e1a72fcca58-73f8e12ab.45 - gsmtp",
            "5.1.1 no such user … - gsmtp",
        ),
        ("451 DT:SPM 163 smtp8,wKgAZ1f2e3d4c5b6, please try again", None),
        ("4.7.1 blocked 203.0.113.107, see https://example.org/p?id=1234567x", None),
        ("queued at 1763782731", "queued at …"),
        ("two  spaces\r\n and a line", "two spaces and a line"),
    ],
)
def test_a_wording_is_free_of_what_differs_from_reader_to_reader(text, worded) -> None:
    found = reasons.wording(text)
    if worded is not None:
        assert found == worded
    else:
        assert any(kept in found for kept in ("please try again", "203.0.113.107"))


@pytest.mark.django_db
def test_equal_answers_are_one_reason_by_what_the_delivery_became() -> None:
    factories.readers(10)
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    claimed = queue.claim(mailing.pk, "", "worker", 10)
    replies = [Reply(Stage.RCPT, 550, f"5.1.1 <{each.address}> unknown") for each in claimed[:4]]
    replies += [Reply(Stage.FINAL, 451, "4.3.0 later"), Reply(Stage.FINAL, None, "lost")]
    replies += [Reply(Stage.FINAL, 250, "ok")] * 4
    queue.record([Outcome(*pair) for pair in zip(claimed, replies, strict=True)])
    expected = [
        reasons.Reason(State.DEFERRED, "final", 451, "4.3.0", "4.3.0 later", 1),
        reasons.Reason(State.BOUNCED, "rcpt", 550, "5.1.1", "5.1.1 … unknown", 4),
        reasons.Reason(State.UNCONFIRMED, "final", None, "", "lost", 1),
    ]
    assert reasons.reasons(mailing) == expected


@pytest.mark.django_db
def test_summing_up_changes_no_count() -> None:
    mailing = factories.mailing()
    for number in range(reasons.ROWS + 1):
        Refusal.objects.create(
            mailing=mailing, state=State.DEFERRED, stage="rcpt", wording=f"w{number % 2}", delta=1
        )
    before = reasons.reasons(mailing)
    reasons.compact()
    assert reasons.reasons(mailing) == before
    assert Refusal.objects.count() == 2
