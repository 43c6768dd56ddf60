"""A signed-in editor and an issue that can be sent."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import translation
from playwright.sync_api import Browser, BrowserContext, Page

from dongtai_mail.issues.models import Issue, Item, Publication, Section
from tests import factories
from tests.conftest import BROWSER_SECONDS


@pytest.fixture(scope="session")
def _keys(tmp_path_factory):
    """Where the DKIM key is: making one costs seconds."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(autouse=True)
def _own_keys(settings, _keys) -> None:
    settings.DATA_DIR = _keys


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    """Nobody has tried any password yet."""
    cache.clear()


@pytest.fixture(autouse=True)
def _fresh_language() -> Iterator[None]:
    """A page that was asked for in English leaves English behind for whatever comes next."""
    with translation.override(settings.LANGUAGE_CODE):
        yield


@pytest.fixture
def editor(db) -> User:
    return User.objects.create_superuser("editor", password="a long pass phrase")


@pytest.fixture
def desk(editor: User) -> Client:
    client = Client()
    client.force_login(editor)
    return client


@pytest.fixture
def context(browser: Browser, live_server) -> Iterator[BrowserContext]:
    """A browser that nobody has used, in which no page may break its own policy."""
    made = browser.new_context(
        base_url=live_server.url.replace("127.0.0.1", "localhost"),
        viewport={"width": 1440, "height": 900},
        locale="zh-CN",
    )
    made.set_default_timeout(BROWSER_SECONDS * 1000)
    said: list[str] = []
    made.on("console", lambda message: said.append(message.text))
    yield made
    for page in made.pages:
        page.wait_for_load_state("networkidle")
    made.close()
    assert not [each for each in said if "Content Security Policy" in each]


@pytest.fixture
def page(context: BrowserContext, desk: Client) -> Page:
    sign_in(context, desk)
    return context.new_page()


def sign_in(context: BrowserContext, client: Client) -> None:
    """Whoever the client is, the browser is."""
    name = settings.SESSION_COOKIE_NAME
    cookie = {"name": name, "value": client.cookies[name].value}
    context.add_cookies([{**cookie, "domain": "localhost", "path": "/"}])


@pytest.fixture
def publication(db) -> Publication:
    return factories.publication()


@pytest.fixture
def issue(publication: Publication) -> Issue:
    return make_issue(publication, "云港口岸开通夜航")


def make_issue(
    publication: Publication, title: str, number: str = "7", body: str = "正文。"
) -> Issue:
    day = datetime.date(2026, 11, 16)
    issue = Issue.objects.create(
        publication=publication,
        number=number,
        date=day,
        masthead=publication.name,
    )
    section = Section.objects.create(issue=issue, position=0, name="要闻")
    Item.objects.create(
        section=section,
        position=0,
        title=title,
        body=body,
        source="云港日报",
        date=day,
    )
    return issue
