"""The review pages: asking, deciding, and what is written down of it."""

from __future__ import annotations

import datetime
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from dongtai_mail.delivery import staff_letters
from dongtai_mail.delivery.models import StaffNotice
from dongtai_mail.desk.models import AuditEntry, MailPreference, Membership, Role
from dongtai_mail.issues import editing
from dongtai_mail.issues.models import Edition, Item, Review
from tests import factories
from tests.desk.conftest import make_issue

pytestmark = pytest.mark.django_db

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


@pytest.fixture
def publication(db):
    row = factories.publication()
    row.needs_approval = True
    row.save()
    return row


def _member(publication, role: str) -> Client:
    person = User.objects.create_user(f"{role}-{publication.slug}")
    Membership.objects.create(user=person, publication=publication, role=role)
    client = Client()
    client.force_login(person)
    return client


def _request(issue, client: Client) -> Review:
    client.post(f"/issues/{issue.pk}/review/request/", {"note": "请看第一条"})
    return Review.objects.get(state="requested")


def test_from_request_to_approval(publication, issue):
    editor = _member(publication, Role.EDITOR)
    reviewer = _member(publication, Role.REVIEWER)
    review = _request(issue, editor)
    page = reviewer.get(f"/issues/{issue.pk}/review/").content.decode()
    assert "请看第一条" in page
    assert "第一次送审" in page
    assert f"/editions/{review.edition_id}/html/" in page
    done = reviewer.post(f"/reviews/{review.pk}/approval/", {"comment": "可以发"}, follow=True)
    assert "已批准" in done.content.decode()
    entries = AuditEntry.objects.filter(action__startswith="review.").order_by("pk")
    assert [entry.action for entry in entries] == ["review.requested", "review.approved"]
    assert {entry.after["sha256"] for entry in entries} == {review.edition.sha256}


def test_a_return_needs_words_and_loses_none(publication, issue):
    review = _request(issue, _member(publication, Role.EDITOR))
    reviewer = _member(publication, Role.REVIEWER)
    page = reviewer.post(f"/reviews/{review.pk}/return/").content.decode()
    assert page.count("请写明要改什么，再退回。") == 1
    assert re.search(r"autofocus></textarea><ul[^>]*><li>请写明要改什么，再退回。", page)
    reviewer.post(f"/reviews/{review.pk}/return/", {"comment": "第一条改标题"})
    review.refresh_from_db()
    assert (review.state, review.comment) == ("returned", "第一条改标题")
    assert AuditEntry.objects.get(action="review.returned").after["comment"] == "第一条改标题"
    page = reviewer.post(f"/reviews/{review.pk}/approval/", {"comment": "打好的字"})
    assert "已退回" in page.content.decode()


def test_a_superuser_does_not_approve_his_own_request(publication, issue, desk):
    review = _request(issue, desk)
    assert "自己送审" in desk.get(f"/issues/{issue.pk}/review/").content.decode()
    page = desk.post(f"/reviews/{review.pk}/approval/").content.decode()
    assert "请另一位审核" in page
    assert "现在没有人可以批准" in page
    _member(publication, Role.REVIEWER)
    assert (
        "可以批准的：reviewer-observer" in desk.get(f"/issues/{issue.pk}/review/").content.decode()
    )
    review.refresh_from_db()
    assert review.state == "requested"


def test_a_change_ends_the_approval_on_the_record(publication, issue):
    review = _request(issue, _member(publication, Role.EDITOR))
    _member(publication, Role.REVIEWER).post(f"/reviews/{review.pk}/approval/")
    item = Item.objects.get()
    editing.save_item(item, item.version, {"title": HOSTILE}, "editor-observer")
    entry = AuditEntry.objects.get(action="review.revoked")
    assert entry.actor == "editor-observer"
    assert entry.user.username == "editor-observer"
    assert entry.after["sha256"] == review.edition.sha256
    page = _member(publication, Role.SENDER).get(f"/issues/{issue.pk}/review/").content.decode()
    assert "批准已失效" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize(
    ("role", "asks", "decides"),
    [
        (Role.EDITOR, 302, 403),
        (Role.REVIEWER, 403, 302),
        (Role.SENDER, 403, 403),
        (Role.LIST_MANAGER, 403, 403),
        (Role.ADMINISTRATOR, 302, 302),
    ],
)
def test_who_may_ask_and_who_may_decide(publication, issue, desk, role, asks, decides):
    client = _member(publication, role)
    review = _request(issue, desk)
    assert client.get(f"/issues/{issue.pk}/review/").status_code == 200
    assert client.get(f"/editions/{review.edition_id}/html/").status_code == 200
    assert client.post(f"/issues/{issue.pk}/review/request/").status_code == asks
    review = Review.objects.get(state="requested")
    assert client.post(f"/reviews/{review.pk}/return/", {"comment": "改"}).status_code == decides
    Review.objects.update(state="requested")
    assert client.post(f"/reviews/{review.pk}/approval/").status_code == decides


