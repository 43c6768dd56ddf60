"""Accounts in a real browser: a passkey is made and used, and the pages are looked at."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect

from dongtai_mail.desk.models import AuditEntry, Membership, Role
from dongtai_mail.issues.models import Publication
from tests.e2e.looking import look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "a long pass phrase"


@pytest.fixture
def page(context: BrowserContext, settings) -> Page:
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
    return context.new_page()


@pytest.fixture
def chief(publication: Publication) -> User:
    person = User.objects.create_user("chief", "chief@example.org", PASSWORD, first_name="主编")
    Membership.objects.create(user=person, publication=publication, role=Role.ADMINISTRATOR)
    return person


def _sign_in(page: Page) -> None:
    page.goto("/login/")
    page.get_by_label("用户名").fill("chief")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("navigation", name="主要页面")).to_be_visible()


def _confirm(page: Page) -> None:
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="确认").click()


def _authenticator(page: Page) -> None:
    """A device with a fingerprint reader that always agrees."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_passkey_is_made_and_signs_in_without_a_password(page: Page, chief: User):
    _authenticator(page)
    _sign_in(page)
    page.goto("/me/factors/passkeys/new/")
    _confirm(page)
    page.get_by_label("名称").fill("办公室的电脑")
    look(page, "accounts/passkey-new")
    page.get_by_role("button", name="添加").click()
    expect(page.get_by_role("heading", name="恢复码")).to_be_visible()
    look(page, "accounts/recovery-codes")
    page.goto("/me/factors/passkeys/")
    expect(page.get_by_role("cell", name="办公室的电脑")).to_be_visible()
    page.goto("/logout/")
    page.get_by_role("button", name="退出").click()
    page.get_by_role("button", name="使用通行密钥").click()
    expect(page.get_by_role("navigation", name="主要页面")).to_be_visible()
    assert AuditEntry.objects.filter(action="person.signed-in").count() == 2


def test_without_a_passkey_the_page_says_so(page: Page, chief: User):
    _authenticator(page)
    page.goto("/login/")
    look(page, "accounts/login")
    page.get_by_role("button", name="使用通行密钥").click()
    expect(page.get_by_text("没有用成通行密钥")).to_be_visible()


def test_the_menus_work_by_keyboard(page: Page, chief: User):
    _sign_in(page)
    menu = page.locator("summary", has_text="主编")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="我的账号")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="我的账号")).to_be_hidden()
    page.goto("/me/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("/")
    page.keyboard.type("夜航")
    page.keyboard.press("Enter")
    expect(page.get_by_text("没有找到“夜航”")).to_be_visible()
    look(page, "accounts/search")
    page.set_viewport_size({"width": 375, "height": 812})
    page.get_by_text("菜单").focus()
    page.keyboard.press("Enter")
    look(page, "accounts/menu", ((375, 812),))
    assert page.locator("header").bounding_box()["height"] < 64
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="各期")).to_be_visible()


def test_the_pages_of_people_and_settings_are_looked_at(page: Page, chief: User, publication):
    Membership.objects.create(
        user=User.objects.create_user("wang", "wang@example.org", first_name="王"),
        publication=publication,
        role=Role.EDITOR,
    )
    _sign_in(page)
    for name, address in {
        "me": "/me/",
        "factors": "/me/factors/",
        "sessions": "/me/sessions/",
        "people": "/publications/observer/people/",
        "invitation": "/publications/observer/people/new/",
        "person": f"/publications/observer/people/{chief.pk}/",
        "settings": "/publications/observer/settings/",
        "dns": "/publications/observer/dns/",
        "audit": "/publications/observer/audit/",
    }.items():
        page.goto(address)
        look(page, f"accounts/{name}")
    page.goto("/me/factors/app/")
    _confirm(page)
    look(page, "accounts/app")
