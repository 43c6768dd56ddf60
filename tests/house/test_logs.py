"""Events in the log: one line each, to be read by people and by programs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dongtai_mail.logs import event


def test_an_event_says_its_name_and_its_values() -> None:
    line = event("worker-died", batches=[3, 4], accepted=0, unconfirmed=None, seconds=12.34)
    assert line == "event=worker-died batches=3,4 accepted=0 seconds=12.3"


def test_what_a_server_said_stays_one_value() -> None:
    line = event("provider-paused", provider="qq.com", reply='550 "slow\r\nevent=forged a=b')
    assert line == r'event=provider-paused provider=qq.com reply="550 \"slow\r\nevent=forged a=b"'


@given(st.text())
def test_a_line_is_one_line_and_has_as_many_values_as_were_given(text: str) -> None:
    line = event("happened", reply=text, mailing=7)
    assert len(line.splitlines()) == 1
    assert line.startswith("event=happened reply=")
    assert line.endswith(" mailing=7")
