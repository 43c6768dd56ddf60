"""The issue editor without a browser: saving, order, sections, history, comments, facts."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dongtai_mail.delivery import mailings
from dongtai_mail.desk.models import AuditEntry, Membership
from dongtai_mail.issues import editing
from dongtai_mail.issues.editing.keeping import said
from dongtai_mail.issues.models import Comment, Issue, Item, Section
from tests import factories
from tests.desk.conftest import make_issue

pytestmark = pytest.mark.django_db

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)></textarea></template>{{ 7 }}'
JSON = {"Accept": "application/json"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def item(issue: Issue) -> Item:
    return Item.objects.get(section__issue=issue)


def _member(publication, role: str) -> Client:
    user = User.objects.create_user(role)
    Membership.objects.create(user=user, publication=publication, role=role)
    client = Client()
    client.force_login(user)
    return client


def _form(item: Item, **changes: object) -> dict[str, object]:
    values = {name: value for name, value in said(item).items() if value not in (None, False)}
    values |= {"version": item.version, "base": json.dumps(said(item))}
    return {**values, **changes}


def _save(client: Client, item: Item, headers: dict[str, str] | None = None, **changes: object):
    headers = JSON if headers is None else headers
    return client.post(f"/items/{item.pk}/text/", _form(item, **changes), headers=headers)


def _outline(issue: Issue) -> str:
    return " ".join(
        section.name + "".join(item.title for item in section.items.all())
        for section in issue.sections.all()
    )


def test_the_page_has_the_outline_and_one_items_text(desk, publication):
    issue = make_issue(publication, "甲", body="第一条的正文。")
    section = issue.sections.get()
    for position in range(1, 40):
        body = f"第 {position} 条的正文。"
        Item.objects.create(section=section, position=position, title=f"条{position}", body=body)
    page = desk.get(f"/issues/{issue.pk}/").content.decode()
    assert page.count('<li id="item-') == 40
    assert "第一条的正文。" in page
    assert "第 7 条的正文。" not in page
    chosen = Item.objects.get(title="条7")
    assert "第 7 条的正文。" in desk.get(f"/issues/{issue.pk}/?item={chosen.pk}").content.decode()


def test_the_number_of_queries_does_not_grow_with_the_items(
    desk, publication, django_assert_max_num_queries
):
    issue = make_issue(publication, "甲")
    section = issue.sections.get()
    for position in range(1, 66):
        Item.objects.create(section=section, position=position, title=f"条{position}")
    with django_assert_max_num_queries(16):
        desk.get(f"/issues/{issue.pk}/")


def test_an_issue_that_went_out_says_so_and_is_no_longer_the_one_being_made(desk, publication):
    older = make_issue(publication, "在做的一条")
    mailing = factories.mailing()
    factories.readers(2, mailing.subscriber_list)
    sent = mailing.edition.issue
    assert "这一期已经发出" not in desk.get(f"/issues/{sent.pk}/").content.decode()
    mailings.start(mailing.pk)
    page = desk.get(f"/issues/{sent.pk}/").content.decode()
    assert "这一期已经发出" in page
    assert "0 人已收到" in page
    assert f'href="/mailings/{mailing.pk}/"' in page
    assert f'href="/issues/{older.pk}/"' in page
    older.delete()
    assert f'href="/issues/{sent.pk}/"' in desk.get(f"/issues/{sent.pk}/").content.decode()


@pytest.mark.parametrize("query", ["item=x", "item=999999", "item=" + "9" * 30, "undo=1&item=-1"])
def test_an_item_that_is_not_there_shows_the_first(desk, issue, query):
    assert "云港口岸开通夜航" in desk.get(f"/issues/{issue.pk}/?{query}").content.decode()


def test_an_issue_without_items_says_what_to_do(desk, publication):
    issue = Issue.objects.create(publication=publication, number="8")
    assert "还没有条目" in desk.get(f"/issues/{issue.pk}/").content.decode()


def test_saving_answers_the_new_version_and_what_stands_now(desk, item):
    answer = _save(desk, item, title="改过的标题", body_html="<p>改过的<b>正文</b></p>").json()
    item.refresh_from_db()
    assert (item.title, item.body, item.version) == ("改过的标题", "改过的**正文**", 2)
    assert (answer["version"], answer["base"]["body"]) == (2, "改过的**正文**")
    assert answer["html"] == "<p>改过的<strong>正文</strong></p>"
    assert item.changed_by == "editor"


def test_an_empty_field_is_unsaid_and_a_cleared_tick_is_off(desk, item):
    editing.save_item(item, 1, {"featured": True}, "林")
    item.refresh_from_db()
    form = _form(item, source="", date="")
    del form["featured"]
    desk.post(f"/items/{item.pk}/text/", form, headers=JSON)
    item.refresh_from_db()
    assert (item.source, item.date, item.featured) == (None, None, False)


def test_without_script_saving_leads_back_to_the_item(desk, item, issue):
    response = _save(desk, item, headers={}, body="新的正文")
    assert response["Location"] == f"/issues/{issue.pk}/?item={item.pk}"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("title", "长" * 301, "300"),
        ("date", "明天", "2026-12-01"),
        ("url", "javascript:alert(1)", "https://"),
        ("cover_url", "nowhere", "https://"),
    ],
)
def test_a_field_that_cannot_be_saved_says_so_and_comes_back(desk, item, field, value, reason):
    errors = _save(desk, item, **{field: value}).json()["errors"]
    assert reason in "".join(errors[field])
    page = _save(desk, item, headers={}, **{field: value}, body="刚写的正文")
    assert page.status_code == 400
    assert value in page.content.decode()
    assert "刚写的正文" in page.content.decode()
    item.refresh_from_db()
    assert item.version == 1


def test_a_text_of_too_many_lines_is_refused(desk, item):
    errors = _save(desk, item, body="- \n" * 5_000).json()["errors"]
    assert "5000 行" in "".join(errors["body"])
    item.refresh_from_db()
    assert item.version == 1


def test_two_editors_never_overwrite_each_other(desk, item):
    theirs = _form(item, title="王的题")
    _save(desk, item, title="林的题")
    refused = desk.post(f"/items/{item.pk}/text/", theirs, headers=JSON)
    assert refused.status_code == 409
    assert "王的" in refused.json()["conflict"]
    assert "<del>林</del><ins>王</ins>" in refused.json()["conflict"]
    item.refresh_from_db()
    assert item.title == "林的题"


def test_who_has_it_open_twice_is_not_taken_for_two(desk, item, publication):
    colleague, mine = _member(publication, "administrator"), _form(item, title="王的题")
    _save(desk, item, title="林的题")
    own = desk.post(f"/items/{item.pk}/text/", mine, headers=JSON).json()["conflict"]
    assert "您在另一处也改了这里" in own
    assert "对方" not in own
    item.refresh_from_db()
    _save(colleague, item, source="晚报")
    other = desk.post(f"/items/{item.pk}/text/", mine, headers=JSON).json()["conflict"]
    assert "别人也改了这里" in other


def test_a_difference_of_bodies_is_shown_as_it_reads(desk, item):
    mine = _form(item, body="### 夜航\n\n- **甲**\n- [乙](https://a.example.org/)")
    _save(desk, item, body="### 夜航\n\n- 甲\n- 丙")
    shown = desk.post(f"/items/{item.pk}/text/", mine, headers=JSON).json()["conflict"]
    difference = shown.partition('class="difference">')[2].partition("</p>")[0]
    assert "【夜航】" in difference
    assert "<del>丙</del><ins>乙 &lt;https://a.example.org/&gt;</ins>" in difference
    assert "<ins>甲</ins>" in difference
    assert "**" not in difference


def test_two_editors_of_different_fields_are_joined(desk, item):
    theirs = _form(item, source="晚报")
    _save(desk, item, title="林的题")
    assert desk.post(f"/items/{item.pk}/text/", theirs, headers=JSON).json()["version"] == 3
    item.refresh_from_db()
    assert (item.title, item.source) == ("林的题", "晚报")


@pytest.mark.parametrize(("choice", "title"), [("mine", "王的题"), ("theirs", "林的题")])
def test_a_conflict_is_settled_without_script(desk, item, choice, title):
    theirs = _form(item, title="王的题", source="晚报")
    _save(desk, item, title="林的题")
    page = desk.post(f"/items/{item.pk}/text/", theirs)
    assert page.status_code == 409
    assert "晚报" in page.content.decode()
    del theirs["base"]
    theirs |= {"version": 2, "choice-title": choice}
    assert desk.post(f"/items/{item.pk}/text/", theirs).status_code == 302
    item.refresh_from_db()
    assert (item.title, item.source) == (title, "晚报")


def test_whoever_writes_in_a_discarded_item_keeps_the_words(desk, item):
    form = _form(item, body="写到一半的正文")
    editing.discard(item, "王")
    answer = desk.post(f"/items/{item.pk}/text/", form, headers=JSON)
    assert answer.status_code == 409
    assert "写到一半的正文" in answer.json()["conflict"]
    assert "先取回" in answer.json()["conflict"]


def test_an_ended_session_is_told_apart_from_a_page(client, item):
    headers = {**JSON, "HX-Request": "true"}
    assert client.post(f"/items/{item.pk}/text/", _form(item), headers=headers).status_code == 401


@pytest.mark.parametrize("base", ["", "[]", "nonsense", '{"title": 7}'])
def test_a_base_that_makes_no_sense_never_overwrites(desk, item, base):
    form = _form(item, title="王的题", base=base)
    _save(desk, item, title="林的题")
    assert desk.post(f"/items/{item.pk}/text/", form, headers=JSON).status_code == 409


@pytest.mark.parametrize("version", ["", "x", "9" * 30, "-1", "٣"])
def test_a_version_that_makes_no_sense_never_overwrites(desk, item, version):
    form = _form(item, title="王的题", version=version, base="")
    assert desk.post(f"/items/{item.pk}/text/", form, headers=JSON).status_code == 409


def test_items_move_by_button_and_by_place(desk, issue):
    section = issue.sections.get()
    other = editing.add_section(issue, "数据", "林")
    second = editing.new_item(issue.publication, {"title": "乙"}, "林", section=section)
    desk.post(f"/items/{second.pk}/place/", {"to": "up"})
    assert _outline(issue) == "要闻乙云港口岸开通夜航 数据"
    desk.post(f"/items/{second.pk}/place/", {"to": "down"})
    desk.post(f"/items/{second.pk}/place/", {"to": "down"})
    assert _outline(issue) == "要闻云港口岸开通夜航 数据乙"
    answer = desk.post(
        f"/items/{second.pk}/place/",
        {"to": "section", "section": section.pk, "position": 0},
        headers=HTMX,
    ).content.decode()
    assert answer.index("乙") < answer.index("云港口岸开通夜航")
    assert "<html" not in answer
    assert other.items.count() == 0


def test_an_item_does_not_go_to_another_publications_section(desk, item):
    other = make_issue(factories.publication("other"), "旧").sections.get()
    response = desk.post(f"/items/{item.pk}/place/", {"to": "section", "section": other.pk})
    assert response.status_code == 404


def test_an_item_that_left_the_pool_meanwhile_stays_where_it_is(desk, item, issue):
    other = make_issue(issue.publication, "别的", number="8").sections.get()
    values = {"to": "section", "section": other.pk, "position": 0}
    assert desk.post(f"/items/{item.pk}/place/", values | {"from": "pool"}).status_code == 404
    item.refresh_from_db()
    assert item.section.issue == issue
    assert 'data-items="pool"' in desk.get(f"/issues/{issue.pk}/").content.decode()


def test_discarding_offers_to_undo_it_and_is_in_the_log(desk, item, issue):
    page = desk.post(f"/items/{item.pk}/place/", {"to": "discard"}, follow=True).content.decode()
    assert "已丢弃“云港口岸开通夜航”" in page
    desk.post(f"/items/{item.pk}/place/", {"to": "back"})
    assert _outline(issue) == "要闻云港口岸开通夜航"
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert actions == {"item.discarded", "item.brought-back"}


def test_whoever_discards_goes_on_where_it_stood(desk, issue):
    section = issue.sections.get()
    first = Item.objects.create(section=section, position=1, title="乙")
    last = Item.objects.create(section=section, position=2, title="丙")
    for gone, left in ((first, last), (last, section.items.first())):
        answer = desk.post(f"/items/{gone.pk}/place/", {"to": "discard"})
        assert answer.url == f"/issues/{issue.pk}/?item={left.pk}&undo={gone.pk}"


def test_an_item_of_the_pool_is_discarded_and_brought_back_on_its_page(desk, item):
    editing.to_pool(item, "林")
    for to in ("discard", "back"):
        response = desk.post(f"/items/{item.pk}/place/", {"to": to}, follow=True)
        assert response.redirect_chain[-1] == (f"/pool/{item.pk}/", 302)


def test_an_item_in_the_pool_has_a_page_of_its_own(desk, item):
    desk.post(f"/items/{item.pk}/place/", {"to": "pool"})
    page = desk.get(f"/items/{item.pk}/", follow=True).content.decode()
    assert "云港口岸开通夜航" in page
    assert _save(desk, Item.objects.get(), title="池里改的").status_code == 200


def test_sections_and_items_are_added_renamed_moved_and_removed(desk, issue):
    desk.post(f"/issues/{issue.pk}/sections/", {"name": "数据"})
    added = Section.objects.get(name="数据")
    desk.post(f"/sections/{added.pk}/", {"to": "up"})
    desk.post(f"/sections/{added.pk}/", {"to": "rename", "name": "新书"})
    desk.post(f"/issues/{issue.pk}/items/", {"section": added.pk})
    Item.objects.filter(section=added).update(title="乙")
    assert _outline(issue) == "新书乙 要闻云港口岸开通夜航"
    desk.post(f"/sections/{added.pk}/", {"to": "remove"})
    assert _outline(issue) == "要闻云港口岸开通夜航"
    assert Item.objects.get(title="乙").section is None
    assert AuditEntry.objects.get().before == {"section": "新书"}


def test_a_section_without_a_name_says_what_to_do(desk, issue):
    answer = desk.post(f"/issues/{issue.pk}/sections/", {"name": " "}, headers=HTMX)
    assert "请写栏目名" in answer.content.decode()
    assert issue.sections.count() == 1


def test_a_new_issue_begins_with_what_the_publication_says(desk, publication, issue):
    publication.section_names = ["要闻", "书讯"]
    publication.save()
    response = desk.post("/publications/observer/issues/")
    made = Issue.objects.exclude(pk=issue.pk).get()
    assert response["Location"] == f"/issues/{made.pk}/facts/"
    assert _outline(made) == "要闻 书讯"
    assert made.number == "8"
    assert AuditEntry.objects.get().action == "issue.created"


def _facts(issue: Issue, **changes: object) -> dict[str, object]:
    values = {name: value for name, value in said(issue).items() if value is not None}
    values |= {"version": issue.version, "base": json.dumps(said(issue))}
    return {**values, **changes}


def test_facts_are_saved_and_logged(desk, issue):
    desk.post(f"/issues/{issue.pk}/facts/", _facts(issue, subject="夜航", period_to="2026-11-15"))
    issue.refresh_from_db()
    assert (issue.subject, issue.period_to.day) == ("夜航", 15)
    assert AuditEntry.objects.get().after == {"subject": "夜航", "period_to": "2026-11-15"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"number": "6"}, "这个期号已经有了"),
        ({"period_from": "2026-11-15", "period_to": "2026-11-01"}, "请对调"),
        ({"date": "明天"}, "2026-12-01"),
        ({"subject": "一行\n两行"}, "换行"),
    ],
)
def test_facts_that_cannot_be_saved_say_so_and_come_back(desk, issue, changes, reason):
    make_issue(issue.publication, "旧", number="6")
    form = _facts(issue, preheader="刚写的预览", **changes)
    response = desk.post(f"/issues/{issue.pk}/facts/", form)
    assert response.status_code == 400
    assert reason in response.content.decode()
    assert "刚写的预览" in response.content.decode()
    assert Issue.objects.get(pk=issue.pk).version == 1


def test_facts_that_two_changed_are_shown_both_and_then_saved(desk, issue):
    form = _facts(issue, subject="王的主题")
    editing.save_issue(issue, 1, {"subject": "林的主题"}, "林")
    response = desk.post(f"/issues/{issue.pk}/facts/", form)
    page = response.content.decode()
    assert response.status_code == 409
    assert "<del>林</del><ins>王</ins>" in page
    assert 'value="王的主题"' in page
    issue.refresh_from_db()
    desk.post(f"/issues/{issue.pk}/facts/", _facts(issue, subject="王的主题"))
    issue.refresh_from_db()
    assert issue.subject == "王的主题"


def test_history_shows_differences_and_goes_back(desk, item):
    _save(desk, item, title="云港口岸恢复夜航")
    page = desk.get(f"/items/{item.pk}/history/").content.decode()
    assert "<del>开通</del><ins>恢复</ins>" in page
    first = item.revisions.get(version=1)
    desk.post(f"/items/{item.pk}/restoration/", {"revision": first.pk})
    item.refresh_from_db()
    assert item.title == "云港口岸开通夜航"
    assert AuditEntry.objects.get().action == "item.restored"


def test_an_issues_history_goes_back_too(desk, issue):
    desk.post(f"/issues/{issue.pk}/sections/", {"name": "数据"})
    page = desk.get(f"/issues/{issue.pk}/history/").content.decode()
    assert "【数据】</ins>" in page
    desk.post(f"/issues/{issue.pk}/restoration/", {"revision": issue.revisions.get(version=1).pk})
    assert _outline(issue) == "要闻云港口岸开通夜航"


@pytest.mark.parametrize("revision", ["", "x", "999999"])
def test_a_revision_of_something_else_is_not_there(desk, item, revision):
    other = make_issue(item.publication, "旧", number="6").sections.get().items.get()
    saved = editing.save_item(other, 1, {"title": "新"}, "林")
    for asked in (revision, saved.revisions.first().pk):
        response = desk.post(f"/items/{item.pk}/restoration/", {"revision": asked})
        assert response.status_code == 404


def test_comments_are_made_and_resolved(desk, item, issue):
    for address in (f"/items/{item.pk}/comments/", f"/issues/{issue.pk}/comments/"):
        page = desk.post(address, {"text": "来源再核一次"}, headers=HTMX).content.decode()
        assert "来源再核一次" in page
        comment = Comment.objects.last()
        page = desk.post(address, {"resolved": comment.pk}, headers=HTMX).content.decode()
        assert "1 条已解决" in page
        comment.refresh_from_db()
        assert comment.resolved_by == "editor"


def test_an_empty_comment_says_what_to_do(desk, item):
    page = desk.post(f"/items/{item.pk}/comments/", {"text": " "}, headers=HTMX).content.decode()
    assert "请先写批注" in page
    assert not Comment.objects.exists()


def test_a_comment_of_another_item_is_not_resolved(desk, item, issue):
    other = Comment.objects.create(issue=issue, actor="林", text="整期")
    desk.post(f"/items/{item.pk}/comments/", {"resolved": other.pk}, headers=HTMX)
    other.refresh_from_db()
    assert other.resolved_at is None


def test_whoever_may_not_write_reads_and_comments(publication, issue, item):
    reviewer = _member(publication, "reviewer")
    page = reviewer.get(f"/issues/{issue.pk}/").content.decode()
    assert '<fieldset class="stack" disabled>' in page
    assert "data-place-form" not in page
    assert _save(reviewer, item, title="改").status_code == 403
    assert reviewer.post(f"/items/{item.pk}/place/", {"to": "pool"}).status_code == 403
    assert reviewer.post(f"/items/{item.pk}/comments/", {"text": "请改"}).status_code == 302
    assert Comment.objects.get().actor == "reviewer"


def test_strangers_to_the_publication_find_nothing(item, issue):
    stranger = _member(factories.publication("other"), "editor")
    for address in (f"issues/{issue.pk}/", f"items/{item.pk}/", f"items/{item.pk}/history/"):
        assert stranger.get(f"/{address}").status_code == 404
    assert _save(stranger, item, title="改").status_code == 404


def test_what_is_pasted_comes_back_clean(desk, publication):
    answer = desk.post("/pasted/", {"html": "<p onclick=x>甲<script>alert(1)</script></p>"})
    assert answer.content.decode() == "<p>甲</p>"


def test_saving_needs_the_csrf_token(editor, item):
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor)
    assert _save(client, item, title="改").status_code == 403
    item.refresh_from_db()
    assert item.version == 1


def test_hostile_words_run_nowhere_in_the_editor(desk, issue, item):
    hostile = HOSTILE[:90]
    texts = ("title", "heading", "body", "source", "compiler", "source_line", "cover_alt")
    editing.save_item(item, 1, dict.fromkeys(texts, hostile), hostile)
    facts = ("number", "masthead", "preheader", "host_name", "host_also", "colophon_address")
    editing.save_issue(issue, 1, dict.fromkeys(facts, hostile[:50]), hostile)
    editing.rename_section(issue.sections.get(), hostile, hostile)
    Comment.objects.create(item=item, actor=hostile, text=hostile)
    Comment.objects.create(issue=issue, actor=hostile, text=hostile)
    stale = _form(Item.objects.get(pk=item.pk), version=1, base="", title=f"王{hostile}")
    pages = [
        desk.get(f"/{address}", headers=headers).content.decode()
        for address, headers in [
            (f"issues/{issue.pk}/", {}),
            (f"issues/{issue.pk}/facts/", {}),
            (f"issues/{issue.pk}/history/", {}),
            (f"items/{item.pk}/", HTMX),
            (f"items/{item.pk}/history/", {}),
            (f"items/{item.pk}/comments/", HTMX),
            (f"issues/{issue.pk}/comments/", HTMX),
        ]
    ]
    pages.append(desk.post(f"/items/{item.pk}/text/", stale).content.decode())
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "</template>{{" not in page
