"""Attacks on the desk: forged forms, frames, hosts, redirects, and script in every field."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import transaction
from django.test import Client
from django.urls import reverse

from dongtai_mail.delivery import staff_letters
from dongtai_mail.desk.models import AuditEntry, Membership, Role
from dongtai_mail.desk.security import LARGEST, LARGEST_OF_STAFF
from dongtai_mail.issues.models import Issue, Item, Publication, Section
from subscribers.models import SubscriberList
from tests import factories
from tests.desk.access_table import TABLE, Door

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert(1)</script>"
EVIL = ("https://evil.test/", "//evil.test/", "/\\evil.test/", "javascript:alert(1)")
PAGES = [name for name, row in TABLE.items() if row.right is not Door.TOKEN]


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root", "root@example.org")


# On the readers' pages the link is the proof, and there is no cookie to abuse (RFC 8058).
def test_no_form_is_taken_without_its_token(subtests, root: User, publication: Publication):
    client = Client(enforce_csrf_checks=True)
    client.force_login(root)
    for name in PAGES:
        with subtests.test(name), transaction.atomic():
            status = client.post(_address(name, publication)).status_code
            transaction.set_rollback(True)
            # A page that takes no form at all says so first.
            assert status in (403, 405) or (name.startswith("catcher:") and status == 404)


def test_no_page_stands_in_a_strangers_frame(subtests, root: User, publication: Publication):
    for name in PAGES:
        with subtests.test(name), transaction.atomic():
            client = Client()
            client.force_login(root)
            response = client.get(_address(name, publication))
            transaction.set_rollback(True)
            assert response["X-Frame-Options"] in ("SAMEORIGIN", "DENY")
            assert re.search("frame-ancestors '(self|none)'", response["Content-Security-Policy"])
            assert response["X-Content-Type-Options"] == "nosniff"


def _address(name: str, publication: Publication) -> str:
    return reverse(name, kwargs=TABLE[name].make(publication))


@pytest.mark.parametrize("host", ["evil.test", "news.example.org.evil.test", "127.0.0.1.evil.test"])
def test_another_host_name_is_refused(client, host: str):
    assert client.get("/login/", HTTP_HOST=host).status_code == 400


def test_the_link_for_a_password_leads_to_our_own_host(client, publication, settings):
    settings.ALLOWED_HOSTS = ["*"]
    person = User.objects.create_user("wang", "wang@example.org", "a long pass phrase")
    client.post("/password/", {"email": "wang@example.org"}, HTTP_HOST="evil.test")
    assert not mail.outbox
    content = staff_letters._content(staff_letters.StaffNotice.objects.get(user=person))
    assert content.url.startswith("https://news.example.org/password/")


@pytest.mark.parametrize("evil", EVIL)
def test_no_way_leads_to_another_site(client, evil: str):
    User.objects.create_user("wang", "wang@example.org", "a long pass phrase")
    form = {"login": "wang", "password": "a long pass phrase", "next": evil}
    assert client.post(f"/login/?next={evil}", form)["Location"] == "/"
    confirmed = client.post("/me/confirmation/", {"password": form["password"], "next": evil})
    assert "evil" not in confirmed["Location"]
    assert "alert" not in confirmed["Location"]
    language = client.post("/language/", {"language": "en", "next": evil})
    assert language["Location"] in ("/", "")
    assert client.post("/logout/", {"next": evil})["Location"] == "/login/"


def test_script_in_any_field_is_only_text(root: User):
    """Whatever people can write down, on every page that shows it."""
    publication = factories.publication()
    Publication.objects.update(
        name=SCRIPT, host_name=SCRIPT, reason=SCRIPT, section_names=[SCRIPT], from_name=SCRIPT
    )
    person = User.objects.create_user("wang", "wang@example.org", first_name=SCRIPT)
    Membership.objects.create(user=person, publication=publication, role=Role.EDITOR)
    issue = Issue.objects.create(
        publication=publication, number=SCRIPT, masthead=SCRIPT, subject=SCRIPT, preheader=SCRIPT
    )
    section = Section.objects.create(issue=issue, position=0, name=SCRIPT)
    item = Item.objects.create(
        publication=publication,
        section=section,
        position=0,
        title=SCRIPT,
        body=SCRIPT,
        source=SCRIPT,
        tags=[SCRIPT],
    )
    pooled = Item.objects.create(publication=publication, position=0, title=SCRIPT, body=SCRIPT)
    SubscriberList.objects.create(publication=publication, slug="readers", name=SCRIPT)
    reader = factories.subscribe(SubscriberList.objects.get(), "a@example.com", name=SCRIPT)[0]
    AuditEntry.objects.create(
        action=SCRIPT[:40],
        publication=publication,
        actor=SCRIPT,
        subject=SCRIPT,
        before={SCRIPT: SCRIPT},
        after={SCRIPT: [SCRIPT]},
    )
    made = {"Issue": issue.pk, "Section": section.pk, "Item": item.pk, "Subscription": reader.pk}
    client = Client()
    client.force_login(root)
    for name, values in _pages(publication, made, person.pk, pooled.pk):
        page = client.get(reverse(name, kwargs=values))
        if page.status_code == 200 and "html" in page["Content-Type"]:
            assert SCRIPT.encode() not in page.content, name


def _pages(publication: Publication, made: dict, member: int, pooled: int):
    for name in TABLE:
        if not name.startswith("desk:") or name in ("desk:logout", "desk:login", "desk:language"):
            continue
        values = TABLE[name].make(publication)
        if "number" in values:
            values["number"] = member
        if name.startswith("desk:pool-") and "pk" in values:
            values["pk"] = pooled
        for start, model in (
            ("desk:issue", "Issue"),
            ("desk:preview", "Issue"),
            ("desk:review", "Issue"),
            ("desk:send", "Issue"),
            ("desk:item", "Item"),
            ("desk:subscription", "Subscription"),
        ):
            if name.startswith(start) and set(values) == {"pk"} and "review-" not in name:
                values["pk"] = made[model]
        yield name, values


@pytest.mark.parametrize(
    "address", ["/login/", "/s/readers/", "/u/x/", "/webhooks/postmark/tracking/"]
)
def test_what_a_stranger_sends_is_refused_before_it_is_read(client, publication, address: str):
    factories.subscriber_list(publication)
    unread = BytesIO(b"x" * 10)
    answer = client.generic(
        "POST",
        address,
        content_type="multipart/form-data; boundary=x",
        **{"wsgi.input": unread, "CONTENT_LENGTH": str(LARGEST + 1)},
    )
    assert answer.status_code == 413
    assert "16 MB" in answer.content.decode()
    assert unread.tell() == 0


def test_staff_may_send_a_list_of_readers_but_no_disk_full(root: User, publication: Publication):
    browser = Client()
    browser.force_login(root)
    address = f"/publications/{publication.slug}/imports/"
    for size, status in ((LARGEST + 1, 200), (LARGEST_OF_STAFF + 1, 413)):
        answer = browser.get(address, CONTENT_LENGTH=str(size))
        assert answer.status_code == status
