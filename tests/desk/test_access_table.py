"""Every address × every role × the own and another publication's object: who is let in.

Fails for an address that has no row in ``access_table``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from dongtai_mail.desk.access import Right
from dongtai_mail.desk.models import Membership, Role
from dongtai_mail.issues.models import Publication
from tests import factories
from tests.desk.access_table import ELSEWHERE, TABLE, Door, Row

pytestmark = pytest.mark.django_db

METHODS = ("get", "post")
REFUSED = (401, 403, 404)
STAFF_ONLY = [name for name, row in TABLE.items() if isinstance(row.right, Right)]
OF_A_PUBLICATION = [name for name in STAFF_ONLY if not TABLE[name].anywhere]


def _addresses(
    resolver: URLResolver, names: str = "", route: str = ""
) -> Iterator[tuple[str, str]]:
    for entry in resolver.url_patterns:
        path = route + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield names + (entry.name or ""), path
        else:
            space = f"{entry.namespace}:" if entry.namespace else ""
            yield from _addresses(entry, names + space, path)


def test_every_address_has_its_row_and_every_row_its_address():
    found = dict(_addresses(get_resolver()))
    missing = {
        name: path
        for name, path in found.items()
        if name not in TABLE and not path.startswith(ELSEWHERE)
    }
    assert not missing, "say in tests/desk/access_table.py who may open these"
    assert not TABLE.keys() - found.keys()


@pytest.fixture
def here(db) -> Publication:
    return factories.publication()


@pytest.fixture
def there(db) -> Publication:
    return factories.publication("other", "example.net")


@pytest.fixture
def people(here: Publication) -> dict[Role, Client]:
    return {role: _signed_in(role.value, here, role) for role in Role}


def _signed_in(name: str, publication: Publication | None = None, *roles: Role) -> Client:
    person = User.objects.create_user(f"person-{name}")
    for role in roles:
        Membership.objects.create(user=person, publication=publication, role=role)
    client = Client(raise_request_exception=True)
    client.force_login(person)
    return client


def _answer(client: Client, method: str, name: str, values: dict[str, Any]) -> tuple[int, str]:
    """What one request gets; whatever it does is undone."""
    with transaction.atomic():
        response = getattr(client, method)(reverse(name, kwargs=values))
        if response.streaming:
            b"".join(response.streaming_content)
        transaction.set_rollback(True)
    return response.status_code, response.headers.get("Location", "")


def _made(row: Row, publication: Publication) -> dict[str, Any]:
    return row.make(publication)


@pytest.mark.parametrize("name", STAFF_ONLY)
def test_strangers_are_sent_away(name: str, here: Publication):
    values = _made(TABLE[name], here)
    stranger = _signed_in("stranger")
    for method in METHODS:
        status, location = _answer(Client(), method, name, values)
        if name != "issues:read":
            assert (status, location.split("?")[0]) == (302, "/login/")
            expected = 403 if TABLE[name].anywhere else 404
            assert _answer(stranger, method, name, values)[0] == expected


@pytest.mark.parametrize("name", STAFF_ONLY)
def test_only_the_roles_with_the_right_are_let_in(name: str, here: Publication, people):
    row = TABLE[name]
    assert isinstance(row.right, Right)
    for role, client in people.items():
        for method in METHODS:
            status, location = _answer(client, method, name, _made(row, here))
            said = f"{role} {method} {name}: {status} {location}"
            if role in row.right.roles:
                assert status < 500, said
                assert status == row.but or status not in REFUSED, said
                assert not location.startswith("/login/"), said
            else:
                assert status == 403, said


@pytest.mark.parametrize("name", OF_A_PUBLICATION)
def test_another_publications_objects_are_not_there(
    name: str, here: Publication, there: Publication
):
    row = TABLE[name]
    chief = _signed_in("chief", here, Role.ADMINISTRATOR)
    foreign = _made(row, there)
    mixed = {**foreign, **({"slug": here.slug} if {"slug"} < foreign.keys() else {})}
    for values in (foreign, mixed) if mixed != foreign else (foreign,):
        for method in METHODS:
            status = _answer(chief, method, name, values)[0]
            after_method = name == "issues:read" or values is not foreign
            assert status == 404 or (status == 405 and after_method), method


@pytest.mark.parametrize("name", [n for n, row in TABLE.items() if row.right is Door.SUPERUSER])
def test_what_only_a_superuser_does(name: str, here: Publication, people):
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    for method in METHODS:
        assert _answer(Client(), method, name, {})[0] == 302
        assert {_answer(client, method, name, {})[0] for client in people.values()} == {403}
        assert _answer(root, method, name, {})[0] == 200


@pytest.mark.parametrize("name", [n for n, row in TABLE.items() if row.right is Door.OWN])
def test_an_own_page_asks_who_it_is(name: str, here: Publication):
    row = TABLE[name]
    own = Client()
    own.force_login(User.objects.create_user("somebody", password="a long pass phrase"))
    for method in METHODS:
        values = _made(row, here)
        status, location = _answer(Client(), method, name, values)
        assert status == 404 or (status, location.split("?")[0]) == (302, "/login/")
        status, location = _answer(own, method, name, values)
        assert status < 500
        assert status == row.but or status not in REFUSED
        assert not location.startswith("/login/")
        if row.but:
            assert status in (302, 404, 405)


@pytest.mark.parametrize(
    "name", [n for n, row in TABLE.items() if row.right in (Door.OPEN, Door.TOKEN)]
)
def test_an_open_page_never_breaks(name: str, here: Publication):
    row = TABLE[name]
    for method in METHODS:
        status, _ = _answer(Client(), method, name, _made(row, here))
        assert status < 500
        assert status == row.but or row.right is Door.TOKEN or status not in REFUSED
