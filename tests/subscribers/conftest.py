"""A place of its own for keys and files, a list, and a browser without cookies."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from subscribers import links
from subscribers.models import SubscriberList, Subscription
from tests import factories


@pytest.fixture(scope="session")
def _keys(tmp_path_factory):
    """Where the DKIM key is: making one costs seconds."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(autouse=True)
def _own_keys(settings, _keys) -> None:
    settings.DATA_DIR = _keys


@pytest.fixture(autouse=True)
def _at_once(monkeypatch) -> None:
    monkeypatch.setattr(links, "EVEN_SECONDS", 0)


@pytest.fixture
def readers(db) -> SubscriberList:
    return factories.subscriber_list()


@pytest.fixture
def reader(db) -> Subscription:
    return factories.subscribe(factories.subscriber_list(), "zhang@example.com", name="张三")[0]


class Stranger(Client):
    """A browser without cookies, which goes where a form leads."""

    def post(self, *args: Any, **kwargs: Any) -> Any:
        return super().post(*args, **{"follow": True, **kwargs})


@pytest.fixture
def stranger() -> Client:
    """A reader's browser or a mail provider's machine; Django's CSRF checks are on."""
    return Stranger(enforce_csrf_checks=True)
