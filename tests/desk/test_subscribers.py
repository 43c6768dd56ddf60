"""Lists, imports, suppressions and segments on the desk."""

from __future__ import annotations

import csv
import datetime
import html
import io
import re
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from dongtai_mail.delivery import audience, imports
from dongtai_mail.desk.models import AuditEntry, Membership, Role
from dongtai_mail.desk.templatetags import readers as readers_words
from dongtai_mail.message.feedback.model import Reason
from subscribers import importing, leasing, suppression, undoing
from subscribers.leaving import leave
from subscribers.models import (
    ImportRun,
    Segment,
    Subscriber,
    SubscriberList,
    Subscription,
    Suppression,
)
from tests import factories

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def readers(publication) -> SubscriberList:
    return factories.subscriber_list(publication)


def _upload(desk, readers, data: str | bytes, name: str = "readers.csv"):
    file = SimpleUploadedFile(name, data if isinstance(data, bytes) else data.encode())
    return desk.post("/publications/observer/imports/", {"list": readers.pk, "file": file})


def test_an_import_is_seen_before_it_is_done(desk, readers):
    answer = _upload(desk, readers, "邮箱,姓名\nzhang@example.com,张三\nbad,李四\n")
    run = ImportRun.objects.get()
    assert answer.url == f"/imports/{run.pk}/"
    page = desk.get(answer.url).content.decode()
    assert "张三" in page
    assert "UTF-8" in page
    form = {"column-0": "address", "column-1": "name", "policy": "keep", "consent": "basis"}
    assert "请写明依据" in desk.post(answer.url, form).content.decode()
    desk.post(answer.url, {**form, "basis": "2026 年登记表"})
    assert "正在检查" in desk.get(answer.url).content.decode()
    importing.advance(run.pk)
    assert not Subscriber.objects.exists()
    checked = desk.get(answer.url).content.decode()
    assert "不是完整的邮箱地址" in checked
    desk.post(f"/imports/{run.pk}/start/")
    importing.advance(run.pk)
    assert Subscriber.objects.get().name == "张三"


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-8-sig", "UTF-8"),
        ("gb18030", "GB18030"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16（小端"),
        ("utf-16-be", "UTF-16（大端"),
    ],
)
def test_a_preview_shows_the_rows_and_the_encoding_that_was_found(desk, readers, encoding, named):
    rows = "邮箱,姓名,级别\nzhang@example.com,张三，字𠮷田,金\n".encode(encoding)
    answer = _upload(desk, readers, rows)
    page = desk.get(answer.url).content.decode()
    assert named in page
    for shown in ("张三，字𠮷田", "zhang@example.com", "级别"):
        assert shown in page
    assert "\ufeff" not in page


def test_an_import_whose_worker_died_says_when_the_next_one_goes_on(desk, readers):
    _upload(desk, readers, "邮箱\nzhang@example.com\n")
    run = ImportRun.objects.get()
    importing.begin(run)
    assert leasing.take(run.pk, *leasing.RUNNING)
    silent = "没有动静了"
    assert silent not in desk.get(f"/imports/{run.pk}/progress/").content.decode()
    left = datetime.timedelta(seconds=9.5)
    ImportRun.objects.update(leased_until=timezone.now() + left)
    assert silent in desk.get(f"/imports/{run.pk}/progress/").content.decode()


def test_a_worker_undoes_an_import_and_the_page_and_the_log_say_so(desk, readers):
    rows = "邮箱\nzhang@example.com\nli@example.com\n"
    run = importing.receive(readers, [rows.encode()], "readers.csv")
    importing.begin_here(run, proceed=True)
    asked = desk.get(f"/imports/{run.pk}/undo/").content.decode()
    assert "<strong>2</strong> 人会被取走" in asked
    assert not undoing.waiting()
    desk.post(f"/imports/{run.pk}/undo/")
    logged = AuditEntry.objects.order_by("pk").values_list("action", "actor")
    assert [action for action, _ in logged] == ["import.undo-begun"]
    page = desk.get(f"/imports/{run.pk}/").content.decode()
    assert "正在撤销" in page
    assert 'value="0" max="2"' in page
    assert undoing.waiting() == [run.pk]
    imports.advance_undoing(run.pk)
    assert not Subscriber.objects.exists()
    assert logged.all()[1] == ("import.undone", logged.all()[0][1])
    page = desk.get(f"/imports/{run.pk}/").content.decode()
    assert "撤销取走" in page
    assert "人没有取走" not in page


