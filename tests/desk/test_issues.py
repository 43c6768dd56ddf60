"""A publication's issues, importing a manuscript, an issue's page and its preview."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from dongtai_mail.desk.models import Membership, Role
from dongtai_mail.issues import reviewing
from dongtai_mail.issues.editions import freeze
from dongtai_mail.issues.models import Edition, Issue, Review
from tests import factories
from tests.desk.conftest import make_issue

pytestmark = pytest.mark.django_db

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 }}{% now %}'


def test_home_leads_to_the_only_publication(desk, publication):
    assert desk.get("/")["Location"] == "/publications/observer/"


def test_home_lists_several_publications_and_says_when_there_is_none(desk):
    assert "还没有刊物" in desk.get("/").content.decode()
    factories.publication("one")
    factories.publication("two")
    assert desk.get("/").content.decode().count("云港观察") == 2


def test_issues_stand_with_their_number_items_and_state(desk, editor, issue):
    page = desk.get("/publications/observer/").content.decode()
    assert "第 7 期" in page
    assert "1 条" in page
    assert "未发送" in page
    review = reviewing.request(issue, editor)
    for state, word in (("requested", "等待审核"), ("approved", "已批准"), ("withdrawn", "未发送")):
        Review.objects.filter(pk=review.pk).update(state=state)
        assert f"</span>{word}</" in desk.get("/publications/observer/").content.decode()
    factories.mailing(edition=freeze(issue), state="sending")
    assert "发送中" in desk.get("/publications/observer/").content.decode()


def test_the_issue_in_hand_is_the_same_at_the_side_and_on_the_overview(desk, issue, publication):
    later = make_issue(publication, "提前写的一期", number="8")
    Edition.objects.filter(pk=freeze(later).pk).update(published_at=timezone.now())
    page = desk.get("/publications/observer/").content.decode()
    assert re.search(rf'href="/issues/{issue.pk}/">本期<', page)
    assert "云港观察 第 7 期：没有错误" in page


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        ({}, "云港观察 期号未定"),
        ({"subject": "开港"}, "云港观察 期号未定（开港）"),
        ({"period_from": "2026-11-01", "period_to": "2026-11-15", "subject": "开港"}, "11-01–2026"),
    ],
)
def test_an_issue_without_a_number_says_so(desk, publication, known, shown):
    publication.issues.create(**known)
    assert shown in desk.get("/publications/observer/").content.decode()


@pytest.mark.parametrize("role", [Role.EDITOR, Role.SENDER])
def test_who_writes_is_offered_a_new_issue_and_who_sends_the_times(client, publication, role):
    person = User.objects.create_user("person")
    Membership.objects.create(user=person, publication=publication, role=role)
    client.force_login(person)
    page = client.get("/publications/observer/").content.decode()
    assert ("新建一期" in page) == (role == Role.EDITOR)
    assert (">导入稿件<" in page) == (role == Role.EDITOR)
    assert ("/observer/slots/" in page) == (role == Role.SENDER)


def test_the_number_of_queries_does_not_grow_with_the_issues(
    desk, publication, django_assert_num_queries, django_assert_max_num_queries
):
    make_issue(publication, "标题", "first")
    with django_assert_max_num_queries(25) as alone:
        desk.get("/publications/observer/")
    for number in range(20):
        make_issue(publication, "标题", str(number))
    with django_assert_num_queries(len(alone)):
        desk.get("/publications/observer/")


def test_hostile_words_are_shown_and_run_nowhere(desk, publication):
    publication.name = HOSTILE[:100]
    publication.save()
    issue = make_issue(publication, HOSTILE, HOSTILE[:50], body=HOSTILE)
    addresses = ["", "preview/", "preview/?part=text", "preview/?part=source", "mailing/"]
    pages = [f"/issues/{issue.pk}/{each}" for each in addresses]
    for address in ["/publications/observer/", *pages]:
        page = desk.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_the_preview_is_the_edition_with_links_that_belong_to_nobody(desk, issue):
    html = desk.get(f"/issues/{issue.pk}/preview/html/?kind=full")
    edition = freeze(issue, "full")
    shown, frozen = html.content.decode(), edition.html
    links = re.findall(r"https://news\.example\.org/[up]/[\w-]+/", shown)
    assert len(links) == 2
    for link, slot in zip(links, sorted(edition.slots, key=frozen.index), strict=True):
        frozen = frozen.replace(slot, link)
    assert shown == frozen
    assert len(shown.encode()) == edition.size
    assert desk.get(links[0].removeprefix("https://news.example.org")).status_code == 404


def test_the_preview_frame_is_a_sandbox(desk, issue):
    page = desk.get(f"/issues/{issue.pk}/preview/?width=375").content.decode()
    assert '<iframe class="width-375" sandbox=""' in page
    policy = desk.get(f"/issues/{issue.pk}/preview/html/")["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "default-src 'none'" in policy
    assert "script" not in policy


def test_every_edition_is_offered_with_its_size(desk, issue):
    page = desk.get(f"/issues/{issue.pk}/preview/").content.decode()
    for kind in ("full", "lean", "digest"):
        assert f"{freeze(issue, kind).size:,}" in page
    assert "102,400" in page


def test_text_and_source_are_what_is_sent(desk, issue):
    text = desk.get(f"/issues/{issue.pk}/preview/?part=text").content.decode()
    assert "云港口岸开通夜航" in text
    source = desk.get(f"/issues/{issue.pk}/preview/?part=source").content.decode()
    assert "<!doctype html>" in unescape(source.partition("<pre>")[2]).lower()


def test_an_issue_with_errors_is_shown_but_leads_to_no_mailing(desk, publication):
    issue = Issue.objects.create(publication=publication, number="8")
    page = desk.get(f"/issues/{issue.pk}/preview/").content.decode()
    assert "改好才能发送" in page
    assert f"/issues/{issue.pk}/mailing/" not in page
    refused = desk.get(f"/issues/{issue.pk}/mailing/", follow=True)
    assert refused.redirect_chain == [(f"/issues/{issue.pk}/", 302)]
    assert not Edition.objects.exists()


@pytest.mark.parametrize("query", ["kind=../etc", "width=9999", "part=<b>", "kind=&width=&part="])
def test_unknown_choices_fall_back(desk, issue, query):
    assert desk.get(f"/issues/{issue.pk}/preview/?{query}").status_code == 200
