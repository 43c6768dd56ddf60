"""People of a publication: roles, invitations, the last administrator, who may stop whom."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dongtai_mail.delivery.models import StaffNotice
from dongtai_mail.desk.models import AuditEntry, Membership, Role
from dongtai_mail.issues.models import Publication
from tests import factories

pytestmark = pytest.mark.django_db

PEOPLE = "/publications/observer/people/"


def member(name: str, publication: Publication, *roles: Role) -> User:
    person = User.objects.create_user(name, f"{name}@example.org")
    for role in roles:
        Membership.objects.create(user=person, publication=publication, role=role)
    return person


@pytest.fixture
def chief(publication: Publication) -> User:
    return member("chief", publication, Role.ADMINISTRATOR)


@pytest.fixture
def client(chief: User) -> Client:
    client = Client()
    client.force_login(chief)
    return client


def roles(person: User) -> set[str]:
    return set(person.memberships.values_list("role", flat=True))


def test_an_administrator_sees_who_is_there(client, publication):
    member("wang", publication, Role.EDITOR, Role.REVIEWER)
    member("zhao", factories.publication("other", "example.net"), Role.EDITOR)
    page = client.get(PEOPLE).content.decode()
    assert "wang@example.org" in page
    assert "编辑、审核" in page
    assert "zhao" not in page


def test_an_invitation_makes_an_account_and_a_mail_but_no_password(client, publication):
    form = {"email": "Li@example.org", "name": "李编辑", "roles": ["editor"]}
    assert client.post(f"{PEOPLE}new/", form)["Location"] == PEOPLE
    person = User.objects.get(username="li")
    assert (person.email, person.has_usable_password()) == ("li@example.org", False)
    assert roles(person) == {"editor"}
    notice = StaffNotice.objects.get()
    assert (notice.user, notice.kind) == (person, "invitation")
    assert AuditEntry.objects.get().after == {"roles": ["editor"]}


def test_somebody_with_an_account_gets_the_roles_alone(client, publication):
    person = member("wang", publication, Role.EDITOR)
    person.set_password("a long pass phrase")
    person.save()
    client.post(f"{PEOPLE}new/", {"email": "WANG@example.org", "roles": ["sender"]})
    assert roles(person) == {"editor", "sender"}
    assert not StaffNotice.objects.exists()


def test_an_incomplete_invitation_says_what_is_missing_and_keeps_the_rest(client, publication):
    page = client.post(f"{PEOPLE}new/", {"email": "li@", "name": "李编辑"}).content.decode()
    assert "请写完整的邮箱" in page
    assert "请至少选一个职责" in page
    assert 'value="李编辑"' in page
    assert User.objects.count() == 1


def test_roles_are_given_and_taken_with_a_trace(client, publication):
    person = member("wang", publication, Role.EDITOR)
    client.post(f"{PEOPLE}{person.pk}/", {"roles": ["reviewer"]})
    assert roles(person) == {"reviewer"}
    entry = AuditEntry.objects.get(action="person.roles")
    assert (entry.before, entry.after) == ({"roles": ["editor"]}, {"roles": ["reviewer"]})


def test_the_last_administrator_stays(client, publication, chief):
    page = client.post(f"{PEOPLE}{chief.pk}/", {"roles": ["editor"]}).content.decode()
    assert "只有这一位管理员" in page
    assert roles(chief) == {"administrator"}
    gone = member("gone", publication, Role.ADMINISTRATOR)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    client.post(f"{PEOPLE}{chief.pk}/", {"roles": []})
    assert roles(chief) == {"administrator"}
    member("second", publication, Role.ADMINISTRATOR)
    client.post(f"{PEOPLE}{chief.pk}/", {"roles": ["editor"]})
    assert roles(chief) == {"editor"}


def test_people_of_another_publication_are_not_there(client, publication):
    stranger = member("zhao", factories.publication("other", "example.net"), Role.EDITOR)
    for more in ("", "deactivation/", "reactivation/", "invitation/"):
        assert client.post(f"{PEOPLE}{stranger.pk}/{more}").status_code == 404


def test_an_account_is_stopped_and_brought_back(client, publication):
    person = member("wang", publication, Role.EDITOR)
    client.post(f"{PEOPLE}{person.pk}/deactivation/")
    person.refresh_from_db()
    assert not person.is_active
    client.post(f"{PEOPLE}{person.pk}/reactivation/")
    person.refresh_from_db()
    assert person.is_active


def test_nobody_stops_an_account_beyond_their_reach(client, publication, chief):
    shared = member("wang", publication, Role.EDITOR)
    other = factories.publication("other", "example.net")
    Membership.objects.create(user=shared, publication=other, role=Role.EDITOR)
    root = member("root", publication, Role.EDITOR)
    User.objects.filter(pk=root.pk).update(is_superuser=True)
    for person in (shared, root, chief):
        client.post(f"{PEOPLE}{person.pk}/deactivation/")
        person.refresh_from_db()
        assert person.is_active


def test_rights_are_handed_out_only_after_the_password(publication, chief):
    chief.set_password("a long pass phrase")
    chief.save()
    client = Client()
    client.force_login(chief)
    person = member("wang", publication, Role.EDITOR)
    answer = client.post(f"{PEOPLE}{person.pk}/", {"roles": ["administrator"]})
    assert answer["Location"].startswith("/me/confirmation/")
    assert roles(person) == {"editor"}


def test_an_invitation_is_sent_again_until_it_is_taken(client, publication):
    person = member("wang", publication, Role.EDITOR)
    person.set_unusable_password()
    person.save()
    client.post(f"{PEOPLE}{person.pk}/invitation/")
    assert StaffNotice.objects.count() == 1
    person.set_password("a long pass phrase")
    person.save()
    client.post(f"{PEOPLE}{person.pk}/invitation/")
    assert StaffNotice.objects.count() == 1
