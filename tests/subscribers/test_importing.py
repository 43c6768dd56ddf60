"""Files into lists: what is taken, what is refused and why, going on, and taking back."""

from __future__ import annotations

import datetime
import io
import time

import pytest
from django.db import DataError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from openpyxl import Workbook

from dongtai_mail.delivery import imports, mailings
from dongtai_mail.delivery.models import ReturnedMessage
from dongtai_mail.validators import validate_line
from subscribers import importing, joining, leasing, suppression, tables, undoing
from subscribers.erasure import erase
from subscribers.importing import ImportFailed
from subscribers.models import (
    ImportRow,
    ImportRun,
    Notice,
    Subscriber,
    Subscription,
    SubscriptionEvent,
    Suppression,
)
from tests import factories

pytestmark = pytest.mark.django_db

HEADER = "邮箱,姓名,单位\n"
CSV = HEADER + "zhang@example.com,张三,甲公司\nli@example.com,李四,乙公司\n"


def _receive(readers, data: bytes, name: str = "readers.csv") -> ImportRun:
    return importing.receive(readers, [data], name, "editor")


def _import(readers, data: bytes, **changes) -> ImportRun:
    run = _receive(readers, data)
    for name, value in changes.items():
        setattr(run, name, value)
    importing.begin_here(run, proceed=True)
    return run


def _addresses() -> list[str]:
    return sorted(Subscription.objects.values_list("subscriber__address", flat=True))


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_every_encoding_and_delimiter_of_excel_is_read(readers, encoding, delimiter):
    run = _import(readers, CSV.replace(",", delimiter).encode(encoding))
    assert run.encoding == encoding
    assert (run.counts["new"], run.counts["added"], run.counts["bad"]) == (2, 2, 0)
    assert Subscriber.objects.get(key="li@example.com").organisation == "乙公司"


def test_a_workbook_is_read(readers):
    book = Workbook()
    for row in (("E-mail", "Name"), ("zhang@example.com", "张三"), (None, None), ("x", 12.0)):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    run = _import(readers, file.getvalue())
    assert (run.encoding, run.counts["new"], run.counts["bad"]) == ("xlsx", 1, 1)
    assert Subscriber.objects.get().name == "张三"
    assert ImportRow.objects.get(verdict=ImportRow.Verdict.BAD).line == 4


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        *(("张\u3000三", "张\u3000三"), ("\ue4c6山", "\ue4c6山"), ("می‌خواهم", "می‌خواهم")),
        *(("张\u202e三", "张三"), ("\ufeff张三\u200f", "张三"), ("张三\x07", "张三")),
        *(("张三\n经理", "张三 经理"), ("a\tb\\N", "a b\\N")),
    ],
)
def test_a_name_keeps_all_that_forms_take_and_no_row_is_lost_for_the_rest(readers, typed, kept):
    columns = {"address": 0, "name": 1, "organisation": 2, "attribute:城市": 3}
    data = f'邮箱,姓名,单位,城市\na@example.com,"{typed}","{typed}","{typed}"\n'
    run = _import(readers, data.encode(), columns=columns)
    person = Subscriber.objects.get()
    assert (person.name, person.organisation, person.attributes) == (kept, kept, {"城市": kept})
    validate_line(person.name)
    assert bool(ImportRow.objects.get(run=run).problem) == (typed != kept)


def test_a_file_without_a_header_is_told_by_its_addresses(readers):
    run = _receive(readers, "张三,zhang@example.com\n李四,li@example.com\n".encode())
    assert (run.header, run.columns) == (False, {"address": 1})
    assert importing.preview(run).header == ["第 1 列", "第 2 列"]


@pytest.mark.parametrize("header", ["邮箱\n", ""])
def test_what_is_copied_along_with_an_address_is_taken_off(readers, header):
    cells = (
        "mailto:a@example.com",
        "MAILTO： b@example.com",
        "c@example.com ；",
        "d@example.com，",
    )
    cells += ("\u3000e@example.com;", '"f@example.com, "', "g@example", "h h@example.com；", "；")
    _import(readers, (header + "\n".join(cells)).encode())
    assert _addresses() == [f"{name}@example.com" for name in "abcdef"]
    refused = ImportRow.objects.filter(verdict=ImportRow.Verdict.BAD).order_by("line")
    for row, reason in zip(refused, ("域名", "中间有空格", "不是完整"), strict=True):
        assert reason in row.problem