def test_an_undone_import_says_how_many_stayed_and_why(desk, readers):
    run = importing.receive(readers, ["邮箱\nzhang@example.com\n".encode()], "readers.csv")
    importing.begin_here(run, proceed=True)
    leave(Subscription.objects.get().pk, "page")
    imports.begin_undoing(run, here=True)
    imports.undo(run)
    assert "1 人没有取走：导入以后自己有过动作" in desk.get(f"/imports/{run.pk}/").content.decode()


def test_an_import_that_nobody_started_is_given_up(desk, readers):
    kept, *given_up = [
        importing.receive(readers, ["邮箱\nzhang@example.com\n".encode()], name)
        for name in ("kept.csv", "uploaded.csv", "checked.csv")
    ]
    importing.begin_here(given_up[1], proceed=False)
    importing.begin_here(kept, proceed=True)
    for run in (kept, *given_up):
        desk.post(f"/imports/{run.pk}/discarding/")
    assert [*ImportRun.objects.all()] == [kept]
    assert kept.path.exists()
    assert not any(run.path.exists() for run in given_up)
    assert Subscriber.objects.exists()
    assert "不能放弃" in desk.get(f"/imports/{kept.pk}/").content.decode()


def test_what_a_worker_found_is_told_in_the_readers_language(desk, readers):
    rows = "zhang@,甲\n李@@example.com,乙\n,丙\n"
    answer = _upload(desk, readers, f"邮箱,姓名\n{rows}")
    run = ImportRun.objects.get()
    importing.begin(run)
    importing.advance(run.pk)
    assert "不是完整的邮箱地址" in desk.get(answer.url).content.decode()
    desk.post("/language/", {"language": "en"})
    page = desk.get(answer.url).content.decode()
    for words in ("“zhang@” is not a complete address", "more than one @", "No email address"):
        assert words in page
    assert "请写成" not in page


def test_two_columns_can_not_be_one_field(desk, readers):
    answer = _upload(desk, readers, "邮箱,另一\na@example.com,b@example.com\n")
    form = {"column-0": "address", "column-1": "address", "policy": "keep", "consent": "double"}
    assert "只留一列" in desk.post(answer.url, form).content.decode()


def test_files_that_are_no_tables_or_too_big_are_refused(desk, readers, monkeypatch):
    assert "空的" in _upload(desk, readers, " ").content.decode()
    monkeypatch.setattr(importing, "FILE_BYTES", 10)
    assert "上限" in _upload(desk, readers, "a" * 100).content.decode()
    assert not ImportRun.objects.exists()


def test_an_upload_into_another_publications_list_is_refused(desk, readers):
    other = factories.subscriber_list(factories.publication("other", "other.example"), "theirs")
    page = _upload(desk, other, "邮箱\na@example.com\n").content.decode()
    assert "errorlist" in page
    assert not ImportRun.objects.exists()


def test_hostile_names_headers_and_attributes_run_nowhere(desk, readers):
    row = factories.subscribe(readers, "zhang@example.com", name=HOSTILE[:100])[0]
    Subscriber.objects.update(organisation=HOSTILE, attributes={HOSTILE: HOSTILE})
    SubscriberList.objects.update(name=HOSTILE, description=HOSTILE, public=True)
    quoted = HOSTILE.replace('"', '""')
    upload = _upload(desk, readers, f'邮箱,"{quoted}"\nx{HOSTILE}@example.com,"{quoted}"\n')
    Segment.objects.create(
        publication=readers.publication, name=HOSTILE, audience={"lists": [readers.pk]}
    )
    suppression.suppress("a@example.com", Suppression.Reason.STAFF, HOSTILE)
    for address in (
        "/publications/observer/subscribers/",
        "/lists/readers/",
        f"/subscriptions/{row.pk}/",
        "/publications/observer/imports/",
        upload.url,
        "/publications/observer/segments/",
        "/publications/observer/suppressions/",
    ):
        answer = desk.get(address)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.content.decode(), address


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "＝1", "\t=1", "=cmd|' /C calc'!A0"]
)
def test_what_a_spreadsheet_would_calculate_is_exported_as_text(desk, readers, name):
    factories.subscribe(readers, "zhang@example.com")
    Subscriber.objects.update(name=name)
    answer = desk.get("/lists/readers/readers.csv")
    data = b"".join(answer.streaming_content)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows[1][1] == f"'{name}"
    book = load_workbook(
        io.BytesIO(b"".join(desk.get("/lists/readers/readers.xlsx").streaming_content))
    )
    cell = book.active["B2"]
    assert cell.data_type == "s"
    assert cell.value.startswith("'")


