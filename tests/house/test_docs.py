"""The documents agree with what they describe."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dongtai_mail.__main__ import COMMANDS
from dongtai_mail.delivery.models import Delivery
from tests.house import settings_table

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "requirements/README.md"])


def test_the_table_of_settings_is_current() -> None:
    page = settings_table.PAGE.read_text("utf-8")
    assert page == settings_table.renewed(page), "run python -m tests.house.settings_table"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    local = [target for target in targets if not urlsplit(target).scheme]
    missing = [
        target
        for target in local
        if not (page.parent / target.partition("#")[0]).exists() and "docs/images/" not in target
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documents_exist(page: Path) -> None:
    named = set(re.findall(r"(?<![-\w])dongtai ([a-z]+)", page.read_text("utf-8")))
    assert named <= COMMANDS.keys()


def test_the_states_of_a_delivery_are_in_the_glossary() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text("utf-8")
    words = [f"| {state.name.lower()} | {state.label} |" for state in Delivery.State]
    assert not [word for word in words if word not in glossary]
