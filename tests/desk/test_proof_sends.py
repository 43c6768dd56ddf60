"""Test sends: from the form to a mail server, and never more than they should."""

from __future__ import annotations

import email
import re
from email import policy

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dongtai_mail.delivery import proof_sends
from dongtai_mail.delivery.models import Attempt, Delivery, ProofLetter
from dongtai_mail.desk.models import AuditEntry, Membership, Role
from dongtai_mail.environment import Relay
from dongtai_mail.issues.models import Edition, Publication
from subscribers import suppression
from subscribers.models import Suppression
from tests import factories
from tests.smtp_server import SmtpServer
from worker import errands

pytestmark = pytest.mark.django_db


def _address(issue) -> str:
    return f"/issues/{issue.pk}/tests/"


def _post(client: Client, issue, addresses: str, **more: str):
    return client.post(_address(issue), {"addresses": addresses, **more}, follow=True)


def _deliver(settings, script=lambda stage, argument: None) -> SmtpServer:
    with SmtpServer(script) as smtp:
        settings.RELAYS = (Relay("127.0.0.1", smtp.port, "none"),)
        errands.send_notices()
    return smtp


@pytest.mark.parametrize(("language", "mark"), [("zh-CN", "【测试】"), ("en", "[Test] ")])
def test_a_test_is_the_edition_marked_as_one(desk, issue, settings, language, mark):
    Publication.objects.update(language=language)
    _post(desk, issue, "wang@example.com, li@example.com\nwang@EXAMPLE.com")
    smtp = _deliver(settings)
    assert sorted(smtp.recipients()) == ["li@example.com", "wang@example.com"]
    edition = Edition.objects.get()
    message = email.message_from_bytes(smtp.received[0].data, policy=policy.default)
    assert message["Subject"] == mark + edition.subject
    assert message["X-Dongtai-Test"] == edition.sha256
    for kind, frozen in (("html", edition.html), ("plain", edition.text)):
        part = message.get_body((kind,)).get_payload(decode=True).decode().replace("\r\n", "\n")
        links = re.findall(r"https://news\.example\.org/[up]/[\w-]+/", part)
        assert len(links) == 2
        for link, slot in zip(links, sorted(edition.slots, key=frozen.index), strict=True):
            part = part.replace(link, slot)
            assert Client().get(link.removeprefix("https://news.example.org")).status_code == 404
        assert part == frozen
    assert "已接收" in desk.get(_address(issue)).content.decode()
    assert not Delivery.objects.exists()
    assert not Attempt.objects.exists()
    entry = AuditEntry.objects.get(action="test.sent")
    assert entry.after == {"count": 2, "sha256": edition.sha256, "kind": edition.kind}


def test_a_refusal_is_shown_with_its_words(desk, issue, settings):
    _post(desk, issue, "nobody@example.com")
    _deliver(settings, lambda stage, _: "550 5.1.1 <b>no such user" if stage == "rcpt" else None)
    page = desk.get(_address(issue)).content.decode()
    assert "未接收" in page
    assert "5.1.1 &lt;b&gt;no such user" in page
    progress = desk.get(f"{_address(issue)}progress/").content.decode()
    assert "hx-trigger" not in progress


def test_what_waits_is_looked_at_again_by_itself(desk, issue):
    page = _post(desk, issue, "wang@example.com").content.decode()
    assert "正在发送" in page
    assert 'hx-trigger="load delay:2s"' in page


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "请填写"),
        ("not an address", "不是邮箱地址"),
        ("a@example.com\nb@b@b", "不是邮箱地址"),
        ("x@example.com\r\nBcc: y@example.com", "不是邮箱地址"),
        (" ".join(f"r{number}@example.com" for number in range(21)), "最多发 20 个"),
    ],
    ids=["none", "words", "broken", "header", "too many"],
)
def test_what_is_wrong_is_told_and_nothing_typed_is_lost(desk, issue, typed, why):
    page = _post(desk, issue, typed).content.decode()
    assert why in page
    assert typed.splitlines()[-1:] == [] or typed.splitlines()[-1] in page
    assert not ProofLetter.objects.exists()


def test_the_desk_does_not_write_to_everybody(desk, issue):
    for batch in range(proof_sends.AN_HOUR // proof_sends.AT_ONCE):
        addresses = (f"r{batch}-{number}@example.com" for number in range(20))
        _post(desk, issue, " ".join(addresses))
    assert "请过一会儿再发" in _post(desk, issue, "one@example.com").content.decode()
    assert ProofLetter.objects.count() == proof_sends.AN_HOUR


def test_whoever_complained_gets_no_test(desk, issue, settings):
    suppression.suppress("angry@example.com", Suppression.Reason.COMPLAINT, "test")
    _post(desk, issue, "angry@example.com")
    assert _deliver(settings).received == []
    assert "在不发名单上" in desk.get(_address(issue)).content.decode()


def test_the_list_for_proofs_is_kept_when_asked(desk, issue, publication):
    _post(desk, issue, "wang@example.com li@example.com", keep="1")
    publication.refresh_from_db()
    assert publication.proof_addresses == ["wang@example.com", "li@example.com"]
    assert "wang@example.com\nli@example.com</textarea>" in desk.get(
        _address(issue)
    ).content.decode().replace("\r\n", "\n")
    assert AuditEntry.objects.get(action="test.list-saved").after == {"count": 2}


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.EDITOR, 200),
        (Role.REVIEWER, 200),
        (Role.SENDER, 200),
        (Role.LIST_MANAGER, 403),
        (Role.ADMINISTRATOR, 200),
    ],
)
def test_who_may_send_tests(publication, issue, role, status):
    person = User.objects.create_user(role)
    Membership.objects.create(user=person, publication=publication, role=role)
    client = Client()
    client.force_login(person)
    assert client.get(_address(issue)).status_code == status
    assert client.get(f"{_address(issue)}progress/").status_code == status
    assert _post(client, issue, "wang@example.com").status_code == status


def test_another_publications_people_find_nothing(issue):
    other = factories.publication("other", "other.example")
    person = User.objects.create_user("stranger")
    Membership.objects.create(user=person, publication=other, role=Role.ADMINISTRATOR)
    client = Client()
    client.force_login(person)
    assert client.get(_address(issue)).status_code == 404
    assert client.post(_address(issue)).status_code == 404


def test_sending_a_test_needs_the_csrf_token(editor, issue):
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor)
    assert client.post(_address(issue), {"addresses": "a@example.com"}).status_code == 403
    assert not ProofLetter.objects.exists()
