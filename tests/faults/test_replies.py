"""What receiving servers say, and what comes of it: faults 7, 8 and 11."""

from __future__ import annotations

import pytest

from tests.faults.world import DOMAINS, READERS, World
from tests.installation import wait_until

AT_EACH = READERS // len(DOMAINS)
SESSIONS = 5


class _Refusals:
    """Refuse the recipients of one domain at one stage, until told otherwise."""

    def __init__(self, world: World, domain: str, reply: str, stage: str = "rcpt") -> None:
        self.asked = 0
        self.over = False
        self._domain, self._reply, self._stage = domain, reply, stage
        world.smtp.script = self

    def __call__(self, stage: str, argument: str) -> str | None:
        if stage != self._stage or self.over or not argument.endswith(self._domain):
            return None
        self.asked += 1
        return self._reply


@pytest.mark.parametrize("own_lane", [True, False])
@pytest.mark.parametrize(
    "reply",
    ["421 4.7.0 HL:ICC slow down", "452 4.5.3 too many recipients", "550 5.7.1 frequency limited"],
)
def test_a_provider_that_says_slow_down_is_paused_and_others_go_on(
    world: World, reply: str, own_lane: bool
) -> None:
    refusals = _Refusals(world, "qq.test", reply)
    if own_lane:
        world.own_lane("qq.test")
    world.start_worker()
    world.send()
    world.wait(lambda: len(world.smtp.received) == READERS - AT_EACH, "the others have theirs")
    # One for each session that was asking already.
    assert 1 <= refusals.asked <= 2 * SESSIONS
    ledger = world.ledger()
    assert ledger["bounced"] == 0
    assert world.state() == "sending"
    assert world.redis.client().hget("dongtai:lane:qq.test", "paused")
    refusals.over = True
    world.redis.client().delete("dongtai:lane:qq.test")
    world.finish()
    world.assert_everybody_has_one()


@pytest.mark.parametrize(
    "reply", ["450 4.2.0 no", "451 4.3.0 no", "452 4.3.1 no", "552 5.2.2 full"]
)
def test_a_passing_refusal_is_tried_again_later_and_not_all_at_once(
    world: World, reply: str
) -> None:
    refusals = _Refusals(world, "qq.test", reply)
    world.start_worker()
    world.send()
    world.wait(lambda: world.ledger()["deferred"] == AT_EACH, "all of them are deferred")
    minutes = world.query(
        "SELECT extract(epoch FROM due_at - changed_at) / 60 FROM delivery_delivery WHERE state = 3"
    )
    waits = {float(value) for (value,) in minutes}
    assert len(waits) > AT_EACH / 2
    assert 3 < min(waits) < max(waits) < 8
    assert refusals.asked == AT_EACH
    refusals.over = True
    world.finish()
    world.assert_everybody_has_one()
    kept = world.query("SELECT DISTINCT stage, code FROM delivery_attempt")
    assert kept == [("rcpt", int(reply[:3]))]


def test_unknown_readers_are_bounced_with_the_servers_words(world: World) -> None:
    _Refusals(world, "qq.test", "550 5.1.1 no such user")
    world.start_worker()
    world.send()
    world.finish()
    world.assert_adds_up()
    assert world.ledger() == {"accepted": READERS - AT_EACH, "bounced": AT_EACH}
    assert world.query(
        "SELECT code, enhanced, text, count(*) FROM delivery_attempt GROUP BY 1, 2, 3"
    ) == [(550, "5.1.1", "5.1.1 no such user", AT_EACH)]


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("mail", "552 5.3.4 message too big for this system"),
        ("dot", "552 5.3.4 message size exceeds fixed limit"),
        ("dot", "554 5.7.1 message rejected as spam"),
        ("mail", "550 5.7.26 unauthenticated mail is refused"),
    ],
)
def test_a_refusal_of_the_letter_stops_the_mailing_and_blames_nobody(
    world: World, stage: str, reply: str
) -> None:
    refusals = _Refusals(world, "", reply, stage)
    world.start_worker()
    world.send()
    world.wait(lambda: world.state() == "stopped", "the mailing stops")
    wait_until(lambda: not world.ledger()["leased"], "the rest is given back")
    assert reply[4:] in world.note()
    assert refusals.asked <= 4 * SESSIONS + 40
    assert not world.ledger()["bounced"]
    world.assert_adds_up()
    refusals.over = True
    world.installation.run("mailing", "resume", 1)
    world.finish()
    world.assert_everybody_has_one()


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


def test_an_address_that_needs_smtputf8_arrives_where_it_is_offered(world: World) -> None:
    world.start_worker()
    world.send("peculiar")
    world.finish()
    assert sorted(world.smtp.recipients())[0] == "plain@post.test"
    assert sorted(world.smtp.recipients())[1].startswith("用户@")
