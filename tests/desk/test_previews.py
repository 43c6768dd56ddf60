"""The preview: the real bytes, looked at in every way, and nothing kept of it."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dongtai_mail.desk.models import Membership, Role
from dongtai_mail.issues import reviewing
from dongtai_mail.issues.editions import freeze
from dongtai_mail.issues.models import Edition
from tests import factories
from tests.desk.conftest import make_issue

pytestmark = pytest.mark.django_db


def _html(desk, issue, query: str = "") -> str:
    return desk.get(f"/issues/{issue.pk}/preview/html/{query}").content.decode()


def _page(desk, issue, query: str = "") -> str:
    return desk.get(f"/issues/{issue.pk}/preview/{query}").content.decode()


def _member(publication, role: str) -> Client:
    person = User.objects.create_user(role)
    Membership.objects.create(user=person, publication=publication, role=role)
    client = Client()
    client.force_login(person)
    return client


def test_looking_keeps_nothing(desk, issue):
    for query in ("", "?kind=digest", "?part=text", "?scheme=dark&images=off"):
        _page(desk, issue, query)
        _html(desk, issue, query)
    assert not Edition.objects.exists()


def test_what_is_seen_is_what_would_be_frozen(desk, issue):
    shown = _html(desk, issue)
    frozen = freeze(issue).html
    links = re.findall(r"https://news\.example\.org/[up]/[\w-]+/", shown)
    for link, slot in zip(links, sorted(freeze(issue).slots, key=frozen.index), strict=True):
        frozen = frozen.replace(slot, link)
    assert shown == frozen


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_only_the_condition_of_the_dark_styles_is_switched(desk, publication, scheme):
    words = "关于 @media (prefers-color-scheme:dark) 与 color-scheme:light dark 的一篇文章。"
    issue = make_issue(publication, "标题", body=words)
    real, switched = _html(desk, issue), _html(desk, issue, f"?scheme={scheme}")
    condition = {"light": "@media not all", "dark": "@media all"}[scheme]
    head = switched.partition("</head>")[0]
    assert condition in head
    assert "prefers-color-scheme:dark" not in head
    back = head.replace(f"color-scheme:{scheme}", "color-scheme:light dark")
    back = back.replace(f'content="{scheme}"', 'content="light dark"')
    back = back.replace(condition, "@media (prefers-color-scheme:dark)")
    assert back + "</head>" + switched.partition("</head>")[2] == real
    assert words in unescape(switched)


def test_images_are_turned_off_by_the_policy_alone(desk, issue):
    with_images = desk.get(f"/issues/{issue.pk}/preview/html/")
    without = desk.get(f"/issues/{issue.pk}/preview/html/?images=off")
    assert with_images.content == without.content
    assert "img-src https:" in with_images["Content-Security-Policy"]
    assert "img-src 'none'" in without["Content-Security-Policy"]
    assert without["Content-Security-Policy"].startswith("sandbox ")


def test_a_reader_is_chosen_by_those_who_may_see_readers(publication, issue):
    (reader,) = factories.subscribe(factories.subscriber_list(), "wang@example.com", name="王读者")
    lists = _member(publication, Role.LIST_MANAGER)
    found = _page(lists, issue, "?q=王读者")
    assert f"reader={reader.pk}" in found
    assert "王读者 &lt;wang@example.com&gt;" in _page(lists, issue, f"?reader={reader.pk}")
    editor = _member(publication, Role.EDITOR)
    for query in (f"?reader={reader.pk}", "?q=wang"):
        page = _page(editor, issue, query)
        assert "wang@example.com" not in page
        assert "reader@example.org" in page
        assert "要有“订阅者管理”的职责" in page


def test_another_publications_reader_is_nobody(desk, issue):
    other = factories.subscriber_list(factories.publication("other", "other.example"), "others")
    (reader,) = factories.subscribe(other, "li@example.com")
    assert "li@example.com" not in _page(desk, issue, f"?reader={reader.pk}")
    assert f"reader={reader.pk}" not in _page(desk, issue, "?q=li@example.com")


@pytest.mark.parametrize("reader", ["x", "-1", "9" * 30, "%00", "１"])
def test_readers_that_are_none_are_nobody(desk, issue, reader):
    assert "reader@example.org" in _page(desk, issue, f"?reader={reader}")


def test_the_next_step_is_the_one_that_is_due(desk, publication, issue):
    assert f"/issues/{issue.pk}/mailing/" in _page(desk, issue)
    publication.needs_approval = True
    publication.save()
    page = _page(desk, issue)
    assert "去送审" in page
    assert f"/issues/{issue.pk}/mailing/" not in page
    reviewing.vouch(freeze(issue, "digest"), "总编")
    assert f"/issues/{issue.pk}/mailing/?kind=digest" in _page(desk, issue)
    reviewing.vouch(freeze(issue), "总编")
    assert f"/issues/{issue.pk}/mailing/?kind=auto" in _page(desk, issue, "?kind=lean")


def test_errors_lead_to_the_findings(desk, publication):
    issue = make_issue(publication, "标题", body="")
    page = _page(desk, issue)
    assert "改好才能发送" in page
    assert f"/issues/{issue.pk}/findings/" in page
    assert f"/issues/{issue.pk}/mailing/" not in page
    assert f"/issues/{issue.pk}/tests/" not in page


def test_a_frozen_edition_is_shown_as_it_was(desk, issue):
    edition = freeze(issue)
    issue.sections.get().items.update(body="后来改的。")
    shown = desk.get(f"/editions/{edition.pk}/html/")
    assert "正文。" in shown.content.decode()
    assert "后来改的" not in shown.content.decode()
    assert shown["Content-Security-Policy"].startswith("sandbox ")
