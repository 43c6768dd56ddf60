"""Every page of the desk in a real browser: axe finds nothing serious, no width is overstepped.

Fails for a new page, too: the pages are those of ``access_table`` that answer a reader with a page.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from dongtai_mail.desk.models import Membership, Role
from dongtai_mail.issues.models import Publication
from tests.desk.access_table import TABLE, TOKEN
from tests.e2e.looking import grave, too_wide

# A live server and a test share SQLite's memory, and then each other's table locks.
pytestmark = [
    pytest.mark.browser,
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
]


def _pages(desk: Client, publication: Publication) -> Iterator[str]:
    for name, row in TABLE.items():
        if row.right is TOKEN or name == "desk:logout":
            continue
        address = reverse(name, kwargs=row.make(publication))
        response = desk.get(address)
        html = response.headers.get("Content-Type", "").startswith("text/html")
        if response.status_code == 200 and html and b'id="main"' in response.content:
            yield address


def test_every_page_is_accessible_and_no_wider_than_a_phone(
    subtests, page: Page, desk: Client, editor: User, publication: Publication
) -> None:
    Membership.objects.create(user=editor, publication=publication, role=Role.ADMINISTRATOR)
    addresses = list(_pages(desk, publication))
    assert len(addresses) > 40
    for address in addresses:
        with subtests.test(address):
            page.set_viewport_size({"width": 1440, "height": 900})
            page.goto(address)
            assert not too_wide(page)
            page.set_viewport_size({"width": 320, "height": 640})
            assert not too_wide(page)
            assert not grave(page)
