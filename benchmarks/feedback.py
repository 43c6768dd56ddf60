"""How well and how fast returned mail is understood, over a directory of labelled messages.

Run ``python benchmarks/feedback.py [--corpus ../shared/bounces] [--only PREFIX] [--misses]``. The
corpus is ``labels.json`` beside ``samples/*.eml``. Addresses are counted over all messages; hard
and soft over the labelled results, in the order in which a message has them; a vacation, a receipt
and a complaint are asked for their kind. Soft is right when it is not called hard.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dongtai_mail.message.feedback import Feedback, Kind, Severity, read

CORPUS = Path(__file__).parents[1] / ".." / "shared" / "bounces"
BARS = {"recall": 0.92, "precision": 0.98, "hard": 0.95, "soft": 0.95}
NO_BOUNCE = {
    "feedback": (Kind.COMPLAINT,),
    "vacation": (Kind.AUTO_REPLY,),
    "delivered": (Kind.DELIVERED,),
}


@dataclass
class Score:
    """Counts over a corpus; `figures` are the four that have bars."""

    named: int = 0
    claimed: int = 0
    right: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, float]:
        def share(label: str, verdict: str) -> float:
            total = sum(n for (said, _), n in self.verdicts.items() if said == label)
            return self.verdicts[label, verdict] / total if total else 1.0

        return {
            "recall": self.right / self.named if self.named else 1.0,
            "precision": self.right / self.claimed if self.claimed else 1.0,
            "hard": share("hard", "hard"),
            "soft": 1.0 - share("soft", "hard"),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--only", default="", help="files whose names begin so")
    parser.add_argument("--misses", action="store_true", help="list what was not understood")
    options = parser.parse_args()
    labelled = load(options.corpus, options.only)
    score = measure(labelled)
    for name, figure in score.figures.items():
        print(f"{name:<10}{figure:>8.1%}   bar {BARS[name]:.0%}")
    print(f"addresses: {score.named} labelled, {score.claimed} found, {score.right} right")
    for (label, verdict), count in sorted(score.verdicts.items()):
        print(f"  {label:<10} read as {verdict:<12}{count:>5}")
    print("\n".join(score.misses if options.misses else []))
    print(f"speed: {speed([raw for _, raw in labelled]):,.0f} messages/s of CPU")


def load(corpus: Path, only: str = "") -> list[tuple[dict[str, Any], bytes]]:
    labels = json.loads((corpus / "labels.json").read_text())
    return [
        (label, (corpus / "samples" / label["file"]).read_bytes())
        for label in labels
        if label["file"].startswith(only)
    ]


def measure(labelled: list[tuple[dict[str, Any], bytes]]) -> Score:
    score = Score()
    for label, raw in labelled:
        feedback = read(raw)
        _count_addresses(score, label, feedback)
        _count_verdicts(score, label, feedback)
    return score


def _count_addresses(score: Score, label: dict[str, Any], feedback: Feedback) -> None:
    named = {address.lower() for address in label["addresses"]}
    claimed = {report.address.lower() for report in feedback.recipients}
    score.named += len(named)
    score.claimed += len(claimed)
    score.right += len(named & claimed)
    if named != claimed:
        missed, wrong = sorted(named - claimed), sorted(claimed - named)
        score.misses.append(f"{label['file']}: addresses missed {missed}, wrong {wrong}")


def _count_verdicts(score: Score, label: dict[str, Any], feedback: Feedback) -> None:
    for place, result in enumerate(label["results"]):
        expected = result["reason"] if result["reason"] in NO_BOUNCE else ""
        expected = expected or ("hard" if result["hard"] else "soft")
        verdict = _verdict(feedback, place, expected)
        score.verdicts[expected, verdict] += 1
        if verdict != expected:
            said = [(r.reason.value, r.status, r.evidence.rule) for r in feedback.recipients]
            score.misses.append(
                f"{label['file']}: {expected} ({result['reason']}) read as {verdict}: {said}"
            )


def _verdict(feedback: Feedback, place: int, expected: str) -> str:
    if expected in NO_BOUNCE:
        return expected if feedback.kind in NO_BOUNCE[expected] else feedback.kind.value
    reports = feedback.recipients
    report = reports[place] if place < len(reports) else reports[-1] if reports else None
    if report is None or report.severity is None:
        return feedback.kind.value
    return Severity(report.severity).value


def speed(messages: list[bytes]) -> float:
    begun = time.process_time()
    for raw in messages:
        read(raw)
    return len(messages) / (time.process_time() - begun)


if __name__ == "__main__":
    main()
