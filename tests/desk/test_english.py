"""Whoever reads English reads English: pages, answers to forms, findings, reviews, mails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from dongtai_mail.delivery import staff_letters
from dongtai_mail.delivery.models import StaffNotice
from dongtai_mail.desk.audit import ACTIONS
from dongtai_mail.desk.models import MailPreference, Membership, Role
from dongtai_mail.issues import editing, editions, reviewing
from dongtai_mail.issues.models import Issue, Item, Publication, Review
from tests.desk.access_table import TABLE
from tests.desk.conftest import make_issue
from tests.desk.test_access_table import _undone

pytestmark = pytest.mark.django_db

HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff01-\uff5e]")
# What people wrote, in the rows that the table makes or in quotes; the other language's own name.
_SWITCH = re.compile(r'<(button|a) [^>]*lang="zh-CN"[^>]*>中文</\1>')
_CONTENT = re.compile(
    "“[^”]*”|云港观察编辑部|《?云港观察》?( 第 7 期)?|云港口岸开通夜航|【?要闻】?|正文。?|一条|读者"
)


def _chinese(page: str) -> list[str]:
    """What is left of Chinese on a page, with what stands around it."""
    rest = _CONTENT.sub("", _SWITCH.sub("", unescape(page)))
    return [rest[max(0, found.start() - 60) : found.end() + 20] for found in HAN.finditer(rest)]


def _pages(client: Client, name: str, values: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What a visit shows, and what an empty form is answered."""
    english = {"Accept-Language": "en"}
    for method in ("get", "post"):
        with _undone():
            response = getattr(client, method)(
                reverse(name, kwargs=values), headers=english, follow=True
            )
        if response.headers.get("Content-Type", "").startswith("text/html"):
            yield method, response.content.decode()


# These show the bytes of a mail, or end the walk.
NOT_OURS = {"desk:edition-html", "desk:preview-html", "issues:read"}
ENDS = {"desk:logout", "account_logout", "desk:language"}


def test_no_page_speaks_chinese_to_who_reads_english(subtests, publication: Publication) -> None:
    chief = Client(raise_request_exception=True)
    chief.force_login(User.objects.create_superuser("chief", "chief@example.org", "a long phrase"))
    for name, row in TABLE.items():
        if name in NOT_OURS | ENDS:
            continue
        with subtests.test(name), _undone():
            for method, page in _pages(chief, name, row.make(publication)):
                assert not _chinese(page), method


def _member(publication: Publication, name: str, role: Role, language: str = "") -> Client:
    person = User.objects.create_user(name, f"{name}@desk.example")
    Membership.objects.create(user=person, publication=publication, role=role)
    client = Client()
    client.force_login(person)
    if language:
        client.post("/language/", {"language": language})
    return client


def test_findings_are_told_in_the_readers_language(desk: Client, publication: Publication) -> None:
    long = "这是一个没有句号的段落 ，中文里用了半角标点,还有重复的的字"
    issue = make_issue(publication, "云港口岸开通夜航，", body=long)
    Item.objects.create(section=issue.sections.get(), position=1, title="空的", body="")
    address = f"/issues/{issue.pk}/findings/"
    assert "这一条只有标题，没有正文" in desk.get(address).content.decode()
    desk.post("/language/", {"language": "en"})
    page = desk.get(address).content.decode()
    for said in (
        "The title ends with punctuation: “，”.",
        "Half-width punctuation in Chinese text: “,”.",
        "“的的” in “",
        "This paragraph ends without a full stop",
        "This item is a title without text.",
        "There is no subject; “《云港观察》",
    ):
        assert said in page
    refused = desk.post(f"/issues/{issue.pk}/review/request/").content.decode()
    assert "Errors to correct before it can be sent: 1. This item is a title without" in refused
    with translation.override("en"), pytest.raises(editions.EditionRefused, match="is a title"):
        editions.freeze(issue)


def test_what_cannot_be_read_as_a_manuscript_is_told_in_english(desk, publication) -> None:
    desk.post("/language/", {"language": "en"})
    file = SimpleUploadedFile("issue.pdf", b"%PDF-1.7 more")
    address = f"/publications/{publication.slug}/manuscripts/"
    page = desk.post(address, {"manuscript": file}).content.decode()
    assert "Not a manuscript as text: PDF file." in page


def test_why_an_approval_ended_is_told_to_each_in_their_language(
    publication: Publication, issue: Issue
) -> None:
    editor = _member(publication, "wang", Role.EDITOR, "en")
    User.objects.filter(username="wang").update(first_name="王编辑")
    reader = _member(publication, "jane", Role.REVIEWER, "en")
    _member(publication, "li", Role.REVIEWER, "zh-hans")
    _member(publication, "zhao", Role.REVIEWER)
    editor.post(f"/issues/{issue.pk}/review/request/")
    review = Review.objects.get()
    reviewing.approve(review, User.objects.get(username="li"))
    item = Item.objects.get()
    with translation.override("en"):
        editing.save_item(item, item.version, {"body": "改过。"}, "wang")
    review.refresh_from_db()
    assert review.revoked_why == "王编辑 改动了《云港口岸开通夜航》"
    page = reader.get(f"/issues/{issue.pk}/review/").content.decode()
    assert "王编辑 changed 《云港口岸开通夜航》" in page
    (notice,) = StaffNotice.objects.filter(kind="review-revoked")
    assert (notice.user.username, notice.language) == ("li", "zh-hans")
    notice.language = "en"
    with translation.override(notice.language):
        assert "王编辑 changed 《" in staff_letters._content(notice).paragraphs[0]
    requested = StaffNotice.objects.filter(kind="review-requested").order_by("user__username")
    languages = requested.values_list("user__username", "language")
    assert dict(languages) == {"jane": "en", "li": "zh-hans", "zhao": "zh-hans"}


def test_a_publications_language_is_its_peoples_until_they_choose(publication, issue) -> None:
    publication.language = "en"
    publication.save()
    editor = _member(publication, "wang", Role.EDITOR)
    for name, language in (("jane", ""), ("li", "zh-hans")):
        _member(publication, name, Role.REVIEWER, language)
    editor.post(f"/issues/{issue.pk}/review/request/")
    languages = StaffNotice.objects.order_by("pk").values_list("user__username", "language")
    assert list(languages) == [("jane", "en"), ("li", "zh-hans")]


def test_a_language_chosen_before_signing_in_is_whose_it_was(publication: Publication) -> None:
    for name in ("wang", "li"):
        User.objects.create_user(name, f"{name}@desk.example", "a long pass phrase")
    MailPreference.objects.create(
        user=User.objects.get(username="li"), reviews=False, language="zh-hans"
    )
    for name in ("wang", "li"):
        client = Client()
        client.post("/language/", {"language": "en", "next": "/login/"})
        client.post("/login/", {"login": name, "password": "a long pass phrase"})
    chosen = MailPreference.objects.order_by("user__username").values_list("language", "reviews")
    assert list(chosen) == [("zh-hans", False), ("en", True)]
    assert client.post("/language/", {"language": "tlh"}).status_code == 302
    assert not MailPreference.objects.filter(language="tlh").exists()


def test_the_log_says_in_english_what_was_done_and_buttons_what_will_be() -> None:
    with translation.override("en"):
        done = {key: str(label) for key, label in ACTIONS.items()}
        assert not [label for label in done.values() if HAN.search(label)]
        assert (done["person.invited"], gettext("邀请同事")) == (
            "Invited a colleague",
            "Invite a colleague",
        )
