"""The settings: whatever stands in a variable is taken, or refused by the variable's name."""

from __future__ import annotations

import pytest

from dongtai_mail import environment
from dongtai_mail.environment import ConfigurationError

KEY = "ab" * 32
COMPLETE = {
    "DONGTAI_SECRET_KEY": "k" * 50,
    "DONGTAI_SEAL_KEYS": f"1:{KEY}",
    "DONGTAI_ORIGIN": "https://news.example.org",
    "DONGTAI_DATABASE_URL": "postgres://u:p@db.example.org/dongtai",
    "DONGTAI_REDIS_URL": "redis://redis.example.org/0",
    "DONGTAI_RELAY_URL": "smtp://relay.example.org",
}


def test_nothing_set_means_production_and_names_all_that_is_missing() -> None:
    with pytest.raises(ConfigurationError) as refused:
        environment.load({})
    assert all(name in str(refused.value) for name in COMPLETE)


def test_two_accounts_at_one_server_are_two_relays() -> None:
    urls = "smtp://a:1@relay:2525 smtp://b:2@relay:2525 smtp://relay:25 smtps://relay:2525"
    values = environment.load(COMPLETE | {"DONGTAI_RELAY_URL": urls})
    names = [relay.name for relay in values["relay_url"]]
    assert names == ["relay:2525", "relay:2525(2)", "relay:25", "relay:2525(3)"]


def test_what_is_complete_is_taken() -> None:
    values = environment.load(COMPLETE | {"DONGTAI_ORIGIN": "https://News.Example.org:8443/"})
    assert (values["mode"], values["origin"]) == ("production", "https://news.example.org:8443")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DONGTAI_MODE", "debug"),
        ("DONGTAI_SECRET_KEY", "short"),
        ("DONGTAI_SEAL_KEYS", f"1:{KEY},1:{'cd' * 32}"),
        ("DONGTAI_SEAL_KEYS", f"²:{KEY}"),
        ("DONGTAI_ORIGIN", "http://news.example.org"),
        ("DONGTAI_ORIGIN", "http://127.0.0.1:8000"),
        ("DONGTAI_ORIGIN", "https://[x"),
        ("DONGTAI_ORIGIN", "https://news.example.org:99999"),
        ("DONGTAI_ORIGIN", "https://news.example.org?x=1"),
        ("DONGTAI_ORIGIN", "https://user:word@news.example.org"),
        ("DONGTAI_ORIGIN", "https://news example.org"),
        ("DONGTAI_DATABASE_URL", "sqlite:////tmp/x"),
        ("DONGTAI_DATABASE_URL", "postgres://u:hidden@[db/x"),
        ("DONGTAI_DATABASE_URL", "postgres://u:hidden#@db/x"),
        ("DONGTAI_REDIS_URL", "unix:///run/redis.sock"),
        ("DONGTAI_RELAY_URL", "smtp://u:hidden@relay:99999"),
        ("DONGTAI_RELAY_URL", "smtp://u:hidden@[relay"),
        ("DONGTAI_RELAY_URL", "smtp://relay?connections=²"),
        ("DONGTAI_BATCH_SIZE", "99999999999999999999"),
        ("DONGTAI_LOG_LEVEL", "LOUD"),
        ("DONGTAI_CATCHER_DATABASE", "catcher.sqlite3"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_without_a_password(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as refused:
        environment.load(COMPLETE | {name: value})
    assert "hidden" not in str(refused.value)