def test_an_exported_list_can_be_imported(desk, readers):
    factories.subscribe(readers, "zhang@example.com", "wáng@大学.cn", name="张三")
    data = b"".join(desk.get("/lists/readers/readers.csv").streaming_content)
    other = factories.subscriber_list(readers.publication, "copy")
    run = importing.receive(other, [data], "copy.csv")
    importing.begin_here(run, proceed=True)
    assert run.counts["person"] == run.counts["added"] == 2


def test_the_only_list_is_chosen_for_an_import(desk, readers):
    empty = '<option value=""'
    assert empty not in desk.get("/publications/observer/imports/").content.decode()
    factories.subscriber_list(readers.publication, "weekly")
    assert empty in desk.get("/publications/observer/imports/").content.decode()


def test_a_list_has_settings_and_its_form_to_copy(desk, readers):
    lists = desk.get("/publications/observer/subscribers/").content.decode()
    assert 'href="/lists/readers/#settings"' in lists
    page = desk.get("/lists/readers/").content.decode()
    assert 'id="settings"' in page
    assert 'href="#settings"' in page
    assert "放到网站上" not in page
    desk.post("/lists/readers/", {"name": "新名", "public": "on"})
    readers.refresh_from_db()
    assert (readers.name, readers.public, readers.double_opt_in) == ("新名", True, False)
    page = desk.get("/lists/readers/").content.decode()
    snippet = html.unescape(page.partition('<pre class="mono scroll" tabindex="0">')[2])
    snippet = snippet.partition("</pre>")[0]
    assert 'action="https://news.example.org/s/readers/"' in snippet
    assert "的“新名”，并可以随时退订" in snippet
    fields = dict.fromkeys(re.findall(r' name="(\w+)"', snippet), "")
    elsewhere = Client(enforce_csrf_checks=True, headers={"origin": "https://elsewhere.example"})
    elsewhere.post("/s/readers/", {**fields, "email": "li@example.com", "name": "李四"})
    signed = Subscriber.objects.get()
    assert (signed.key, signed.name) == ("li@example.com", "李四")
    assert "可以随时退订" in signed.subscriptions.get().events.first().wording.text
    desk.post("/lists/readers/", {"name": "新名", "archived": "on"})
    readers.refresh_from_db()
    assert not readers.open


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh-hans", ("一键退订", "发送 7", "已退订", "邮件服务器交来，退回的邮件 5")),
        ("en", ("One-click", "mailing 7", "Unsubscribed", "From the mail server, returned mail 5")),
    ],
)
def test_history_is_told_in_peoples_words(desk, readers, language, words):
    row = factories.subscribe(readers, "zhang@example.com")[0]
    leave(row.pk, "one-click", "mailing 7")
    suppression.suppress("zhang@example.com", Suppression.Reason.COMPLAINT, "lmtp, returned 5")
    desk.post("/language/", {"language": language})
    page = desk.get(f"/subscriptions/{row.pk}/").content.decode()
    assert [word for word in words if word not in page] == []
    list_page = desk.get("/publications/observer/suppressions/").content.decode()
    assert words[-1] in list_page


def test_every_reason_of_a_refusal_has_its_words():
    assert set(readers_words.REASONS) == set(Reason)


def test_a_refused_import_is_explained_in_english_too(desk, readers):
    desk.post("/language/", {"language": "en"})
    page = _upload(desk, readers, " ").content.decode()
    assert "The file is empty." in page


def test_readers_are_found_by_a_part_of_their_address(desk, readers):
    factories.subscribe(readers, "zhang@example.com", "li@example.com")
    page = desk.get("/lists/readers/?q=ZHANG").content.decode()
    assert "zhang@example.com" in page
    assert "li@example.com" not in page


def test_an_address_that_cannot_be_suppressed_comes_back_with_its_reason(desk, readers):
    typed = {"address": "li@", "reason": "来电要求"}
    page = desk.post("/publications/observer/suppressions/", typed).content.decode()
    assert 'value="li@"' in page
    assert 'value="来电要求"' in page
    assert not Suppression.objects.exists()