@pytest.mark.parametrize("header", ["Email Address", "电子邮箱", "E-mail", "邮箱地址：", "EMAIL"])
def test_headers_are_guessed(readers, header):
    run = _receive(readers, f"编号,{header},公司名称\n1,a@example.com,甲\n".encode())
    assert run.columns == {"address": 1, "organisation": 2}


def test_every_refused_row_has_its_line_and_reason(readers):
    suppression.suppress("gone@example.com", Suppression.Reason.COMPLAINT, "test")
    factories.subscribe(readers, "known@example.com")
    rows = (
        "ok@example.com,甲,\nnot an address,乙,\nOK@Example.com,丙,\ngone@example.com,丁,\n"
        "known@example.com,戊,\n,己,\na\x07@example.com,长,\nｏｋ@ｅｘａｍｐｌｅ.com,庚,\n"
    )
    run = _receive(readers, (HEADER + rows).encode())
    importing.begin_here(run, proceed=False)
    verdicts = {row.line: row.get_verdict_display() for row in ImportRow.objects.all()}
    assert verdicts == {
        2: "新读者",
        3: "不能导入",
        4: "文件内重复",
        5: "列入不发名单",
        6: "已在名单",
        7: "不能导入",
        8: "不能导入",
        9: "文件内重复",
    }
    assert all(row.problem for row in ImportRow.objects.filter(verdict=ImportRow.Verdict.BAD))
    assert run.state == "checked"
    assert _addresses() == ["known@example.com"]
    assert importing.proceed(run)
    assert importing.advance(run.pk)
    assert _addresses() == ["known@example.com", "ok@example.com"]


@pytest.mark.parametrize(
    ("policy", "name", "organisation", "attributes"),
    [
        ("keep", "旧名", "", {"级别": "金"}),
        ("fill", "旧名", "新单位", {"级别": "金", "城市": "云港"}),
        ("overwrite", "新名", "新单位", {"级别": "银", "城市": "云港"}),
    ],
)
def test_the_policy_says_what_becomes_of_people_known(
    readers, policy, name, organisation, attributes
):
    factories.subscribe(readers, "zhang@example.com", name="旧名")
    Subscriber.objects.update(attributes={"级别": "金"})
    columns = {
        "address": 0,
        "name": 1,
        "organisation": 2,
        "attribute:级别": 3,
        "attribute:城市": 4,
    }
    data = "邮箱,姓名,单位,级别,城市\nzhang@example.com,新名,新单位,银,云港\n"
    _import(readers, data.encode(), policy=policy, columns=columns)
    person = Subscriber.objects.get()
    assert (person.name, person.organisation, person.attributes) == (name, organisation, attributes)


@pytest.mark.parametrize("state", ["unsubscribed", "bounced", "complained", "pending"])
def test_an_import_brings_nobody_back(readers, reader, state):
    Subscription.objects.update(state=state)
    run = _import(readers, CSV.encode(), policy="overwrite")
    reader.refresh_from_db()
    assert reader.state == state
    assert run.counts["known"] == 1
    assert not reader.events.exists()


@pytest.mark.parametrize("known", [False, True])
def test_who_is_suppressed_between_the_check_and_the_import_stays_out(readers, known):
    if known:
        factories.subscribe(factories.subscriber_list(slug="weekly"), "li@example.com")
    run = _receive(readers, CSV.encode())
    importing.begin_here(run, proceed=False)
    suppression.suppress("li@example.com", Suppression.Reason.STAFF, "meanwhile")
    assert importing.proceed(run)
    assert importing.advance(run.pk)
    on = readers.subscriptions.values_list("subscriber__key", flat=True)
    assert list(on) == ["zhang@example.com"]


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_while_an_import_runs_is_in_neither_file_nor_rows():
    readers = factories.subscriber_list()
    known = factories.subscribe(factories.subscriber_list(slug="weekly"), "li@example.com")[0]
    run = _receive(readers, CSV.encode())
    importing.begin_here(run, proceed=False)
    assert importing.proceed(run)
    erase(known.subscriber)
    assert not run.path.exists()
    assert [row.key for row in ImportRow.objects.all()] == ["zhang@example.com"]
    assert importing.advance(run.pk)
    assert _addresses() == ["zhang@example.com"]


