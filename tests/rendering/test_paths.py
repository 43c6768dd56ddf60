"""The templates are found where this copy keeps them."""

from __future__ import annotations

from dongtai_mail.paths import templates_dir


def test_the_issue_template_is_there() -> None:
    assert (templates_dir() / "issue" / "edition.mjml").is_file()
