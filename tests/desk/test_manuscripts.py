"""A manuscript is handed in, looked at, mended and accepted; before that it is no issue."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from dongtai_mail.demo import sample_manuscript
from dongtai_mail.desk.models import AuditEntry, Membership
from dongtai_mail.desk.views.manuscripts import MOST_FINDINGS, MOST_LINES
from dongtai_mail.issues import authorship
from dongtai_mail.issues.importing import MAXIMUM_BYTES, MAXIMUM_LINES, MOST_DISCARDED
from dongtai_mail.issues.models import Issue, ManuscriptDraft
from dongtai_mail.issues.proofreading import findings
from tests import factories

pytestmark = pytest.mark.django_db

SLIP = """【行业资讯】

云港口岸开通夜航

口岸自本月起开通夜航。。

来源：《某报》 编选：《观察》编辑部 2026 年 11 月 05 日
"""


def _upload(desk, data: bytes | str, name: str = "稿件.txt"):
    data = data.encode() if isinstance(data, str) else data
    return desk.post(
        "/publications/observer/manuscripts/",
        {"manuscript": SimpleUploadedFile(name, data)},
        follow=True,
    )


@pytest.fixture
def draft(desk, publication) -> ManuscriptDraft:
    _upload(desk, SLIP)
    return ManuscriptDraft.objects.get()


def test_nothing_is_an_issue_before_it_was_accepted(desk, publication):
    response = _upload(desk, sample_manuscript().read_bytes(), "sample.md")
    draft = ManuscriptDraft.objects.get()
    assert response.redirect_chain == [(f"/manuscripts/{draft.pk}/", 302)]
    assert not Issue.objects.exists()
    issue_page = desk.post(f"/manuscripts/{draft.pk}/", {"do": "import"}, follow=True)
    issue = Issue.objects.get()
    assert issue_page.redirect_chain == [(f"/issues/{issue.pk}/", 302)]
    page = issue_page.content.decode()
    assert page.count('<li id="item-') == sum(s.items.count() for s in issue.sections.all())
    assert issue.manuscript.filename == "sample.md"
    assert (
        "还没有导入的稿件" not in desk.get("/publications/observer/manuscripts/").content.decode()
    )
    assert AuditEntry.objects.get().action == "issue.imported"


@pytest.mark.parametrize(
    ("masthead", "said"), [("云港 观察", False), ("《云港观察》", False), ("电商观察", True)]
)
def test_another_publications_manuscript_is_noticed(desk, publication, masthead, said):
    page = _upload(desk, f"{masthead}\n\n2026 年第 7 期\n\n{SLIP}").content.decode()
    assert ("而这份刊物是“云港观察”" in page) == said
    desk.post(f"/manuscripts/{ManuscriptDraft.objects.get().pk}/", {"do": "import"})
    assert (
        any(each.finding.code == "masthead-differs" for each in findings(Issue.objects.get()))
        == said
    )


def test_outline_lines_and_findings_stand_side_by_side(desk, draft):
    page = desk.get(f"/manuscripts/{draft.pk}/").content.decode()
    assert '<a href="#line-3">云港口岸开通夜航</a>' in page
    assert '<li id="line-5" class="marked severity-warning">' in page
    assert '<a href="#line-5">第 5 行</a>' in page
    assert "1 处警告" in page


def test_a_draft_survives_and_is_found_again(desk, draft):
    page = desk.get("/publications/observer/manuscripts/").content.decode()
    assert f'<a href="/manuscripts/{draft.pk}/">稿件.txt</a>' in page


def test_what_is_mended_is_read_again_and_imported(desk, draft):
    mended = SLIP.replace("。。", "。").replace("\n", "\r\n")
    desk.post(f"/manuscripts/{draft.pk}/", {"do": "mend", "text": mended})
    page = desk.get(f"/manuscripts/{draft.pk}/").content.decode()
    assert "文字已在这里改过" in page
    assert "marked severity-warning" not in page
    desk.post(f"/manuscripts/{draft.pk}/", {"do": "import"})
    issue = Issue.objects.get()
    assert issue.sections.get().items.get().body == "口岸自本月起开通夜航。"
    assert "。。" not in bytes(issue.manuscript.data).decode()


def test_whose_words_somebody_else_imports_may_not_approve_them(desk, draft, publication, editor):
    other, third = (User.objects.create_user(name) for name in ("另一位", "第三位"))
    for person, said in ((other, "澜港口岸"), (third, "汀港口岸")):
        Membership.objects.create(user=person, publication=publication, role="editor")
        client = Client()
        client.force_login(person)
        text = SLIP.replace("云港口岸", said)
        client.post(f"/manuscripts/{draft.pk}/", {"do": "mend", "text": text})
    client.post(f"/manuscripts/{draft.pk}/", {"do": "import"})
    assert authorship.authors(Issue.objects.get()) == {str(editor), "另一位", "第三位"}


def test_accepting_takes_what_stands_in_the_field(desk, draft):
    mended = SLIP.replace("云港口岸", "澜港口岸")
    desk.post(f"/manuscripts/{draft.pk}/", {"do": "import", "text": mended})
    assert Issue.objects.get().sections.get().items.get().title == "澜港口岸开通夜航"


def test_an_untouched_field_leaves_the_file_as_it_was_handed_in(desk, publication):
    data = SLIP.replace("\n", "\r\n").encode("gb18030")
    _upload(desk, data)
    draft = ManuscriptDraft.objects.get()
    text = desk.get(f"/manuscripts/{draft.pk}/").context["text"]
    desk.post(f"/manuscripts/{draft.pk}/", {"do": "import", "text": text.replace("\n", "\r\n")})
    assert bytes(Issue.objects.get().manuscript.data) == data


def test_what_cannot_be_imported_says_why_and_keeps_the_words(desk, draft):
    overlong = SLIP.replace("夜航", "长" * 400)
    response = desk.post(f"/manuscripts/{draft.pk}/", {"do": "import", "text": overlong})
    assert response.status_code == 400
    assert "标题有" in response.content.decode()
    assert "长" * 400 in desk.get(f"/manuscripts/{draft.pk}/").content.decode()
    assert not Issue.objects.exists()


def test_a_text_emptied_by_mistake_can_be_written_again(desk, draft):
    desk.post(f"/manuscripts/{draft.pk}/", {"do": "mend", "text": ""})
    page = desk.get(f"/manuscripts/{draft.pk}/")
    assert page.status_code == 200
    assert 'role="alert"' in page.content.decode()
    desk.post(f"/manuscripts/{draft.pk}/", {"do": "import", "text": SLIP})
    assert Issue.objects.count() == 1


def test_the_same_file_leads_to_the_issue_that_it_became(desk, draft):
    desk.post(f"/manuscripts/{draft.pk}/", {"do": "import"})
    response = _upload(desk, SLIP)
    assert response.redirect_chain == [(f"/issues/{Issue.objects.get().pk}/", 302)]
    assert "以前导入过" in response.content.decode()


def test_going_back_to_what_was_accepted_leads_to_its_issue(desk, draft):
    page, accepted = f"/manuscripts/{draft.pk}/", {"do": "import"}
    first = desk.post(page, accepted)
    for again in (desk.get(page), desk.post(page, accepted)):
        assert again.url == first.url == f"/issues/{Issue.objects.get().pk}/"
    assert "这份稿件已经导入" in desk.get(first.url).content.decode()


def test_nobody_overwrites_in_a_draft_what_they_have_not_seen(desk, draft):
    page = f"/manuscripts/{draft.pk}/"
    seen = desk.get(page).context["seen"]
    first = {"do": "mend", "seen": seen, "text": SLIP.replace("夜航", "早航")}
    assert desk.post(page, first).status_code == 302
    for todo in ("mend", "import", "discard"):
        answer = desk.post(page, {"do": todo, "seen": seen, "text": SLIP.replace("口岸", "码头")})
        assert answer.status_code == 409
        told = answer.content.decode()
        assert "<del>早</del>" in told
        assert "码头自本月起开通夜航" in told
    assert desk.post(page, first).status_code == 302
    mine = {"do": "mend", "seen": answer.context["seen"], "text": SLIP.replace("口岸", "码头")}
    assert desk.post(page, mine).status_code == 302
    assert "码头" in ManuscriptDraft.objects.get().mended


def test_a_colleague_who_has_it_open_is_led_to_its_issue(desk, draft, publication):
    person = User.objects.create_user("另一位")
    Membership.objects.create(user=person, publication=publication, role="editor")
    colleague, page = Client(), f"/manuscripts/{draft.pk}/"
    colleague.force_login(person)
    desk.post(page, {"do": "import"})
    for todo in ("import", "mend", "discard"):
        answer = colleague.post(page, {"do": todo, "text": "我的改动"}, follow=True)
        assert answer.redirect_chain == [(f"/issues/{Issue.objects.get().pk}/", 302)]
        assert "这份稿件已经导入" in answer.content.decode()
        assert "改动没有用上" in answer.content.decode()
    answer = colleague.post(page, {"do": "import", "text": SLIP}, follow=True)
    assert "改动没有用上" not in answer.content.decode()
    assert not bytes(ManuscriptDraft.objects.get().data)


def test_what_was_discarded_can_be_taken_back(desk, draft):
    page = f"/manuscripts/{draft.pk}/"
    desk.post(page, {"do": "discard", "text": SLIP.replace("云港", "澜港")})
    answer = desk.post(page, {"do": "import"}, follow=True)
    assert "可以取回" in answer.content.decode()
    assert not Issue.objects.exists()
    answer = desk.post(page, {"do": "back"}, follow=True)
    assert answer.redirect_chain == [(page, 302)]
    assert "澜港口岸" in answer.content.decode()


def test_only_the_last_ones_discarded_are_kept(desk, publication):
    for number in range(MOST_DISCARDED + 1):
        _upload(desk, SLIP.replace("云港", f"第{number}港"))
        desk.post(f"/manuscripts/{ManuscriptDraft.objects.first().pk}/", {"do": "discard"})
    kept = [bytes(draft.data).decode() for draft in ManuscriptDraft.objects.all()]
    assert len(kept) == MOST_DISCARDED
    assert not any("第0港" in text for text in kept)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "文件是空的"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"x" * (MAXIMUM_BYTES + 1), "超过 2 MB"),
        (b"1. a\r" * (MAXIMUM_LINES + 1), "超过 15,000 行"),
    ],
    ids=["empty", "pdf", "too big", "too long"],
)
def test_what_is_no_manuscript_is_refused_with_the_reason(desk, publication, data, reason):
    response = _upload(desk, data)
    assert reason in response.content.decode()
    assert not ManuscriptDraft.objects.exists()


def test_a_page_counts_what_it_has_no_room_for(desk, publication):
    _upload(desk, "● a\n\n- b.....1\n" * MOST_LINES)
    page = desk.get(f"/manuscripts/{ManuscriptDraft.objects.get().pk}/").content.decode()
    assert page.count('id="line-') == MOST_LINES
    assert f"后面还有 {2 * MOST_LINES + 1:,} 行没有列出" in page
    kinds = page.count('class="kind"')
    assert kinds == 1
    assert page.count('class="severity ') == MOST_FINDINGS + kinds
    assert "处没有列出" in page


def test_a_mended_text_may_be_no_bigger_than_a_file(desk, draft):
    page = desk.post(f"/manuscripts/{draft.pk}/", {"do": "mend", "text": "字" * 700_000})
    assert page.status_code == 400
    assert "上限" in page.content.decode()
    draft.refresh_from_db()
    assert draft.mended is None


def test_an_upload_without_a_file_says_what_to_do(desk, publication):
    page = desk.post("/publications/observer/manuscripts/").content.decode()
    assert "请先选择一个文件" in page


def test_hostile_words_and_names_are_only_text(desk, publication):
    hostile = '"><script>alert(1)</script></textarea><img src=x onerror=alert(2)>'
    _upload(desk, SLIP.replace("云港", hostile), f"{hostile[:60]}.md")
    draft = ManuscriptDraft.objects.get()
    page = desk.get(f"/manuscripts/{draft.pk}/").content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    page = desk.post(f"/manuscripts/{draft.pk}/", {"do": "import"}, follow=True).content.decode()
    assert "<script>alert" not in page


def test_only_who_writes_in_the_publication_sees_a_draft(draft, publication):
    other = factories.publication("other")
    for name, where, role, status in (
        ("stranger", other, "editor", 404),
        ("reviewer", publication, "reviewer", 403),
    ):
        user = User.objects.create_user(name)
        Membership.objects.create(user=user, publication=where, role=role)
        client = Client()
        client.force_login(user)
        assert client.get(f"/manuscripts/{draft.pk}/").status_code == status
        assert client.post(f"/manuscripts/{draft.pk}/", {"do": "import"}).status_code == status
    assert not Issue.objects.exists()