def test_a_person_known_from_another_list_joins_this_one(readers, reader):
    other = factories.subscriber_list(slug="weekly")
    run = _import(other, CSV.encode())
    assert (run.counts["person"], run.counts["new"], run.counts["added"]) == (1, 1, 2)
    assert Subscriber.objects.count() == 2


def test_the_basis_of_consent_is_in_the_history(readers):
    run = _import(readers, CSV.encode(), basis="2026 年行业大会登记表")
    event = SubscriptionEvent.objects.first()
    assert (event.source, event.detail, event.actor) == ("import", f"import {run.pk}", "editor")
    assert event.wording.text == "2026 年行业大会登记表"


def test_double_opt_in_asks_everybody_new_and_confirms_nobody(readers):
    _import(readers, CSV.encode(), consent="double")
    assert set(Subscription.objects.values_list("state", flat=True)) == {"pending"}
    assert Notice.objects.filter(kind="confirm", state="queued").count() == 2


def test_an_import_cut_off_anywhere_goes_on_where_it_was(readers, monkeypatch):
    monkeypatch.setattr(importing, "CHUNK", 3)
    rows = "".join(f"reader{n}@example.com,读者{n},\n" for n in range(10))
    run = _receive(readers, (HEADER + rows).encode())
    importing.begin(run, proceed=True)
    whole = leasing.record
    for stop in range(1, 11):
        monkeypatch.setattr(leasing, "record", _cut_off_after(stop, whole))
        with pytest.raises(_CutOff):
            importing.advance(run.pk)
        ImportRun.objects.update(leased_until=None)
    monkeypatch.setattr(leasing, "record", whole)
    assert importing.advance(run.pk)
    run.refresh_from_db()
    assert (run.state, run.counts["new"], run.counts["added"]) == ("done", 10, 10)
    assert Subscription.objects.count() == SubscriptionEvent.objects.count() == 10
    assert ImportRow.objects.count() == 10


@pytest.mark.django_db(transaction=True)
def test_lines_that_were_taken_in_before_a_kill_count_once(monkeypatch):
    monkeypatch.setattr(importing, "CHUNK", 3)
    readers = factories.subscriber_list()
    rows = "".join(f"reader{n}@example.com,读者{n},\n" for n in range(20))
    run = _receive(readers, (HEADER + rows).encode())
    run.consent = "double"
    importing.begin_here(run, proceed=False)
    run.refresh_from_db()
    # Lines 5 to 7 are a second hand's; it had committed them when the first one was killed.
    joining.join(joining.Lines(run, 5, 7, None))
    assert Subscription.objects.count() == 3
    assert importing.proceed(run)
    assert importing.advance(run.pk)
    run.refresh_from_db()
    assert (run.state, run.counts["added"]) == ("done", 20)
    assert Subscriber.objects.count() == SubscriptionEvent.objects.count() == 20
    assert Notice.objects.count() == 20


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("consent", ["basis", "double"])
def test_whoever_comes_by_another_way_after_the_check_is_on_this_list_too(consent):
    one, two = factories.subscriber_list(), factories.subscriber_list(slug="two")
    runs = [_receive(each, CSV.encode()) for each in (one, two)]
    for run in runs:
        run.consent = consent
        importing.begin_here(run, proceed=False)
    for run in runs:
        assert importing.proceed(run)
        assert importing.advance(run.pk)
        run.refresh_from_db()
        assert (run.state, run.counts["added"]) == ("done", 2)
        assert run.subscriber_list.subscriptions.count() == 2
    assert Subscriber.objects.count() == 2


class _CutOff(BaseException):
    """As if the process had been killed."""