def test_a_suppression_ends_by_a_reason_and_only_in_its_publication(desk, readers):
    desk.post(
        "/publications/observer/suppressions/",
        {"address": "mailto:Li@Example.com；", "reason": "x"},
    )
    row = Suppression.objects.get()
    assert (row.key, row.source) == ("li@example.com", "editor: x")
    page = desk.get("/publications/observer/suppressions/?q=LI@example.com").content.decode()
    assert "li@example.com" in page
    factories.publication("other", "other.example")
    address = "/publications/{}/suppressions/{}/release/"
    assert desk.post(address.format("other", row.pk), {"reason": "恢复发送"}).status_code == 404
    desk.post(address.format("observer", row.pk), {"reason": " "})
    assert Suppression.objects.exists()
    desk.post(address.format("observer", row.pk), {"reason": "读者来信要求恢复"})
    assert not Suppression.objects.exists()
    assert suppression.Release.objects.get().actor == "editor"
    page = desk.get("/publications/observer/suppressions/").content.decode()
    assert "读者来信要求恢复" in page


def test_what_stands_for_all_publications_is_not_one_publications_to_undo(publication):
    other = factories.publication("other", "other.example")
    factories.subscribe(factories.subscriber_list(other, "theirs"), "wang@example.com")
    factories.subscribe(factories.subscriber_list(publication), "li@example.com")
    for address in ("li@example.com", "wang@example.com"):
        suppression.suppress(address, Suppression.Reason.COMPLAINT, "lmtp, returned 5")
    manager, page = User.objects.create_user("manager"), "/publications/observer/suppressions/"
    browser = Client()
    browser.force_login(manager)
    Membership.objects.create(user=manager, publication=publication, role=Role.LIST_MANAGER)
    shown = browser.get(page).content.decode()
    assert "li@example.com" in shown
    assert "wang@example.com" not in shown
    assert 'name="scope"' not in shown
    everywhere = {"address": "new@example.com", "scope": "everywhere"}
    assert browser.post(page, everywhere).status_code == 403
    row = Suppression.objects.get(key="li@example.com")
    release = f"{page}{row.pk}/release/"
    assert browser.post(release, {"reason": "读者来信要求恢复"}).status_code == 403
    Membership.objects.create(user=manager, publication=other, role=Role.LIST_MANAGER)
    assert "wang@example.com" in browser.get(page).content.decode()
    assert browser.post(release, {"reason": "读者来信要求恢复"}).status_code == 403
    assert browser.post(page, everywhere).status_code == 302
    wide = Suppression.objects.get(key="new@example.com")
    assert (wide.publication, wide.source) == (None, "manager")
    Membership.objects.filter(user=manager).update(role=Role.ADMINISTRATOR)
    assert browser.post(release, {"reason": " "}).status_code == 302
    assert Suppression.objects.filter(pk=row.pk).exists()
    browser.post(release, {"reason": "读者来信要求恢复"})
    assert not Suppression.objects.filter(pk=row.pk).exists()
    kept = suppression.Release.objects.get()
    assert (kept.actor, kept.reason) == ("manager", "读者来信要求恢复")
    entry = AuditEntry.objects.get(action="suppression.released")
    assert entry.after == {"suppression": row.pk, "everywhere": True}


def test_a_segment_is_counted_then_saved(desk, readers):
    factories.subscribe(readers, "a@qq.com", "b@example.com")
    form = {"list": readers.pk, "field-0": "provider", "test-0": "is", "value-0": "tencent"}
    address = "/publications/observer/segments/"
    assert "现在是 1 人" in desk.post(address, {**form, "count": ""}).content.decode()
    assert not Segment.objects.exists()
    desk.post(address, {**form, "save": "", "name": "QQ 读者"})
    segment = Segment.objects.get()
    assert audience.count(readers.publication_id, segment.audience) == (1, 0)
    page = desk.get(address).content.decode()
    assert "QQ 读者" in page
    later = f"{address}size/?segment={segment.pk}"
    assert f'hx-get="{later}"' in page
    assert '<td class="number">1</td>' in desk.get(later).content.decode()
    assert "现在是 1 人" in desk.get(f"{address}{segment.pk}/?count=1").content.decode()


SEGMENTS = "/publications/observer/segments/"


def test_a_segment_counts_itself_while_it_is_filled_in(desk, readers):
    factories.subscribe(readers, "a@qq.com", "b@example.com")
    form = {"list": readers.pk, "field-0": "domain", "value-0": "example.com"}
    answer = desk.post(f"{SEGMENTS}size/", form).content.decode()
    assert "现在是 1 人" in answer
    assert "<html" not in answer
    assert "至少选一份名单" in desk.post(f"{SEGMENTS}size/", {}).content.decode()
    assert not Segment.objects.exists()


