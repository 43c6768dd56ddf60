"""Signing in: throttled, told to the audit log, with second factors; nobody signs up."""

from __future__ import annotations

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import NoReverseMatch, reverse

from dongtai_mail.delivery import staff_letters
from dongtai_mail.delivery.models import StaffNotice
from dongtai_mail.desk.models import AuditEntry
from subscribers import links
from tests import factories

pytestmark = pytest.mark.django_db

PASSWORD = "a long pass phrase"


@pytest.fixture
def person(db) -> User:
    return User.objects.create_user("wang", "wang@example.org", PASSWORD)


def sign_in(client: Client, name: str = "wang", password: str = PASSWORD, **more: str):
    return client.post("/login/", {"login": name, "password": password, **more})


def confirm(client: Client) -> None:
    client.post("/me/confirmation/", {"password": PASSWORD})


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


@pytest.mark.parametrize("name", ["wang", "wang@example.org", "WANG@example.org"])
def test_people_sign_in_by_name_or_address(client, person, name):
    assert sign_in(client, name)["Location"] == "/"
    assert actions() == ["person.signed-in"]


def test_the_session_changes_at_sign_in(client, person):
    client.post("/language/", {"language": "en", "next": "/login/"})
    session = client.session
    session["mark"] = "before"
    session.save()
    client.cookies["sessionid"] = session.session_key
    sign_in(client)
    assert client.cookies["sessionid"].value != session.session_key


def test_after_five_wrong_passwords_the_right_one_has_to_wait(client, person):
    for name in ("wang", "Wang@example.org", "WANG", "wang@example.org", "wang"):
        assert sign_in(client, name, password="wrong").status_code == 200
    page = sign_in(client).content.decode()
    assert "连续输错太多次" in page
    assert actions() == ["person.refused"] * 5


def test_strangers_wrong_passwords_keep_nobody_out_of_a_browser_they_know(client, person):
    User.objects.create_user("li", "li@example.org", PASSWORD)
    stranger = Client()
    for known, name in ((client, "wang"), (stranger, "li")):
        sign_in(known, name)
        known.post("/logout/")
    for _ in range(5):
        sign_in(stranger, password="wrong")
    assert "连续输错太多次" in sign_in(stranger).content.decode()
    assert "连续输错太多次" in sign_in(Client()).content.decode()
    assert sign_in(client)["Location"] == "/"
    client.post("/logout/")
    for _ in range(5):
        sign_in(client, password="wrong")
    assert "连续输错太多次" in sign_in(client).content.decode()


def test_a_password_in_the_field_of_the_name_is_not_written_down(client, person):
    sign_in(client, name=PASSWORD, password="wrong")
    assert PASSWORD not in str(AuditEntry.objects.values())


def test_nobody_signs_up():
    for name in ("account_signup", "socialaccount_signup", "account_email"):
        with pytest.raises(NoReverseMatch):
            reverse(name)


def test_a_forgotten_password_is_set_anew_by_mail(client, person):
    factories.publication()
    assert client.post("/password/", {"email": "wang@example.org"})["Location"] == "/password/sent/"
    notice = StaffNotice.objects.get()
    text = staff_letters.letter(notice, notice.created_at).message.decode("ascii", "replace")
    assert "To: wang@example.org" in text
    for _ in range(5):
        sign_in(client, password="wrong")
    assert "连续输错太多次" in sign_in(client, password="wrong").content.decode()
    page = client.get(staff_letters.password_address(person), follow=True)
    form = {"password1": "another long phrase", "password2": "another long phrase"}
    address = page.redirect_chain[-1][0]
    assert address.endswith("-set-password/")
    assert client.post(address, form)["Location"] == "/password/done/"
    assert sign_in(client, password="another long phrase")["Location"] == "/"
    assert actions()[5:] == ["person.password", "person.signed-in"]


def test_an_unknown_address_gets_the_same_answer_and_no_mail(client, person):
    factories.publication()
    answer = client.post("/password/", {"email": "nobody@example.org"})
    assert answer["Location"] == "/password/sent/"
    assert not StaffNotice.objects.exists()


@pytest.mark.parametrize("address", ["wang@example.org", "nobody@example.org"])
def test_mails_for_a_password_are_asked_for_a_few_times_an_hour_and_no_clock_tells_whose(
    client, person, monkeypatch, address
):
    factories.publication()
    monkeypatch.setattr(links, "EVEN_SECONDS", 0.5)
    began = time.monotonic()
    client.post("/password/", {"email": address})
    assert time.monotonic() - began >= 0.5
    monkeypatch.setattr(links, "EVEN_SECONDS", 0)
    answers = [client.post("/password/", {"email": address}).status_code for _ in range(5)]
    assert answers == [302] * 4 + [429]


def test_a_link_for_a_password_works_once(client, person):
    address = staff_letters.password_address(person)
    person.set_password("meanwhile another")
    person.save()
    assert "这个链接已经失效" in client.get(address).content.decode()


def _codes(secret: str) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))


def test_a_second_factor_is_asked_for_once_it_is_set_up(client, person):
    sign_in(client)
    confirm(client)
    page = client.get("/me/factors/app/").content.decode()
    secret = re.search(r"<code class=\"mono\">(\w+)</code>", page)
    assert secret
    client.post("/me/factors/app/", {"code": _codes(secret[1])})
    kept = Authenticator.objects.get(type="totp")
    assert secret[1] not in str(kept.data)
    codes = client.get("/me/factors/codes/recovery-codes.txt").content.decode().split()
    client.post("/logout/")
    cache.clear()
    assert sign_in(client)["Location"] == "/login/code/"
    assert client.get("/me/").status_code == 302
    assert "验证码不对" in client.post("/login/code/", {"code": "000000"}).content.decode()
    assert client.post("/login/code/", {"code": codes[0]})["Location"] == "/"
    assert client.get("/me/").status_code == 200
    assert actions()[-2:] == ["person.refused", "person.signed-in"]
    confirm(client)
    assert "只凭密码就能登录" in client.get("/me/factors/app/removal/").content.decode()
    Authenticator.objects.create(user=person, type="webauthn", data={})
    assert "第二步用通行密钥" in client.get("/me/factors/app/removal/").content.decode()


def test_a_new_address_asks_for_the_password_again(client, person):
    client.force_login(person)
    form = {"first_name": "王编辑", "email": "new@example.org"}
    answer = client.post("/me/", form)
    assert answer["Location"].startswith("/me/confirmation/")
    answer = client.post(answer["Location"], {"password": PASSWORD, "next": "/me/"})
    person.refresh_from_db()
    assert (person.first_name, person.email) == ("王编辑", "new@example.org")
    entry = AuditEntry.objects.get(action="person.changed")
    assert entry.before["email"] == "wang@example.org"


def test_somebody_elses_address_is_refused(client, person):
    User.objects.create_user("li", "li@example.org", PASSWORD)
    sign_in(client)
    confirm(client)
    page = client.post("/me/", {"first_name": "", "email": "LI@example.org"}).content.decode()
    assert "另一个账号" in page


def test_the_devices_can_be_signed_out(client, person):
    other = Client()
    sign_in(other)
    sign_in(client)
    assert client.get("/me/sessions/").content.decode().count("127.0.0.1") == 2
    client.post("/me/sessions/")
    assert other.get("/me/").status_code == 302
    assert client.get("/me/").status_code == 200


def test_who_is_deactivated_is_out_at_once(client, person):
    sign_in(client)
    person.is_active = False
    person.save()
    assert client.get("/").status_code == 302
    assert sign_in(client)["Location"] == "/inactive/"
