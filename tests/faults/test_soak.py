"""The soak in short; ``bin/soak`` is the long one."""

from __future__ import annotations

from tests.faults.world import Template
from tests.soak import soak


def test_killing_everything_again_and_again_loses_nobody(template: Template) -> None:
    account = soak(template, readers=3000, kills=8, seed=7)
    assert account.good, account
    assert account.kills == 8, account
    assert account.redis_restarts, account
    assert account.postgresql_restarts, account
