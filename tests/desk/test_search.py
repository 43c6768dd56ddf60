"""Search: what is found, for whom, and that readers are looked up and never looked through."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dongtai_mail.desk.models import Membership, Role
from dongtai_mail.issues import editing, editions
from dongtai_mail.issues.models import Item
from subscribers import lookup
from tests import factories
from tests.desk.conftest import make_issue

pytestmark = pytest.mark.django_db


def _member(publication, role: Role) -> Client:
    person = User.objects.create_user(f"{role}-{publication.slug}")
    Membership.objects.create(user=person, publication=publication, role=role)
    client = Client()
    client.force_login(person)
    return client


def _found(client: Client, text: str) -> str:
    return client.get("/publications/observer/search/", {"q": text}).content.decode()


@pytest.fixture
def filled(publication, issue):
    """The same words here and in another publication; one item in the pool, one thrown away."""
    Item.objects.create(publication=publication, title="池中：夜航<b>", body="还没有用的。")
    gone = Item.objects.create(publication=publication, title="丢弃的夜航", body="没有了。")
    editing.discard(gone, "somebody")
    other = factories.publication("other", "example.net")
    make_issue(other, "别家的夜航", "70")
    factories.subscribe(factories.subscriber_list(), "Zhang.wei@example.com", "zhang@qq.com")
    factories.subscribe(factories.subscriber_list(other, "others"), "zhang.san@qq.com")
    factories.mailing(edition=editions.freeze(issue))
    return issue


def test_words_lead_to_items_wherever_they_are(filled, publication):
    page = _found(_member(publication, Role.EDITOR), "夜航")
    item = Item.objects.get(section__issue=filled)
    assert f'/issues/{filled.pk}/?item={item.pk}"' in page
    assert "云港口岸开通<mark>夜航</mark>" in page
    assert "池中：<mark>夜航</mark>&lt;b&gt;" in page
    assert "丢弃的" not in page
    assert "别家的" not in page


@pytest.mark.parametrize("text", ["第 7 期", "7", "第7期"])
def test_a_number_leads_to_its_issue_and_its_mailing(filled, publication, text):
    page = _found(_member(publication, Role.SENDER), text)
    assert f'href="/issues/{filled.pk}/"' in page
    assert "/mailings/" in page.split('aria-labelledby="mailings"')[1]


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("ZHANG", ["Zhang.wei@example.com", "zhang@qq.com"]),
        ("zhang.", ["Zhang.wei@example.com"]),
        ("zhang@qq.com", ["zhang@qq.com"]),
        ("hang", []),
        ("zhang.san@qq.com", []),
    ],
)
def test_readers_are_found_by_how_their_address_begins(filled, publication, text, addresses):
    page = _found(_member(publication, Role.LIST_MANAGER), text)
    everybody = ("Zhang.wei@example.com", "zhang@qq.com", "zhang.san@qq.com")
    assert [each for each in everybody if f">{each}</a>" in page] == addresses
    assert "@" not in _found(_member(publication, Role.EDITOR), text).replace(text, "")


def test_no_more_addresses_are_looked_at_than_so_many(publication, monkeypatch):
    monkeypatch.setattr(lookup, "MOST", 3)
    factories.subscribe(factories.subscriber_list(), *(f"z{n}@example.com" for n in range(5)))
    with CaptureQueriesContext(connection) as asked:
        found = lookup.beginning(publication.pk, "z")
    assert (len(found.subscriptions), found.more) == (3, True)
    assert not lookup.beginning(publication.pk, "z1").more
    assert "LIMIT 3" in asked[0]["sql"]
    assert "LIKE" not in "".join(query["sql"] for query in asked)


def test_what_is_not_there_says_what_to_try(filled, publication):
    page = _found(_member(publication, Role.EDITOR), "没有这样的字")
    assert "没有找到“没有这样的字”" in page
    assert "换短一点的词" in page
    assert "期号或主题" in _found(_member(publication, Role.REVIEWER), " \x00 ")
