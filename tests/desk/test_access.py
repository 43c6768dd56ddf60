"""Who gets to the desk, and what browsers are told to refuse."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, reverse

from dongtai_mail.desk.models import Membership, Role
from dongtai_mail.desk.urls import for_staff, open_to_all
from tests import factories

pytestmark = pytest.mark.django_db

VALUES = {"slug": "observer", "provider": "gmail", "fingerprint": "f" * 32}
POSTED = ("desk:pause", "desk:resumption", "desk:cancellation", "desk:send", "desk:manuscripts")


def _address(pattern: URLPattern) -> str:
    names = pattern.pattern.converters
    return reverse(f"desk:{pattern.name}", kwargs={name: VALUES.get(name, 1) for name in names})


def test_whoever_is_signed_out_is_asked_to_sign_in(subtests, client):
    for pattern in for_staff:
        for method in ("get", "head", "post", "put", "delete"):
            with subtests.test(pattern.name, method=method):
                response = getattr(client, method)(_address(pattern))
                assert response.status_code == 302
                back = _address(pattern) if method in ("get", "head") else "/"
                assert response["Location"] == f"/login/?next={back}"


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://testserver/issues/1/review/?kind=full", "/issues/1/review/%3Fkind%3Dfull"),
        ("https://evil.test/issues/1/", "/"),
        ("http://testserver//evil.test/", "/"),
    ],
)
def test_whose_session_ended_comes_back_to_the_form(client, referer, back):
    answer = client.post("/issues/1/review/request/", headers={"Referer": referer})
    assert answer["Location"] == f"/login/?next={back}"


def test_nothing_else_of_the_desk_is_open():
    assert {pattern.name for pattern in open_to_all} == {"login", "logout", "language"}


def test_a_page_that_polls_is_told_to_reload_when_the_session_is_over(client):
    response = client.get("/mailings/1/progress/", headers={"HX-Request": "true"})
    assert response.status_code == 401
    assert response["HX-Refresh"] == "true"


@pytest.mark.parametrize("name", POSTED)
def test_staff_actions_need_the_csrf_token(editor, name):
    mailing = factories.mailing(state="sending")
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor)
    value = "observer" if name == "desk:manuscripts" else mailing.pk
    response = client.post(reverse(name, args=[value]))
    assert response.status_code == 403
    assert "刷新后再提交一次" in response.content.decode()
    mailing.refresh_from_db()
    assert mailing.state == "sending"


def test_signing_in_and_out(client, editor):
    page = client.post(
        "/login/", {"login": "editor", "password": "a long pass phrase", "next": "/issues/9/"}
    )
    assert page["Location"] == "/issues/9/"
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/").status_code == 302


def test_sign_in_leads_to_no_other_site(client, editor):
    form = {"login": "editor", "password": "a long pass phrase", "next": "https://evil.test/"}
    assert client.post("/login/", form)["Location"] == "/"


def test_a_wrong_password_says_so_and_keeps_the_name(client, editor):
    page = client.post("/login/", {"login": "editor", "password": "wrong"}).content.decode()
    assert 'role="alert"' in page
    assert 'value="editor"' in page


def test_pages_allow_no_inline_script_or_style(desk, issue):
    response = desk.get(f"/issues/{issue.pk}/")
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert "no-store" in response["Cache-Control"]


def test_whoever_may_not_do_a_step_learns_which_role_may(publication):
    person = User.objects.create_user("lin")
    Membership.objects.create(user=person, publication=publication, role=Role.EDITOR)
    client = Client()
    client.force_login(person)
    page = client.get(f"/publications/{publication.slug}/subscribers/").content.decode()
    assert "要有“订阅者管理”或“管理员”的职责" in page


def test_a_missing_page_answers_calmly(client):
    response = client.get("/nothing/")
    assert response.status_code == 404
    assert "没有这一页" in response.content.decode()
    assert "回到编辑台" not in response.content.decode()
    client.force_login(User.objects.create_user("lin"))
    assert "回到编辑台" in client.get("/nothing/").content.decode()
