"""A web server for whatever asks the web."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dongtai_mail.issues.fetching import Rules
from tests import web_server


@pytest.fixture
def site() -> Iterator[web_server.Site]:
    with web_server.running() as running:
        yield running


@pytest.fixture
def rules(site: web_server.Site) -> Rules:
    """Those of the open web, with the test's own server in it."""
    return Rules(allowed=lambda address, port: address.is_loopback and port == site.port)