def _cut_off_after(count, whole):
    calls = []

    def record(run, **changes):
        calls.append(changes)
        if len(calls) >= min(count, 2):
            raise _CutOff
        whole(run, **changes)

    return record


def test_two_workers_do_not_work_at_one_run(readers):
    run = _receive(readers, CSV.encode())
    importing.begin(run)
    assert leasing.take(run.pk, *leasing.RUNNING)
    assert not importing.advance(run.pk)
    assert importing.waiting() == []


def test_a_worker_that_was_replaced_records_nothing_more(readers):
    run = _receive(readers, CSV.encode())
    importing.begin(run, proceed=True)
    assert leasing.take(run.pk, *leasing.RUNNING)
    slow = ImportRun.objects.get()
    ImportRun.objects.update(leased_until=timezone.now() - leasing.BEAT)
    assert importing.waiting() == [run.pk]
    assert importing.advance(run.pk)
    with pytest.raises(leasing.LeaseLost):
        importing._work(slow)
    run.refresh_from_db()
    assert (run.state, run.counts["added"], run.worker) == ("done", 2, "")
    undoing.begin(run, here=True)
    imports.undo(run)
    with pytest.raises(leasing.LeaseLost):
        joining.join(joining.Lines(slow, 1, 9, None))
    assert not Subscriber.objects.exists()
    assert ImportRow.objects.count() == 2


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_beside_a_long_statement(monkeypatch):
    monkeypatch.setattr(leasing, "BEAT", datetime.timedelta(milliseconds=5))
    run = _receive(factories.subscriber_list(), CSV.encode())
    leasing.start(run)
    run.save()
    began, until = run.leased_until, time.monotonic() + 20
    with leasing.held(run):
        while run.leased_until == began and time.monotonic() < until:
            run.refresh_from_db(fields=["leased_until"])
    assert run.leased_until > began
    run.refresh_from_db()
    assert (run.leased_until, run.worker) == (None, "")


def _broken(execute, sql, *rest):
    if "subscribers_subscription" in sql and ("INSERT" in sql or "DELETE" in sql):
        raise DataError("no such thing")
    return execute(sql, *rest)


def test_what_fails_again_and_again_is_given_up_and_says_why(readers):
    run, later = _receive(readers, CSV.encode()), _receive(readers, CSV.encode())
    importing.begin(run, proceed=True)
    with connection.execute_wrapper(_broken):
        for _ in range(leasing.TRIES):
            assert importing.waiting() == [run.pk]
            assert importing.advance(run.pk)
    run.refresh_from_db()
    assert (run.state, run.undoable, importing.waiting()) == ("failed", False, [])
    assert "DataError: no such thing" in run.note
    importing.begin_here(later, proceed=True)
    assert later.state == "done"


def test_an_undoing_that_fails_again_and_again_may_be_begun_anew(readers):
    run = _import(readers, CSV.encode())
    imports.begin_undoing(run)
    with connection.execute_wrapper(_broken):
        for _ in range(leasing.TRIES):
            assert imports.advance_undoing(run.pk)
    run.refresh_from_db()
    assert (run.state, undoing.waiting()) == ("failed", [])
    assert "no such thing" in run.note
    assert _undo(run) == 2


def _undo(run: ImportRun) -> int:
    imports.begin_undoing(run)
    assert imports.advance_undoing(run.pk)
    run.refresh_from_db()
    return run.counts["taken"]


def test_an_import_is_undone_and_leaves_others_alone(readers, reader):
    run = _import(readers, CSV.encode())
    assert _undo(run) == 1
    assert _addresses() == ["zhang@example.com"]
    assert Subscriber.objects.count() == 1
    with pytest.raises(ImportFailed, match="已撤销"):
        _undo(run)


def test_undoing_spares_who_acted_meanwhile(readers):
    run = _import(readers, CSV.encode())
    from subscribers.leaving import leave

    leave(Subscription.objects.get(subscriber__key="li@example.com").pk, "page")
    assert _undo(run) == 1
    assert _addresses() == ["li@example.com"]


