"""What receiving servers say, and what comes of it: faults 7, 8 and 11."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.faults.world import BATCH, DOMAINS, READERS, World
from tests.installation import wait_until

AT_EACH = READERS // len(DOMAINS)
SESSIONS = 5
COMPLAINTS = {
    "qq.test": ("data", "421 4.7.0 HL:ICC slow down"),
    "163.test": ("rcpt", "452 4.5.3 too many recipients"),
    "example.com": ("dot", "550 5.7.1 frequency limited"),
}
REFUSALS = {
    "qq.test": "450 4.2.0 no",
    "163.test": "451 4.3.0 no",
    "example.com": "452 4.3.1 no",
    "example.net": "552 5.2.2 full",
    "post.test": "550 5.1.1 no such user",
}
ABOUT_THE_LETTER = [
    ("mail", "552 5.3.4 message too big for this system"),
    ("dot", "552 5.3.4 message size exceeds fixed limit"),
    ("dot", "554 5.7.1 message rejected as spam"),
    ("mail", "550 5.7.26 unauthenticated mail is refused"),
]


class _Refusals:
    """Refuse the recipients at some domains, each at its stage, until told otherwise."""

    def __init__(self, world: World, replies: Mapping[str, tuple[str, str]]) -> None:
        self.asked: Counter[str] = Counter()
        self.over = False
        self._replies = replies
        world.smtp.script = self

    def __call__(self, stage: str, argument: str) -> str | None:
        domain = argument.rpartition("@")[2]
        at, reply = self._replies.get(domain, ("", ""))
        if stage != at or self.over:
            return None
        self.asked[domain] += 1
        return reply


@pytest.mark.parametrize("own_lane", [True, False])
def test_providers_that_say_slow_down_are_paused_and_others_go_on(
    world: World, own_lane: bool
) -> None:
    refusals = _Refusals(world, COMPLAINTS)
    for domain in COMPLAINTS if own_lane else ():
        world.own_lane(domain)
    world.start_worker()
    world.send()
    others = READERS - len(COMPLAINTS) * AT_EACH
    world.wait(lambda: len(world.smtp.received) == others, "the others have theirs")
    redis = world.redis.client()
    lanes = [f"dongtai:lane:{domain}" for domain in COMPLAINTS]
    world.wait(lambda: all(redis.hget(lane, "paused") for lane in lanes), "all are paused")
    for domain in COMPLAINTS:
        # One for each session that was asking already.
        assert 1 <= refusals.asked[domain] <= 2 * SESSIONS
    assert world.ledger()["bounced"] == 0
    assert world.state() == "sending"
    refusals.over = True
    redis.delete(*lanes)
    world.finish()
    world.assert_everybody_has_one()


def test_each_refusal_of_a_reader_means_what_it_says(world: World) -> None:
    """Four that pass are tried again later, not all at once; an unknown reader is bounced."""
    refusals = _Refusals(world, {domain: ("rcpt", reply) for domain, reply in REFUSALS.items()})
    world.start_worker()
    world.send()
    expected = {"deferred": 4 * AT_EACH, "bounced": AT_EACH}
    world.wait(lambda: world.ledger() == expected, "all of them are refused")
    minutes = world.query(
        "SELECT extract(epoch FROM due_at - changed_at) / 60 FROM delivery_delivery WHERE state = 3"
    )
    waits = {float(value) for (value,) in minutes}
    assert len(waits) > 2 * AT_EACH
    assert 3 < min(waits) < max(waits) < 8
    assert set(refusals.asked.values()) == {AT_EACH}
    # The unknown are written to no more, and nobody else.
    assert _left_out(world) == ["post.test"] * AT_EACH
    refusals.over = True
    world.finish()
    world.assert_adds_up()
    assert world.ledger() == {"accepted": READERS - AT_EACH, "bounced": AT_EACH}
    kept = world.query("SELECT stage, code, text, count(*) FROM delivery_attempt GROUP BY 1, 2, 3")
    assert sorted(kept) == sorted(
        ("rcpt", int(reply[:3]), reply[4:], AT_EACH) for reply in REFUSALS.values()
    )
    # Ids and answers, and no reader.
    assert "event=batch-done" in world.installation.log("worker")
    assert not re.search(r"reader\d+@", world.installation.log("worker"))


def test_a_refusal_of_the_letter_stops_the_mailing_and_blames_nobody(world: World) -> None:
    world.start_worker()
    world.send()
    for stage, reply in ABOUT_THE_LETTER:
        asked = _refuse_the_letter(world, stage, reply)
        _go_on(world)
        world.wait(lambda: world.state() == "stopped", f"the mailing stops for {reply}")
        wait_until(lambda: not world.ledger()["leased"], "the rest is given back")
        assert reply[4:] in world.note()
        # What was claimed before the first answer was recorded.
        assert 1 <= len(asked) <= 2 * BATCH + SESSIONS
        assert not world.ledger()["bounced"]
        assert not _left_out(world)
        world.assert_adds_up()
    world.smtp.script = lambda stage, argument: None
    _go_on(world)
    world.finish()
    world.assert_everybody_has_one()


def _left_out(world: World) -> list[str]:
    """The domains of those whom no further mailing would go to."""
    rows = world.query(
        "SELECT split_part(key, '@', 2) FROM subscribers_subscriber WHERE hash IN "
        "(SELECT hash FROM subscribers_suppression) OR id IN "
        "(SELECT subscriber_id FROM subscribers_subscription WHERE state <> 'confirmed')"
    )
    return [domain for (domain,) in rows]


def _go_on(world: World) -> None:
    world.time_passes()
    world.query("UPDATE delivery_mailing SET state = 'sending', note = '' WHERE state = 'stopped'")


def _refuse_the_letter(world: World, stage: str, reply: str) -> list[str]:
    asked: list[str] = []

    def script(at: str, argument: str) -> str | None:
        if at != stage:
            return None
        asked.append(argument)
        return reply

    world.smtp.script = script
    return asked


def test_an_address_that_needs_smtputf8_fails_with_its_reason_where_it_is_not_offered(
    world: World,
) -> None:
    world.smtp.extensions = ("PIPELINING", "8BITMIME")
    world.start_worker()
    world.send("peculiar")
    world.finish()
    assert world.ledger() == {"accepted": 1, "bounced": 1}
    assert "SMTPUTF8" in world.value("SELECT text FROM delivery_attempt")
    assert world.smtp.recipients() == ["plain@post.test"]
