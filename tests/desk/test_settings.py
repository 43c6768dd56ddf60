"""A publication's settings: every error says what to do, every change leaves a trace."""

from __future__ import annotations

import pytest
from django.test import Client

from dongtai_mail.delivery import letters
from dongtai_mail.desk.models import AuditEntry
from dongtai_mail.desk.settings_forms import SettingsForm
from dongtai_mail.issues import editions, reviewing
from dongtai_mail.issues.models import Publication
from tests import factories

pytestmark = pytest.mark.django_db

PAGE = "/publications/observer/settings/"


def filled(publication: Publication, **changed: str) -> dict[str, str]:
    form = SettingsForm(instance=publication)
    values = {bound.name: bound.value() for bound in form}
    ticked = {name: "on" if value is True else value for name, value in values.items()}
    return {
        name: str(value) for name, value in ticked.items() if value not in (False, None)
    } | changed


def test_what_is_saved_is_kept_and_recorded(desk: Client, publication: Publication):
    form = filled(publication, name="云港周报", section_names="要闻\n\n 数据 \n要闻")
    assert desk.post(PAGE, form)["Location"] == PAGE
    publication.refresh_from_db()
    assert (publication.name, publication.section_names) == ("云港周报", ["要闻", "数据"])
    saved = AuditEntry.objects.get()
    assert saved.before == {"name": "云港观察", "section_names": []}
    assert saved.after == {"name": "云港周报", "section_names": ["要闻", "数据"]}


def test_saving_the_page_as_it_is_changes_nothing(desk: Client, publication: Publication):
    desk.post(PAGE, filled(publication))
    entry = AuditEntry.objects.get()
    assert (entry.before, entry.after) == ({}, {})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("name", "", "请填写刊名"),
        ("accent", "#ffdd00", "对比度"),
        ("accent", "red", "#b3121d 这样"),
        ("from_address", "editor@", "请写完整的邮箱"),
        ("bounce_domain", "not a domain", "请填写小写的域名"),
        ("proof_addresses", "a@example.org\nnobody", "“nobody”不是邮箱"),
        ("section_names", "长" * 101, "每行最多 100 个字"),
    ],
)
def test_an_error_says_what_to_do_and_keeps_what_was_typed(
    desk: Client, publication: Publication, name: str, value: str, said: str
):
    page = desk.post(PAGE, filled(publication, **{"reason": "因为订阅了。", name: value}))
    text = page.content.decode()
    assert said in text
    assert "什么也没有保存" in text
    assert "因为订阅了。" in text
    publication.refresh_from_db()
    assert publication.reason == ""


def test_a_new_domain_leads_to_its_records(desk: Client, publication: Publication):
    form = filled(publication, from_address="editor@new.example.org")
    assert desk.post(PAGE, form)["Location"] == "/publications/observer/dns/"
    assert "生成密钥" in desk.get("/publications/observer/dns/").content.decode()
    desk.post("/publications/observer/dns/")
    page = desk.get("/publications/observer/dns/").content.decode()
    assert "dongtai._domainkey.new.example.org TXT" in page
    assert "v=DKIM1" in page


def test_a_new_from_asks_for_a_new_approval_and_waits_for_what_is_going(
    desk: Client, publication: Publication, issue
):
    review = reviewing.vouch(editions.freeze(issue), "dongtai send")
    form = filled(publication, from_name="云港周报编辑部")
    page = desk.post(PAGE, form, follow=True).content.decode()
    assert f"要重新送审：{issue}" in page
    review.refresh_from_db()
    assert review.state == "revoked"
    mailing = factories.mailing(edition=review.edition, state="paused")
    page = desk.post(PAGE, filled(publication, from_address="w@example.org")).content.decode()
    assert "等它发完或取消以后再改" in page
    mailing.state = "finished"
    mailing.save()
    desk.post(PAGE, filled(publication, from_address="w@example.org"))
    publication.refresh_from_db()
    assert publication.from_address == "w@example.org"


def test_a_new_publication_has_its_key_at_once(desk: Client):
    form = {
        "slug": "Weekly",
        "name": "云港周报",
        "from_name": "云港周报",
        "from_address": "weekly@example.com",
        "accent": "#1a56a8",
    }
    assert desk.post("/new-publication/", form)["Location"] == "/publications/weekly/dns/"
    row = Publication.objects.get(slug="weekly")
    assert row.bounce_domain == "bounce.example.com"
    assert letters.key_path(row).exists()
    assert "已经有刊物用了" in desk.post("/new-publication/", form).content.decode()
