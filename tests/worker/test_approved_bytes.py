"""What was approved is what is sent, archived and on the record: byte for byte."""

from __future__ import annotations

import email
import hashlib
from email import policy
from pathlib import Path

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client

from dongtai_mail.delivery import scheduling
from dongtai_mail.demo import sample_manuscript
from dongtai_mail.desk.models import AuditEntry
from dongtai_mail.environment import Relay
from dongtai_mail.issues.importing import import_manuscript
from dongtai_mail.issues.models import Issue, Review
from dongtai_mail.keys import keyring
from dongtai_mail.message.links import reader_links
from subscribers.models import Subscription
from tests import factories
from tests.smtp_server import SmtpServer
from worker.engine import Engine

pytestmark = pytest.mark.django_db(transaction=True)


def _signed_in(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(name))
    return client


@pytest.fixture
def issue(settings, tmp_path: Path) -> Issue:
    settings.DATA_DIR = tmp_path
    publication = factories.publication()
    publication.needs_approval = True
    publication.save()
    path = sample_manuscript()
    return import_manuscript(publication, path.read_bytes(), path.name)


def test_what_was_approved_is_what_is_received_archived_and_recorded(
    issue: Issue, settings, redis_server: redis.Redis
) -> None:
    redis_server.flushall()
    factories.readers(3)
    assert _signed_in("editor").post(f"/issues/{issue.pk}/review/request/").status_code == 302
    review = Review.objects.get()
    _signed_in("reviewer").post(f"/reviews/{review.pk}/approval/")
    edition = review.edition
    mailing = scheduling.schedule(edition, factories.subscriber_list(), request_key="c" * 16)
    with SmtpServer() as smtp:
        settings.RELAYS = (Relay("127.0.0.1", smtp.port, "none"),)
        engine = Engine()
        engine.drive(lambda: None)
        engine.close()
    assert len(smtp.received) == 3
    for received in smtp.received:
        _is_the_edition(received, edition, mailing.pk)
    page = Client().get(f"/read/observer/{edition.key}/")
    assert page.content == edition.web_html.encode()
    parts = (edition.subject, edition.html, edition.text, edition.web_html)
    assert edition.sha256 == hashlib.sha256("\0".join(parts).encode()).hexdigest()
    entry = AuditEntry.objects.get(action="review.approved")
    assert entry.after["sha256"] == edition.sha256
    assert page["ETag"] == f'"{edition.sha256}"'


def _is_the_edition(received, edition, mailing_id: int) -> None:
    """With the reader's own links put back into their places, nothing else differs."""
    message = email.message_from_bytes(received.data, policy=policy.default)
    reader = Subscription.objects.get(subscriber__address=received.recipient)
    links = reader_links(
        keyring(), "https://news.example.org", "bounce.example.org", reader.pk, mailing_id
    )
    assert message["Subject"] == edition.subject
    for kind, frozen in (("html", edition.html), ("plain", edition.text)):
        part = message.get_body((kind,)).get_payload(decode=True).decode()
        assert part.count(links.unsubscribe) == part.count(links.preferences) == 1
        put_back = part.replace(links.unsubscribe, edition.unsubscribe_slot).replace(
            links.preferences, edition.preferences_slot
        )
        assert put_back.replace("\r\n", "\n") == frozen
