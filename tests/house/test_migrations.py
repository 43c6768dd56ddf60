"""What migrations do to rows, by code of their own."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.db.models import Sum

from dongtai_mail.delivery import mailings, returns
from dongtai_mail.delivery.models import Delivery, Mentions, Tally
from subscribers.fingerprint import fingerprint
from subscribers.models import SubscriptionEvent
from tests import factories
from tests.delivery import samples


def _migration(name: str) -> Any:
    app, _, file = name.partition(".")
    package = app if app == "subscribers" else f"dongtai_mail.{app}"
    return import_module(f"{package}.migrations.{file}")


def test_a_fingerprint_is_the_one_of_the_first_day() -> None:
    key = "张三@例子.example"
    assert _migration("subscribers.0002_consent").fingerprint(key) == fingerprint(key)


@pytest.mark.django_db(transaction=True)
def test_what_readers_answered_is_read_from_the_words_of_before() -> None:
    reader = factories.readers(1)[0]
    before = [
        ("one-click", "mailing 7"),
        ("preferences", "mailing 0"),
        ("reason", "mailing 7"),
        ("page", "mailing 7x"),
    ]
    for source, detail in before:
        event = {"state": "unsubscribed", "source": source, "detail": detail}
        SubscriptionEvent.objects.create(subscription=reader, **event)
    migration = _migration("subscribers.0015_mailings_that_readers_answered")
    with connection.schema_editor(atomic=False) as editor:
        migration.read_the_words(apps, editor)
    assert list(reader.events.values_list("mailing", flat=True)) == [7, None, None, None]
    emit_post_migrate_signal(0, False, "default")


def _sums() -> list[dict[str, Any]]:
    by = ("mailing", "lane", "state", "subscriber_list", "quarter")
    return list(
        Tally.objects.values(*by).annotate(sum=Sum("delta")).filter(sum__gt=0).order_by(*by)
    )


@pytest.mark.django_db(transaction=True)
def test_deliveries_are_counted_anew_as_they_were(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    factories.readers(5)
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    for place, pk in enumerate(Delivery.objects.values_list("pk", flat=True)[:4]):
        said = {"state": (2, 4)[place % 2], "changed_at": f"2026-11-02T10:{place * 14:02}:59+00:00"}
        Delivery.objects.filter(pk=pk).update(**said)
    before = _sums()
    assert len(before) == 5
    _migration("delivery.0010_tallies_by_list_and_quarter").count_anew(connection)
    assert _sums() == before
    emit_post_migrate_signal(0, False, "default")


@pytest.mark.django_db
def test_whom_kept_messages_name_is_noted_as_of_new_ones() -> None:
    encoded = b"Subject: =?utf-8?b?PHdhbmdAZXhhbXBsZS5vcmc+?=\r\n\r\nhello"
    for raw in (samples.bounce("Li@example.com"), samples.vacation("a@example.org"), encoded):
        returns.receive(raw, "b@bounce.example.org", "lmtp")
    before = list(Mentions.objects.order_by("pk").values())
    assert "wang@example.org" in str(before)
    Mentions.objects.all().delete()
    _migration("delivery.0012_mentions").note_what_is_there(apps, None)
    assert list(Mentions.objects.order_by("pk").values()) == before
