"""Whether somebody has set the clock."""

from __future__ import annotations

import pytest

from worker.clock import LEAP_SECONDS, Clock

DAY = 86_400.0


class _Time:
    wall, steady = 1_000_000.0, 50.0

    def passes(self, seconds: float, leap: float = 0.0) -> None:
        self.wall += seconds + leap
        self.steady += seconds


@pytest.fixture
def given() -> _Time:
    return _Time()


@pytest.fixture
def clock(given: _Time) -> Clock:
    return Clock(lambda: given.wall, lambda: given.steady)


@pytest.mark.parametrize("leap", [0.0, -DAY, LEAP_SECONDS - 1])
def test_time_that_passes_is_no_leap(clock: Clock, given: _Time, leap: float) -> None:
    given.passes(3 * DAY, leap)
    assert clock.before_leap() is None


def test_a_leap_is_told_once_with_the_time_before_it(clock: Clock, given: _Time) -> None:
    given.passes(5, leap=DAY)
    assert clock.before_leap() == given.wall - DAY
    given.passes(5)
    assert clock.before_leap() is None
    given.passes(5, leap=-DAY)
    assert clock.before_leap() is None
    given.passes(5, leap=DAY)
    assert clock.before_leap() == given.wall - DAY


def test_the_machines_own_clocks_agree() -> None:
    clock = Clock()
    assert clock.before_leap() is None
