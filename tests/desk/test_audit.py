"""The audit log: readable, filtered by the address, and never changed."""

from __future__ import annotations

import datetime

import pytest
from django.contrib.auth.models import User
from django.db import Error, transaction
from django.test import Client

from dongtai_mail.desk.models import AuditEntry, Membership, Role
from tests import factories

pytestmark = pytest.mark.django_db

PAGE = "/publications/observer/audit/"


@pytest.fixture
def chief(publication) -> User:
    person = User.objects.create_user("chief", "chief@example.org")
    Membership.objects.create(user=person, publication=publication, role=Role.ADMINISTRATOR)
    return person


@pytest.fixture
def client(chief) -> Client:
    client = Client()
    client.force_login(chief)
    return client


def entry(action: str, publication=None, user=None, **more) -> AuditEntry:
    return AuditEntry.objects.create(
        action=action,
        publication=publication,
        user=user,
        actor=user.username if user else "",
        **more,
    )


def test_it_says_who_did_what_with_before_and_after(client, chief, publication):
    entry(
        "publication.changed",
        publication,
        chief,
        subject="云港观察",
        before={"needs_approval": True, "section_names": ["要闻"], "reason": "", "netease": 50},
        after={"needs_approval": False, "section_names": ["要闻", "数据"], "reason": "<b>"},
    )
    page = client.get(PAGE).content.decode()
    for words in (
        "chief",
        "改刊物设置",
        "北京时间",
        "发送前要审核",
        "<del>是</del> → <ins>否</ins>",
        "网易（163、126）",
    ):
        assert words in page
    assert "<ins>要闻、数据</ins>" in page
    assert "<ins>&lt;b&gt;</ins>" in page


def test_filters_are_in_the_address(client, chief, publication):
    other = User.objects.create_user("wang")
    Membership.objects.create(user=other, publication=publication, role=Role.EDITOR)
    entry("mailing.paused", publication, chief, subject="由主编")
    entry("mailing.paused", publication, other, subject="由编辑")
    entry("list.created", publication, other, subject="新名单")
    page = client.get(f"{PAGE}?person={other.pk}&action=mailing.paused").content.decode()
    assert "由编辑" in page
    assert "由主编" not in page
    assert "新名单" not in page
    today = datetime.datetime.now(publication.zone).date()
    tomorrow = today + datetime.timedelta(days=1)
    assert "由编辑" in client.get(f"{PAGE}?since={today}&until={today}").content.decode()
    assert "没有这样的记录" in client.get(f"{PAGE}?since={tomorrow}").content.decode()
    assert "2026-12-01 这样" in client.get(f"{PAGE}?since=yesterday").content.decode()


def test_it_shows_no_other_publications_people(client, chief, publication):
    stranger = User.objects.create_user("stranger")
    entry("mailing.paused", factories.publication("other", "example.net"), stranger)
    entry("person.signed-in", None, stranger)
    entry("person.signed-in", None, chief)
    page = client.get(PAGE).content.decode()
    assert "stranger" not in page
    assert "登录" in page


def test_a_failed_sign_in_is_shown_to_the_administrators_of_the_account(client, chief):
    Client().post("/login/", {"login": "chief", "password": "guessed"})
    page = client.get(f"{PAGE}?action=person.refused").content.decode()
    assert "登录失败" in page
    assert "密码不对" in page


@pytest.mark.parametrize(
    "what", ["UPDATE desk_auditentry SET actor = 'x'", "DELETE FROM desk_auditentry"]
)
def test_the_database_refuses_to_change_it(chief, publication, what):
    from django.db import connection

    entry("mailing.paused", publication, chief)
    with pytest.raises(Error, match="only ever added"), transaction.atomic():
        connection.cursor().execute(what)
    assert AuditEntry.objects.get().actor == "chief"


def test_an_entry_outlives_what_it_names(chief, publication):
    kept = entry("mailing.paused", publication, chief)
    number = chief.pk
    chief.delete()
    kept.refresh_from_db()
    assert (kept.user_id, kept.actor) == (number, "chief")
