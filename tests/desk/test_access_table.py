"""Every address × every role × the own and another publication's object: who is let in.

Fails for an address that has no row in ``access_table``. Each row is a subtest in its test's one
world, and leaves nothing in it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
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
from tests.desk.access_table import ELSEWHERE, TABLE, Door, Row, came_to

pytestmark = pytest.mark.django_db

METHODS = ("get", "post")
REFUSED = (401, 403, 404)
STAFF_ONLY = {name: row for name, row in TABLE.items() if isinstance(row.right, Right)}
OF_A_PUBLICATION = {name: row for name, row in STAFF_ONLY.items() if not row.anywhere}


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


def _behind(*doors: Door) -> dict[str, Row]:
    return {name: row for name, row in TABLE.items() if row.right in doors}


@contextmanager
def _undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _answer(client: Client, method: str, name: str, values: dict[str, Any]) -> tuple[int, str]:
    """What one request gets; whatever it does is undone."""
    cookies = copy.deepcopy(client.cookies)
    with _undone():
        response = getattr(client, method)(reverse(name, kwargs=values))
        if response.streaming:
            b"".join(response.streaming_content)
    client.cookies = cookies
    return response.status_code, response.headers.get("Location", "")


def test_strangers_are_sent_away(subtests, here: Publication):
    stranger = _signed_in("stranger")
    for name, row in STAFF_ONLY.items():
        with subtests.test(name), _undone():
            values = row.make(here)
            for method in METHODS:
                status, location = _answer(Client(), method, name, values)
                if name != "issues:read":
                    assert (status, location.split("?")[0]) == (302, "/login/")
                    expected = 403 if row.anywhere else 404
                    assert _answer(stranger, method, name, values)[0] == expected


def test_only_the_roles_with_the_right_are_let_in(subtests, here: Publication, people):
    for name, row in STAFF_ONLY.items():
        with subtests.test(name), _undone():
            values = row.make(here)
            for role, client in people.items():
                for method in METHODS:
                    _let_in(row, role, *_answer(client, method, name, values))


def _let_in(row: Row, role: Role, status: int, location: str) -> None:
    assert isinstance(row.right, Right)
    if role not in row.right.roles:
        assert status == 403, role
        return
    assert status < 500, role
    assert status == row.but or status not in REFUSED, role
    assert not location.startswith("/login/"), role


def test_another_publications_objects_are_not_there(
    subtests, here: Publication, there: Publication
):
    chief = _signed_in("chief", here, Role.ADMINISTRATOR)
    for name, row in OF_A_PUBLICATION.items():
        with subtests.test(name), _undone():
            foreign = row.make(there)
            mixed = {**foreign, **({"slug": here.slug} if {"slug"} < foreign.keys() else {})}
            for values in (foreign, mixed) if mixed != foreign else (foreign,):
                for method in METHODS:
                    status = _answer(chief, method, name, values)[0]
                    after_method = name == "issues:read" or values is not foreign
                    assert status == 404 or (status == 405 and after_method), method


def test_what_concerns_all_publications_is_not_for_one_of_them(
    subtests, here: Publication, there: Publication
):
    chief = _signed_in("chief", here, Role.ADMINISTRATOR)
    both = _signed_in("both", here, Role.ADMINISTRATOR)
    Membership.objects.create(
        user=User.objects.get(username="person-both"), publication=there, role=Role.ADMINISTRATOR
    )
    for name in (name for name, row in STAFF_ONLY.items() if row.for_all):
        for method in METHODS:
            with subtests.test(name, method=method):
                values = TABLE[name].make(here)
                assert _answer(chief, method, name, values)[0] == 403
                answer = _answer(both, method, name, values)[0]
                assert answer == TABLE[name].but or answer not in REFUSED


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ("notices@bounce.example.org", 200),
        ("notices@bounce.example.net", 404),
        ("", 403),
        ("somebody@elsewhere.example", 403),
    ],
)
def test_what_came_back_about_nobody_known_is_whose_domain_it_came_to(
    here: Publication, there: Publication, recipient: str, expected: int
):
    chief = _signed_in("chief", here, Role.ADMINISTRATOR)
    values = came_to(recipient)
    listed = chief.get(reverse("desk:returned-messages", kwargs={"slug": here.slug}))
    address = reverse("desk:returned-message", kwargs=values)
    assert (address in listed.content.decode()) is (expected == 200)
    assert chief.get(address).status_code == expected
    second = reverse("desk:second-try", kwargs=values)
    assert chief.post(second).status_code == (302 if expected == 200 else expected)


def test_what_only_a_superuser_does(subtests, here: Publication, people):
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    for name in _behind(Door.SUPERUSER):
        for method in METHODS:
            with subtests.test(name, method=method):
                assert _answer(Client(), method, name, {})[0] == 302
                assert {_answer(client, method, name, {})[0] for client in people.values()} == {403}
                assert _answer(root, method, name, {})[0] == 200


def test_an_own_page_asks_who_it_is(subtests, here: Publication):
    own = Client()
    own.force_login(User.objects.create_user("somebody", password="a long pass phrase"))
    for name, row in _behind(Door.OWN).items():
        with subtests.test(name), _undone():
            values = row.make(here)
            for method in METHODS:
                status, location = _answer(Client(), method, name, values)
                assert status == 404 or (status, location.split("?")[0]) == (302, "/login/")
                status, location = _answer(own, method, name, values)
                assert status < 500
                assert status == row.but or status not in REFUSED
                assert not location.startswith("/login/")
                if row.but:
                    assert status in (302, 404, 405)


def test_an_open_page_never_breaks(subtests, here: Publication):
    for name, row in _behind(Door.OPEN, Door.TOKEN).items():
        with subtests.test(name), _undone():
            values = row.make(here)
            for method in METHODS:
                status, _ = _answer(Client(), method, name, values)
                assert status < 500
                assert status == row.but or row.right is Door.TOKEN or status not in REFUSED
