"""A character that PostgreSQL refuses, in every field that a page reads or shows."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from lxml import html

import dongtai_mail
import subscribers
from dongtai_mail.issues.models import Publication
from tests.desk.access_table import TABLE, Door

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite takes every character"),
]

NUL = "甲\x00乙"
_READ = re.compile(r"\b(?:POST|GET|data|posted)(?:\.get(?:list)?\(|\[|, )\s*\"([\w-]+)\"")
_TYPED = ["text", "search", "email", "url", "password", "hidden", "tel"]


def _read_anywhere() -> set[str]:
    """The name of every field that some view reads by itself."""
    return {
        name
        for package in (dongtai_mail, subscribers)
        for path in Path(str(package.__file__)).parent.rglob("*.py")
        for name in _READ.findall(path.read_text(encoding="utf-8"))
    }


NAMES = sorted(_read_anywhere())


def test_no_page_breaks_at_characters_that_the_database_refuses(subtests, publication: Publication):
    root = Client()
    root.force_login(User.objects.create_superuser("root", "root@example.org"))
    tried: set[tuple[str, str]] = set()
    assert {"reason", "comment", "note", "q", "name"} <= set(NAMES)
    for page_name, row in TABLE.items():
        with subtests.test(page_name), transaction.atomic():
            client = Client() if row.right in (Door.OPEN, Door.TOKEN) else root
            address = reverse(page_name, kwargs=row.make(publication))
            every = dict.fromkeys(NAMES, NUL)
            page = _answer(client, "get", address, {})
            for method in ("get", "post"):
                _answer(client, method, address, every)
            for method, action, name, data in _spoilt(address, page):
                # Some forms stand on every page.
                if (action, name) not in tried:
                    _answer(client, method, action, data)
                    tried.add((action, name))
            transaction.set_rollback(True)


def test_a_cookie_that_the_database_refuses_is_nobodys(publication: Publication):
    client = Client()
    client.cookies["sessionid"] = '"abcdefghijklmnop\\000"'
    assert client.get(f"/publications/{publication.slug}/").status_code == 302


def _spoilt(address: str, page: bytes) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Each form of a page, as it is filled in, once with each of its fields made hostile."""
    for form in html.document_fromstring(page).forms if page.lstrip().startswith(b"<") else ():
        chosen = {name: value for name, value in form.form_values() if value}
        typed = {
            field.name: "a@example.com" if "mail" in str(field.attrib) else "一二三四"
            for field in form.inputs
            if field.tag == "textarea" or field.get("type", "text") in _TYPED
        }
        for name in typed:
            button = dict.fromkeys(form.xpath(".//button/@name"), "1")
            data = {**button, **typed, **chosen, name: NUL}
            yield form.method.lower(), form.action or address, name, data


def _answer(client: Client, method: str, address: str, data: dict[str, Any]) -> bytes:
    """What one request gets; whatever it does is undone, signing out as well."""
    cookies = copy.deepcopy(client.cookies)
    with transaction.atomic():
        response = getattr(client, method)(address, data)
        content = b"" if response.streaming else response.content
        transaction.set_rollback(True)
    client.cookies = cookies
    assert response.status_code < 500, (method, address, data)
    return content