def test_only_those_who_approve_take_an_approval_back(publication, issue):
    editor, reviewer = _member(publication, Role.EDITOR), _member(publication, Role.REVIEWER)
    review = _request(issue, editor)
    reviewer.post(f"/reviews/{review.pk}/approval/")
    assert editor.post(f"/reviews/{review.pk}/withdrawal/").status_code == 403
    reviewer.post(f"/reviews/{review.pk}/withdrawal/", {"comment": "数字有误"})
    review.refresh_from_db()
    assert review.state == "revoked"
    assert "数字有误" in review.revoked_why
    assert AuditEntry.objects.filter(action="review.revoked").count() == 1


def test_an_editor_takes_a_request_back(publication, issue):
    editor = _member(publication, Role.EDITOR)
    review = _request(issue, editor)
    assert editor.post(f"/reviews/{review.pk}/withdrawal/").status_code == 302
    assert AuditEntry.objects.filter(action="review.withdrawn").exists()


def test_another_publications_people_find_nothing(publication, issue, desk):
    review = _request(issue, desk)
    stranger = _member(factories.publication("other", "other.example"), Role.ADMINISTRATOR)
    for address in (f"/issues/{issue.pk}/review/", f"/editions/{review.edition_id}/html/"):
        assert stranger.get(address).status_code == 404
    for act in ("approval", "return", "withdrawal"):
        assert stranger.post(f"/reviews/{review.pk}/{act}/").status_code == 404
    assert stranger.post(f"/issues/{issue.pk}/review/request/").status_code == 404


@pytest.mark.parametrize("act", ["approval", "return", "withdrawal"])
def test_decisions_need_the_csrf_token(publication, issue, desk, editor, act):
    review = _request(issue, desk)
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor)
    assert client.post(f"/reviews/{review.pk}/{act}/", {"comment": "改"}).status_code == 403
    review.refresh_from_db()
    assert review.state == "requested"


def test_hostile_words_are_only_words(publication, desk):
    issue = make_issue(publication, HOSTILE, "9", body=HOSTILE)
    desk.post(f"/issues/{issue.pk}/review/request/", {"note": HOSTILE})
    review = Review.objects.get()
    desk.post(f"/reviews/{review.pk}/return/", {"comment": HOSTILE})
    item = Item.objects.get()
    editing.save_item(item, item.version, {"body": f"新{HOSTILE}新"}, HOSTILE[:100])
    desk.post(f"/issues/{issue.pk}/review/request/", {"note": HOSTILE})
    page = desk.get(f"/issues/{issue.pk}/review/").content.decode()
    assert "与上次审过的相比" in page
    assert "<ins>新</ins>" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_an_issue_with_errors_leads_to_its_findings(publication, desk):
    issue = make_issue(publication, "标题", "9", body="")
    page = desk.get(f"/issues/{issue.pk}/review/").content.decode()
    assert "改好才能送审" in page
    refused = desk.post(f"/issues/{issue.pk}/review/request/", {"note": "打好的字"})
    assert "处错误" in refused.content.decode()
    assert not Edition.objects.exists()


def _with_mail(client: Client) -> User:
    person = User.objects.get(pk=client.session["_auth_user_id"])
    person.email = f"{person.username}@desk.example"
    person.first_name = f"姓{person.pk}"
    person.save()
    return person


def _told() -> dict[str, list[str]]:
    """Who is told what, in the order of being told."""
    told: dict[str, list[str]] = {}
    for notice in StaffNotice.objects.select_related("user").order_by("pk"):
        told.setdefault(notice.kind, []).append(notice.user.username)
    return told


def test_whom_a_review_concerns_is_told_by_mail(publication, issue):
    everybody = (Role.EDITOR, Role.REVIEWER, Role.ADMINISTRATOR, Role.SENDER)
    clients = [_member(publication, role) for role in everybody]
    editor, reviewer = clients[:2]
    asks, decides, _, schedules = (_with_mail(each) for each in clients)
    returned = _request(issue, editor)
    reviewer.post(f"/reviews/{returned.pk}/return/", {"comment": "第一条改标题"})
    approved = _request(issue, editor)
    reviewer.post(f"/reviews/{approved.pk}/approval/")
    factories.mailing(
        edition=approved.edition,
        created_by=schedules.username,
        scheduled_at=timezone.now() + datetime.timedelta(days=1),
    )
    item = Item.objects.get()
    editing.save_item(item, item.version, {"body": "改过。"}, asks.username)
    assert _told() == {
        "review-requested": [decides.username] * 2,
        "review-returned": [asks.username],
        "review-approved": [asks.username],
        "review-revoked": [decides.username, schedules.username],
    }
    notices = {each.kind: staff_letters._content(each) for each in StaffNotice.objects.all()}
    assert notices["review-returned"].url.endswith(f"/issues/{issue.pk}/review/")
    assert "第一条改标题" in notices["review-returned"].paragraphs
    assert notices["review-requested"].paragraphs[0].startswith(asks.first_name)
    assert asks.first_name in notices["review-revoked"].paragraphs[0]


