"""What SpamAssassin says of the parts, in a message by the standard library."""

from __future__ import annotations

import re
import shutil
import subprocess
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from dongtai_mail.content import Issue
from dongtai_mail.rendering import Kind, Rendered, render
from tests.rendering.samples import FRAME, manuscript, small_issue


def _message(rendered: Rendered) -> bytes:
    message = EmailMessage(policy=SMTP.clone(max_line_length=76))
    message["From"] = "Dongtai <news@example.test>"
    message["To"] = "reader@example.test"
    message["Subject"] = rendered.subject or "x"
    message["Date"] = "Mon, 16 Nov 2026 09:00:00 +0800"
    message["Message-ID"] = "<1.1@example.test>"
    message.set_content(rendered.text, cte="base64")
    message.add_alternative(rendered.html, subtype="html", cte="base64")
    return message.as_bytes()


def _score(rendered: Rendered) -> float:
    program = shutil.which("spamassassin")
    if program is None:
        pytest.skip("SpamAssassin is not installed")
    done = subprocess.run(
        [program, "-L", "-t", "--cf=skip_rbl_checks 1"],
        input=_message(rendered),
        capture_output=True,
        check=True,
    )
    found = re.search(rb"X-Spam-Status: \w+, score=(-?[\d.]+)", done.stdout)
    assert found, done.stdout[:2_000]
    return float(found[1])


def _issue(name: str) -> Issue:
    return small_issue() if name == "small" else manuscript(name)


@pytest.mark.parametrize("name", ["small", "002"])
@pytest.mark.parametrize("kind", [Kind.FULL, Kind.DIGEST])
def test_the_parts_are_not_spam(name: str, kind: Kind) -> None:
    assert _score(render(_issue(name), FRAME, kind)) <= 0.1
