"""Events in the log: one line each, to be read by people and by programs."""

from __future__ import annotations

import datetime
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dongtai_mail.logs import Line, Masked, event


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


def test_a_traceback_stays_in_its_line_which_begins_with_the_time() -> None:
    try:
        int("a\nb")
    except ValueError:
        record = logging.LogRecord("worker", 40, "", 0, event("failed"), (), sys.exc_info())
    line = Line().format(record)
    at, *_, name, said = line.split(" ", 3)
    assert datetime.datetime.fromisoformat(at).timestamp() == pytest.approx(record.created, abs=1)
    assert datetime.datetime.fromisoformat(at).tzinfo
    assert (name, said.split("\\n")[0]) == ("worker", "event=failed")
    assert r"\nTraceback (most recent call last):\n" in line
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/u/AbCdEfGh1234-_/", "/u/…/"),
        ("/p/AbCdEfGh1234/data/", "/p/…/data/"),
        ("/password/2f-c8q1zz-9f8e7d6c5b4a/", "/password/2f-…/"),
        ("/publications/observer/", "/publications/observer/"),
    ],
)
def test_a_path_that_acts_for_somebody_is_not_logged_whole(path: str, shown: str) -> None:
    record = logging.LogRecord("django.request", 30, "", 0, "Not Found: %s", (path,), None)
    assert Masked().filter(record)
    assert record.getMessage() == f"Not Found: {shown}"