def test_who_wants_no_mail_of_reviews_gets_none(publication, issue):
    editor, reviewer = _member(publication, Role.EDITOR), _member(publication, Role.REVIEWER)
    person = _with_mail(reviewer)
    MailPreference.objects.create(user=person, reviews=False)
    assert not reviewer.get("/me/").context["form"]["review_mail"].value()
    _request(issue, editor)
    assert not _told()


def test_without_another_reviewer_the_administrators_are_told(publication, issue):
    reviewer, chief = (_member(publication, role) for role in (Role.REVIEWER, Role.ADMINISTRATOR))
    Membership.objects.create(user=_with_mail(reviewer), publication=publication, role=Role.EDITOR)
    chief = _with_mail(chief)
    _request(issue, reviewer)
    assert _told() == {"review-requested": [chief.username]}


def test_whoever_writes_sees_where_the_review_stands(publication, issue):
    editor = _member(publication, Role.EDITOR)
    reviewer = _member(publication, Role.REVIEWER)

    def told() -> str:
        return editor.get(f"/issues/{issue.pk}/").content.decode()

    assert "去看审核" not in told()
    review = _request(issue, editor)
    assert "送审以后再有改动，要重新送审。" in told()
    reviewer.post(f"/reviews/{review.pk}/return/", {"comment": "第一条改标题"})
    assert "第一条改标题" in told()
    reviewer.post(f"/reviews/{_request(issue, editor).pk}/approval/")
    assert "再有任何改动，批准就失效" in told()
    Item.objects.filter(section__issue=issue).first().delete()
    editor.get(f"/issues/{issue.pk}/review/")
    assert "批准已失效" in told()


def test_the_first_page_says_what_is_in_the_way(publication, issue):
    editor = _member(publication, Role.EDITOR)
    review = _request(issue, editor)
    _member(publication, Role.REVIEWER).post(f"/reviews/{review.pk}/approval/")
    tomorrow = timezone.now() + datetime.timedelta(days=1)
    mailing = factories.mailing(edition=review.edition, scheduled_at=tomorrow)
    address = f"/publications/{publication.slug}/"
    assert "到时不会发出" not in editor.get(address).content.decode()
    item = Item.objects.get()
    editing.save_item(item, item.version, {"body": ""}, "王编辑")
    assert "到时不会发出" in editor.get(address).content.decode()
    mailing.delete()
    page = editor.get(address).content.decode()
    assert "处错误，改好才能送审和发送" in page
    assert '/findings/"' in page


def test_the_first_page_names_the_next_step_for_whoever_may_take_it(publication, issue):
    clients = {role: _member(publication, role) for role in (Role.EDITOR, Role.REVIEWER)}
    address, links = f"/publications/{publication.slug}/", f'href="/issues/{issue.pk}/review/"'

    def told(role: Role) -> tuple[str, bool]:
        page = clients[role].get(address).content.decode()
        return page, links in page

    assert "还没有可以收信的读者" in told(Role.EDITOR)[0]
    assert told(Role.EDITOR)[1]
    assert not told(Role.REVIEWER)[1]
    review = _request(issue, clients[Role.EDITOR])
    page, leads = told(Role.REVIEWER)
    assert "可以批准的有reviewer-observer" in page
    assert leads
    clients[Role.REVIEWER].post(f"/reviews/{review.pk}/return/", {"comment": "第一条改标题"})
    assert "被退回，“第一条改标题”" in told(Role.EDITOR)[0]
    factories.mailing(edition=review.edition, state="stopped")
    assert "自己停下了" in told(Role.EDITOR)[0]


def test_a_newer_issue_hides_no_older_one_that_waits_for_somebody(publication, issue):
    reviewer = _member(publication, Role.REVIEWER)
    review = _request(issue, _member(publication, Role.EDITOR))
    publication.issues.create(number="2")

    def told() -> str:
        return reviewer.get(f"/publications/{publication.slug}/").content.decode()

    assert "可以批准的有reviewer-observer" in told()
    reviewer.post(f"/reviews/{review.pk}/approval/")
    assert "已批准，可以发送" in told()
    factories.mailing(edition=review.edition)
    assert "已批准，可以发送" not in told()
