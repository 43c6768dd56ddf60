"""The four figures over a corpus of real messages, where it is present beside the project."""

from __future__ import annotations

import pytest

from benchmarks.feedback import BARS, CORPUS, Score, load, measure

pytestmark = pytest.mark.skipif(
    not (CORPUS / "labels.json").exists(), reason="no corpus of labelled messages here"
)


@pytest.fixture(scope="module")
def score() -> Score:
    return measure(load(CORPUS))


@pytest.mark.parametrize("figure", BARS)
def test_real_messages_are_understood(score: Score, figure: str) -> None:
    assert score.figures[figure] >= BARS[figure], "\n".join(score.misses)


@pytest.mark.parametrize("kind", ["feedback", "vacation", "delivered"])
def test_no_complaint_is_missed_and_no_vacation_suppresses(score: Score, kind: str) -> None:
    read_as = {verdict for label, verdict in score.verdicts if label == kind}
    assert read_as == {kind}
