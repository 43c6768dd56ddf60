"""The public web edition."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from dongtai_mail.desk.models import Membership, Role
from dongtai_mail.issues.models import Edition
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def _keys(tmp_path_factory):
    """Where the DKIM key is: making one costs seconds."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(autouse=True)
def _own_keys(settings, _keys) -> None:
    settings.DATA_DIR = _keys


@pytest.fixture
def edition() -> Edition:
    return factories.edition()


def _publish(edition: Edition) -> None:
    edition.published_at = timezone.now()
    edition.save(update_fields=["published_at"])


def _address(edition: Edition) -> str:
    return f"/read/observer/{edition.key}/"


def test_a_published_edition_is_read_by_everybody_byte_for_byte(client, edition):
    _publish(edition)
    response = client.get(_address(edition))
    assert response.content.decode() == edition.web_html
    assert response["Content-Language"] == "zh-CN"
    assert "Cookie" not in response["Vary"]
    assert not response.cookies


def test_nothing_on_it_runs(client, edition):
    _publish(edition)
    policy = client.get(_address(edition))["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src https:")
    assert "script" not in policy


def test_it_is_answered_again_only_when_it_is_not_known(client, edition):
    _publish(edition)
    etag = client.get(_address(edition))["ETag"]
    known = client.get(_address(edition), headers={"If-None-Match": etag})
    assert (known.status_code, known.content) == (304, b"")
    assert "max-age" in known["Cache-Control"]


def test_an_unpublished_edition_is_seen_by_its_own_people_alone(client, edition):
    assert client.get(_address(edition)).status_code == 404
    person = User.objects.create_user("editor")
    client.force_login(person)
    elsewhere = factories.publication("other", "example.net")
    Membership.objects.create(user=person, publication=elsewhere, role=Role.ADMINISTRATOR)
    assert client.get(_address(edition)).status_code == 404
    here = edition.issue.publication
    Membership.objects.create(user=person, publication=here, role=Role.LIST_MANAGER)
    response = client.get(_address(edition))
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("address", ["/read/other/{}/", "/read/observer/0{}/"])
def test_another_address_is_not_found(client, edition, address):
    _publish(edition)
    assert client.get(address.format(edition.key)).status_code == 404


def test_it_cannot_be_written_to(client, edition):
    _publish(edition)
    assert client.post(_address(edition)).status_code == 405