def test_undoing_looks_again_at_whom_it_holds(readers):
    run = _import(readers, CSV.encode())
    brought = Subscription.objects.get(subscriber__key="li@example.com")
    nobody, chunk = Q(pk=None), [brought.pk]
    with transaction.atomic():
        assert undoing._held(run, nobody, chunk) == {brought.pk: brought.subscriber_id}
        assert undoing._held(run, Q(pk=brought.pk), chunk) == {}


def test_undoing_spares_whoever_is_named_in_what_came_back(readers):
    run = _import(readers, CSV.encode())
    named = Subscription.objects.get(subscriber__key="li@example.com")
    about = {"subscription": named, "door": "imap", "fingerprint": "1", "size": 1}
    ReturnedMessage.objects.create(**about, received_at=timezone.now())
    assert _undo(run) == 1
    assert _addresses() == ["li@example.com"]


def test_an_undoing_that_was_cut_off_goes_on_with_the_next_worker(readers, reader, monkeypatch):
    data = HEADER + "".join(f"r{number}@example.com,甲,乙\n" for number in range(5))
    run = _import(readers, data.encode(), consent="double")
    monkeypatch.setattr(undoing, "CHUNK", 2)
    whole, chunks = undoing._take_back, []

    def cut_off(run, people):
        chunks.append(people)
        if len(chunks) == 2:
            raise _CutOff
        whole(run, people)

    with monkeypatch.context() as broken:
        broken.setattr(undoing, "_take_back", cut_off)
        with pytest.raises(_CutOff):
            _undo(run)
    run.refresh_from_db()
    assert (run.state, run.position, Subscription.objects.count()) == ("undoing", 2, 4)
    assert undoing.waiting() == [run.pk]
    assert imports.advance_undoing(run.pk)
    run.refresh_from_db()
    assert (run.state, run.counts["taken"]) == ("undone", 5)
    assert undoing.waiting() == []
    assert list(Subscriber.objects.all()) == [reader.subscriber]
    assert not Notice.objects.exists()
    assert not SubscriptionEvent.objects.exists()


def test_nothing_is_undone_once_somebody_was_written_to(readers):
    run = _import(readers, CSV.encode())
    mailings.start(factories.mailing().pk)
    with pytest.raises(ImportFailed, match="不能再撤销"):
        _undo(run)


def test_a_file_without_addresses_is_refused_with_its_header(readers):
    run = _receive(readers, "编号,名称\n1,甲\n".encode())
    with pytest.raises(ImportFailed, match="编号"):
        importing.begin(run)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "空的"),
        (b"\xef\xbb\xbf", "空的"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
        (b"\r\n<HTML><table><tr><td>a@example.com", "网页"),
        ("<?xml version='1.0'?><Workbook>".encode("utf-16"), "XML"),
        (b"PK\x03\x04 broken", "损坏"),
        (b"\x81\xff\xfe\xff" * 50, "编码"),
    ],
)
def test_what_is_no_table_is_refused_and_not_kept(readers, settings, data, message):
    kept = settings.DATA_DIR / "imports"
    before = set(kept.glob("*"))
    with pytest.raises(ImportFailed, match=message):
        _receive(readers, data)
    assert set(kept.glob("*")) == before
    assert not ImportRun.objects.exists()


def test_a_file_over_the_limit_is_refused_while_it_comes(readers, monkeypatch):
    monkeypatch.setattr(importing, "FILE_BYTES", 1000)
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield b"a" * 400

    with pytest.raises(ImportFailed, match="上限"):
        importing.receive(readers, endless(), "big.csv")
    assert len(taken) == 3


def test_a_row_that_never_ends_is_cut(readers, tmp_path):
    path = tmp_path / "endless.csv"
    path.write_text(HEADER + '"' + "a" * 1_000_000)
    assert all(number < 50 for number, _ in tables.rows(path, tables.shape_of(path)))


def test_old_files_and_rows_are_thrown_away(readers, settings):
    run = _import(readers, CSV.encode())
    assert run.path.exists()
    importing.forget_old()
    assert run.path.exists()
    ImportRun.objects.update(created_at="2020-01-01T00:00Z")
    importing.forget_old()
    assert not run.path.exists()
    assert not ImportRow.objects.exists()
