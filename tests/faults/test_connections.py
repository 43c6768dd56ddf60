"""Connections that break, hang or can't be trusted: faults 9 and 10."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.faults.world import DOMAINS, READERS, World
from tests.installation import wait_until
from tests.smtp_server import DROP, STALL, SmtpServer

AT_EACH = READERS // len(DOMAINS)


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data"])
def test_a_connection_reset_early_costs_a_try_and_nothing_else(world: World, stage: str) -> None:
    resets: list[str] = []

    def script(asked: str, argument: str) -> str | None:
        if asked != stage or len(resets) >= 3:
            return None
        resets.append(argument)
        return DROP

    world.smtp.script = script
    world.start_worker()
    world.send()
    world.finish()
    world.assert_everybody_has_one()
    kept = world.query("SELECT DISTINCT stage, code FROM delivery_attempt")
    # Before a reader is named it is the relay's trouble, and nothing counts as tried.
    assert [code for _, code in kept] == ([] if stage in ("connect", "ehlo") else [None])


@pytest.mark.parametrize("own_lane", [True, False])
def test_a_tarpit_holds_up_its_own_provider_and_no_other(world: World, own_lane: bool) -> None:
    world.smtp.script = lambda stage, argument: (
        STALL if stage == "rcpt" and argument.endswith("@qq.test") else None
    )
    if own_lane:
        world.own_lane("qq.test")
    world.start_worker()
    world.send()
    # Recorded, too: what was not would be in doubt, and go twice.
    world.wait(lambda: world.ledger()["accepted"] == READERS - AT_EACH, "the others have theirs")
    world.installation.kill("worker")
    world.smtp.script = lambda stage, argument: None
    world.start_worker()
    world.finish()
    world.assert_everybody_has_one()


@contextmanager
def _secured(world: World, directory: Path, tls: ssl.SSLContext | None) -> Iterator[SmtpServer]:
    """A relay that must be spoken to in TLS; the workers trust ``directory``'s authority."""
    with SmtpServer(tls=tls) as server:
        relay = f"smtp://localhost:{server.port}?connections=5"
        world.installation.environment |= {
            "DONGTAI_RELAY_URL": relay,
            "SSL_CERT_FILE": str(directory / "authority.pem"),
        }
        world.smtp = server
        yield server


@pytest.fixture
def authority(directory: Path) -> Authority:
    made = Authority(directory)
    (directory / "authority.pem").write_text(made.pem)
    return made


def test_a_relay_with_a_good_certificate_gets_everything_in_tls(
    world: World, directory: Path, authority: Authority
) -> None:
    with _secured(world, directory, authority.server("localhost")):
        world.start_worker()
        world.send()
        world.finish()
        world.assert_everybody_has_one()
        world.installation.close()


@pytest.mark.parametrize("fault", ["expired", "of another", "of nobody", "not offered", "refused"])
def test_nothing_goes_in_clear_or_to_a_stranger(
    world: World, directory: Path, authority: Authority, fault: str
) -> None:
    (directory / "other").mkdir()
    tls = {
        "expired": authority.server("localhost", expired=True),
        "of another": authority.server("other.example"),
        "of nobody": Authority(directory / "other").server("localhost"),
    }.get(fault)
    begun: list[str] = []
    with _secured(world, directory, tls) as server:
        server.script = lambda stage, argument: begun.append(stage) if stage == "mail" else None
        if fault == "refused":
            server.extensions = ("PIPELINING", "STARTTLS")
        world.start_worker()
        world.send()
        world.wait(lambda: "暂时不可用" in world.note(), "staff are told")
        assert world.state() == "sending"
        assert not begun
        wait_until(lambda: world.ledger()["queued"] == READERS, "all of it waits")
        assert not world.value("SELECT count(*) FROM delivery_attempt")
        world.installation.close()
