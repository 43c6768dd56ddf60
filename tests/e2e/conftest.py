"""What end-to-end tests run: processes of their own, or a whole `dongtai up` for a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.conftest import BROWSER_SECONDS
from tests.house.conftest import Up, started
from tests.processes import cluster, directory, installation, redis, smtp

__all__ = ["cluster", "directory", "installation", "redis", "smtp"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with started(tmp_path_factory.mktemp("up") / "var") as run:
        yield run


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="zh-CN")
    context.set_default_timeout(BROWSER_SECONDS * 1000)
    yield context
    context.close()
