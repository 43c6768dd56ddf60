"""Findings on the desk: who may take and ignore them, and what is answered."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dongtai_mail.desk.models import AuditEntry, Membership, Role
from dongtai_mail.issues import proofreading
from dongtai_mail.issues.models import IgnoredFinding, Issue, Item
from tests.desk.conftest import make_issue

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def issue(publication):
    return make_issue(publication, "云港口岸开通夜航", body="夜航昨天开通。。")


def _slip(issue):
    found = (each for each in proofreading.findings(issue) if each.takable)
    return next(each for each in found if each.finding.code == "punctuation-doubled")


def _member(publication, role: str) -> Client:
    person = User.objects.create_user(role)
    Membership.objects.create(user=person, publication=publication, role=role)
    client = Client()
    client.force_login(person)
    return client


def _address(issue, found, act: str) -> str:
    return f"/issues/{issue.pk}/findings/{found.fingerprint}/{act}/"


def test_findings_are_a_page_and_a_part(desk, issue):
    page = desk.get(f"/issues/{issue.pk}/findings/").content.decode()
    assert "<!doctype html>" in page
    part = desk.get(f"/issues/{issue.pk}/findings/", headers=HTMX).content.decode()
    assert part.lstrip().startswith('<section class="proofs')
    for shown in (page, part):
        assert "<mark>。。</mark>" in shown
        assert 'data-field="body" data-start="6" data-end="8"' in shown


def test_every_page_counts_the_findings_alike(desk, issue):
    pages = (f"/issues/{issue.pk}/findings/", f"/issues/{issue.pk}/review/")
    desk.post(_address(issue, _slip(issue), "ignored"), {"reason": "原文如此"})
    shown = [desk.get(page) for page in pages]
    tally = shown[0].context["tally"]
    assert tally == shown[1].context["tally"]
    assert (tally.errors, tally.ignored) == (0, 1)
    for page in shown:
        assert f"{tally.warnings} 处警告" in page.content.decode()
        assert "已忽略 1 处" in page.content.decode()


def test_a_click_takes_the_suggestion_and_tells_the_page(desk, issue):
    response = desk.post(_address(issue, _slip(issue), "taken"), headers=HTMX)
    item = Item.objects.get()
    assert item.body == "夜航昨天开通。"
    assert json.loads(response["HX-Trigger"]) == {
        "issue-changed": {"versions": {str(item.pk): item.version}}
    }
    assert "<mark>。。</mark>" not in response.content.decode()


def test_without_script_a_click_leads_back_to_the_page(desk, issue):
    response = desk.post(_address(issue, _slip(issue), "taken"))
    assert response["Location"] == f"/issues/{issue.pk}/findings/"


def test_what_is_gone_is_told_and_nothing_changes(desk, issue):
    address = _address(issue, _slip(issue), "taken")
    desk.post(address)
    again = desk.post(address, headers=HTMX)
    assert "已经改过" in again.content.decode()
    assert "HX-Trigger" not in again
    assert Item.objects.get().body == "夜航昨天开通。"


def test_ignoring_needs_a_reason_and_is_on_the_record(desk, issue):
    address = _address(issue, _slip(issue), "ignored")
    assert "请写一句" in desk.post(address, {"reason": " "}, headers=HTMX).content.decode()
    assert not IgnoredFinding.objects.exists()
    page = desk.post(address, {"reason": "原文<b>如此"}, headers=HTMX).content.decode()
    assert "原文&lt;b&gt;如此" in page
    entry = AuditEntry.objects.get(action="finding.ignored")
    assert entry.after["reason"] == "原文<b>如此"
    desk.post(_address(issue, _slip_ignored(issue), "reopened"))
    assert AuditEntry.objects.filter(action="finding.reopened").exists()
    assert _slip(issue)


def _slip_ignored(issue):
    return next(each for each in proofreading.findings(issue) if each.ignored)


@pytest.mark.parametrize("act", ["taken", "ignored", "reopened"])
@pytest.mark.parametrize("role", [Role.REVIEWER, Role.SENDER, Role.LIST_MANAGER])
def test_only_those_who_write_may(publication, issue, role, act):
    client = _member(publication, role)
    assert client.post(_address(issue, _slip(issue), act)).status_code == 403
    page = client.get(f"/issues/{issue.pk}/findings/").content.decode()
    assert "<mark>。。</mark>" in page
    assert "/taken/" not in page


def test_an_editor_may(publication, issue):
    response = _member(publication, Role.EDITOR).post(_address(issue, _slip(issue), "taken"))
    assert response.status_code == 302
    assert Item.objects.get().body == "夜航昨天开通。"


def test_hostile_text_is_only_text(desk, publication):
    hostile = '"><script>alert(1)</script>。。<img src=x onerror=alert(2)>'
    issue = make_issue(publication, hostile, "9", body=hostile)
    page = desk.get(f"/issues/{issue.pk}/findings/").content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_taking_needs_the_csrf_token(editor, issue):
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor)
    assert client.post(_address(issue, _slip(issue), "taken")).status_code == 403


@pytest.fixture
def slips(publication):
    """Five items, each with the same slip, one of them twice."""
    issue = make_issue(publication, "云港口岸开通夜航", body="夜航开通。。货来了。。")
    for position in range(1, 5):
        title, body = f"第{position}条", f"第 {position} 班昨天开通。。"
        Item.objects.create(section=issue.sections.get(), position=position, title=title, body=body)
    return issue


def _page(desk, issue) -> str:
    return desk.get(f"/issues/{issue.pk}/findings/").content.decode()


def test_many_of_one_kind_are_one_and_taken_with_one_click(desk, slips):
    page = _page(desk, slips)
    assert "同类 6 处" in page
    assert page.count("<mark>。。</mark>") == 6
    doubled = [each for each in proofreading.findings(slips) if each.takable]
    names = " ".join(
        each.fingerprint for each in doubled if each.finding.code == "punctuation-doubled"
    )
    assert names in page
    response = desk.post(f"/issues/{slips.pk}/findings/taken/", {"findings": names}, headers=HTMX)
    assert len(json.loads(response["HX-Trigger"])["issue-changed"]["versions"]) == 5
    assert Item.objects.get(title="云港口岸开通夜航").body == "夜航开通。货来了。"
    assert not Item.objects.filter(body__contains="。。").exists()
    again = desk.post(f"/issues/{slips.pk}/findings/taken/", {"findings": names}, headers=HTMX)
    assert "有 6 处没有改" in again.content.decode()


def test_many_of_one_kind_are_ignored_with_one_reason(desk, slips):
    found = [each for each in proofreading.findings(slips) if each.ignorable and each.item]
    names = [each.fingerprint for each in found if each.finding.code == "source-missing"]
    address = f"/issues/{slips.pk}/findings/ignored/"
    said = {"findings": " ".join(names)}
    assert "请写一句" in desk.post(address, said, headers=HTMX).content.decode()
    assert not IgnoredFinding.objects.exists()
    desk.post(address, said | {"reason": "本刊自采"})
    assert {row.fingerprint for row in IgnoredFinding.objects.all()} == set(names)
    assert AuditEntry.objects.get(action="finding.ignored").after["count"] == len(names) == 5
    standing = {each.fingerprint for each in proofreading.findings(slips) if each.ignored}
    assert standing == set(names)


def test_errors_are_not_ignored_with_the_rest(desk, slips):
    Item.objects.update(title="")
    errors = [each.fingerprint for each in proofreading.blocking(slips)]
    said = {"findings": " ".join(errors), "reason": "都不改"}
    desk.post(f"/issues/{slips.pk}/findings/ignored/", said)
    assert [each.fingerprint for each in proofreading.blocking(slips)] == errors


def test_what_the_issue_itself_lacks_leads_to_where_it_is_filled_in(desk, issue):
    Issue.objects.update(number=None)
    assert f'href="/issues/{issue.pk}/facts/#id_number"' in _page(desk, issue)
