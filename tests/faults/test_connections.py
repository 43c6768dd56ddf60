"""Connections that break, hang or can't be trusted: faults 9 and 10."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.faults.world import DOMAINS, READERS, World
from tests.installation import wait_until
from tests.smtp_server import DROP, STALL, SmtpServer

AT_EACH = READERS // len(DOMAINS)


def test_a_connection_reset_early_costs_a_try_and_nothing_else(world: World) -> None:
    # A relay that is not reached rests for seconds: once is enough.
    resets = Counter(connect=1, ehlo=1, mail=3, rcpt=3, data=3)

    def script(stage: str, argument: str) -> str | None:
        if not resets[stage]:
            return None
        resets[stage] -= 1
        return DROP

    world.smtp.script = script
    world.start_worker()
    world.send()
    world.finish()
    world.assert_everybody_has_one()
    assert not resets.total()
    # Before a reader is named it is the relay's trouble, and nothing counts as tried.
    kept = world.query(
        "SELECT stage, code, count(*) FROM delivery_attempt GROUP BY 1, 2 ORDER BY 1"
    )
    assert kept == [("data", None, 3), ("mail", None, 3), ("rcpt", None, 3)]


def test_a_tarpit_holds_up_its_own_provider_and_no_other(world: World) -> None:
    """Two of them: one in a lane of its own, one among the small providers."""
    tarpits = ("@qq.test", "@163.test")
    world.smtp.script = lambda stage, argument: (
        STALL if stage == "rcpt" and argument.endswith(tarpits) else None
    )
    world.own_lane("qq.test")
    world.start_worker()
    world.send()
    # Recorded, too: what was not would be in doubt, and go twice.
    others = READERS - len(tarpits) * AT_EACH
    world.wait(lambda: world.ledger()["accepted"] == others, "the others have theirs")
    world.installation.kill("worker")
    world.smtp.script = lambda stage, argument: None
    world.start_worker()
    world.finish()
    world.assert_everybody_has_one()


@pytest.fixture
def strangers(directory: Path, authority: Authority) -> Iterator[list[SmtpServer]]:
    """Servers at localhost that nothing may be said to, each for a reason of its own."""
    (directory / "other").mkdir()
    nobody = Authority(directory / "other")
    servers = [
        SmtpServer(tls=authority.server("localhost", expired=True)),
        SmtpServer(tls=authority.server("other.example")),
        SmtpServer(tls=nobody.server("localhost")),
        SmtpServer(),
        # It offers STARTTLS and then doesn't.
        SmtpServer(extensions=("PIPELINING", "STARTTLS")),
    ]
    with ExitStack() as stack:
        yield [stack.enter_context(server) for server in servers]


@pytest.fixture
def authority(directory: Path) -> Authority:
    made = Authority(directory)
    (directory / "authority.pem").write_text(made.pem)
    return made


def test_nothing_goes_in_clear_or_to_a_stranger(
    world: World, directory: Path, authority: Authority, strangers: list[SmtpServer]
) -> None:
    begun: list[str] = []
    for server in strangers:
        server.script = lambda stage, argument: begun.append(stage) if stage == "mail" else None
    closed = True

    def good(stage: str, argument: str) -> str | None:
        return "421 closed for now" if closed and stage == "connect" else None

    with SmtpServer(good, tls=authority.server("localhost")) as world.smtp:
        urls = {
            server: f"smtp://localhost:{server.port}?connections=5"
            for server in (*strangers, world.smtp)
        }
        world.installation.environment |= {
            "DONGTAI_RELAY_URL": " ".join(urls.values()),
            "SSL_CERT_FILE": str(directory / "authority.pem"),
        }
        world.start_worker()
        world.send()
        log = world.installation.log
        refused = [f"event=relay-refused relay=localhost:{server.port} " for server in urls]
        world.wait(lambda: all(each in log("worker") for each in refused), "all are refused")
        world.wait(lambda: "暂时不可用" in world.note(), "staff are told")
        assert world.state() == "sending"
        wait_until(lambda: world.ledger()["queued"] == READERS, "all of it waits")
        assert not world.value("SELECT count(*) FROM delivery_attempt")
        closed = False
        world.finish()
        world.assert_everybody_has_one()
        world.installation.close()
    assert not begun