def test_a_segment_takes_as_many_conditions_as_an_audience(desk, readers):
    factories.subscribe(readers, *(f"r{n}@firm{n}.example" for n in range(9)))
    form = {"list": readers.pk, "match": "any", "name": "七家", "save": ""}
    for number in range(7):
        page = desk.post(SEGMENTS, {k: v for k, v in form.items() if k != "save"})
        assert f'name="field-{number}"' in page.content.decode()
        form |= {f"field-{number}": "domain", f"value-{number}": f"firm{number}.example"}
    desk.post(SEGMENTS, form)
    segment = Segment.objects.get()
    assert len(segment.audience["rules"]) == 7
    assert audience.count(readers.publication_id, segment.audience) == (7, 0)
    many = {f"field-{number}": "domain" for number in range(30)}
    assert 'name="field-20"' not in desk.post(SEGMENTS, many).content.decode()


def test_a_segment_can_be_changed_and_comes_back_as_it_was_saved(desk, readers):
    other = factories.subscriber_list(readers.publication, "other")
    rules = [
        {"field": "attribute:级别", "test": "contains", "value": "金"},
        {"field": "language", "test": "is", "value": "en"},
        {"field": "since", "test": "before", "value": "30"},
    ]
    described = {"lists": [readers.pk], "except": [other.pk], "match": "any", "rules": rules}
    segment = Segment.objects.create(
        publication=readers.publication, name="旧名", audience=described
    )
    address = f"{SEGMENTS}{segment.pk}/"
    page = desk.get(address)
    form = _fields(page.content.decode())
    assert form["name"] == ["旧名"]
    desk.post(address, {**form, "name": "新名", "save": ""})
    segment.refresh_from_db()
    assert (segment.name, segment.audience) == ("新名", described)
    Segment.objects.create(publication=readers.publication, name="别的", audience=described)
    assert "同名" in desk.post(address, {**form, "name": "别的", "save": ""}).content.decode()
    assert Segment.objects.count() == 2


class _Form(HTMLParser):
    """What a browser would send: the form's fields as they stand."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._select = ""

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "select":
            self._select = values["name"]
        elif tag == "option" and self._select:
            if "selected" in values or self._select not in self.fields:
                self.fields[self._select] = [values["value"]]
        elif tag == "input" and (values["type"] != "checkbox" or "checked" in values):
            self.fields.setdefault(values["name"], []).append(values["value"])


def _fields(page: str) -> dict[str, list[str]]:
    form = _Form()
    form.feed(page[page.index('<form class="stack panel"') :])
    return form.fields


@pytest.mark.parametrize(
    "changes",
    [
        {"field-0": "name", "value-0": "li@example.com"},
        {"field-0": "domain", "value-0": "li@example.com"},
        {"field-0": "attribute", "key-0": "抄送", "value-0": "李 Li@Example.com"},
        {"field-0": "attribute", "key-0": "li@example.com", "test-0": "set"},
        {"name": "给 li@example.com 的"},
    ],
)
def test_a_segment_and_the_log_of_it_hold_nobodys_address(desk, readers, changes):
    form = {"list": readers.pk, "name": "一组", "save": "", **changes}
    desk.post("/language/", {"language": "en"})
    page = desk.post(SEGMENTS, form).content.decode()
    assert "email address" in page or "field’s name" in page
    assert not Segment.objects.exists()
    assert not AuditEntry.objects.filter(action="segment.saved").exists()


def test_a_segment_does_not_reach_another_publication(desk, readers):
    other = factories.subscriber_list(factories.publication("other", "other.example"), "theirs")
    factories.subscribe(other, "a@example.com")
    form = {"list": other.pk, "save": "", "name": "越界"}
    page = desk.post("/publications/observer/segments/", form).content.decode()
    assert "不属于这份刊物" in page
    assert not Segment.objects.exists()
    mine = Segment.objects.create(publication=other.publication, name="他们", audience={})
    assert desk.post(f"/publications/observer/segments/{mine.pk}/removal/").status_code == 404
    assert desk.get(f"/publications/observer/segments/{mine.pk}/").status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/publications/observer/imports/",
        "/publications/observer/suppressions/",
        "/publications/observer/segments/",
        "/publications/observer/segments/size/",
        "/lists/readers/",
        "/imports/{}/start/",
        "/imports/{}/undo/",
        "/imports/{}/discarding/",
    ],
)
def test_forged_requests_are_refused(editor, readers, address):
    run = importing.receive(readers, ["邮箱\na@example.com\n".encode()], "a.csv")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(editor)
    assert browser.post(address.format(run.pk), {"name": "x"}).status_code == 403
    assert not Subscription.objects.exists()
