"""``dongtai subscribers``: exit codes, what is said, and what is hostile."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from django.db import DatabaseError

from dongtai_mail.commands import subscribers
from dongtai_mail.delivery import mailings
from subscribers import exporting, importing, staging
from subscribers.models import ImportRow, ImportRun, Notice, Subscriber, SubscriberList
from subscribers.models import SubscriptionEvent as Event
from tests import factories

pytestmark = pytest.mark.django_db

GOOD = "邮箱,姓名\nzhang@example.com,张三\nli@example.com,李四\n"


@pytest.fixture(autouse=True)
def _place(settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "data"


@pytest.fixture
def readers() -> SubscriberList:
    return factories.subscriber_list()


def _file(tmp_path: Path, text: str, name: str = "readers.csv") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def _import(path: str, *options: str) -> int:
    return subscribers.main(["import", path, "--list", "readers", *options])


def test_an_import_says_what_became_of_the_file_and_how_to_undo_it(readers, tmp_path, capsys):
    assert _import(_file(tmp_path, GOOD), "--basis", "2026 年登记表") == 0
    said = capsys.readouterr().out
    run = ImportRun.objects.get()
    assert "编码 utf-8，2 行。新增 2，已有 0，未导入 0。" in said
    assert f"dongtai subscribers undo {run.pk}" in said
    assert Event.objects.first().wording.text == "2026 年登记表"
    assert subscribers.main(["undo", str(run.pk)]) == 0
    assert "取走 2 人" in capsys.readouterr().out
    assert not Subscriber.objects.exists()


def test_rows_that_are_refused_are_named_and_the_exit_code_is_1(readers, tmp_path, capsys):
    bad = "".join(f"坏的{n},乙\n" for n in range(60))
    assert _import(_file(tmp_path, GOOD + "\nLI@example.com,又\n" + bad)) == 1
    said = capsys.readouterr().out
    assert "63 行。新增 2，已有 0，未导入 61。" in said
    assert "第 5 行 LI@example.com：文件内重复" in said
    assert "第 6 行 坏的0：" in said
    assert "另有 11 行" in said


def test_a_dry_run_changes_and_keeps_nothing(readers, tmp_path, capsys):
    assert _import(_file(tmp_path, GOOD), "--dry-run") == 0
    assert "将新增 2" in capsys.readouterr().out
    assert not Subscriber.objects.exists()
    assert not ImportRow.objects.exists()
    assert not ImportRun.objects.exists()
    assert not any((tmp_path / "data" / "imports").iterdir())


def test_without_a_basis_the_history_says_so(readers, tmp_path, capsys):
    assert _import(_file(tmp_path, GOOD)) == 0
    assert "--basis" in capsys.readouterr().err
    assert Event.objects.first().wording.text == "文件 readers.csv，没有写明依据"


def test_double_opt_in_asks_each_of_them(readers, tmp_path, capsys):
    assert _import(_file(tmp_path, GOOD), "--double-opt-in") == 0
    assert Notice.objects.count() == 2
    assert "--basis" not in capsys.readouterr().err


def test_an_import_that_is_interrupted_is_left_to_the_workers(
    readers, tmp_path, capsys, monkeypatch
):
    def interrupted(run):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(staging, "judge", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _import(_file(tmp_path, GOOD), "--basis", "2026 年登记表")
    run = ImportRun.objects.get()
    assert f"编号 {run.pk} 的导入由后台进程接着做" in capsys.readouterr().err
    assert importing.waiting() == [run.pk]
    assert importing.advance(run.pk)
    assert Subscriber.objects.count() == 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "空的"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "xls"),
        (b"PK\x03\x04" + b"\0" * 100, "损坏"),
        ("编号,名称\n1,甲\n".encode(), "认不出哪一列是邮箱"),
        (b"\0" * 4096, "不是文字"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "这不是读者的表格（PDF 文件）"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "这不是读者的表格（图片）"),
        (bytes(range(256)) * 4, "不是文字"),
    ],
    ids=[
        *("empty", "old workbook", "broken workbook", "no addresses", "zeros"),
        *("pdf", "picture", "octets"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_a_line_and_not_kept(
    readers, tmp_path, capsys, data, why
):
    path = tmp_path / "readers.csv"
    path.write_bytes(data)
    assert _import(str(path)) == 2
    said = capsys.readouterr()
    assert why in said.err.splitlines()[-1]
    assert not said.out
    assert not any((tmp_path / "data" / "imports").iterdir())
    assert not ImportRun.objects.exists()


def test_what_a_file_says_can_not_steer_the_terminal(readers, tmp_path, capsys):
    assert _import(_file(tmp_path, GOOD + "\x1b]0;forged\x07\x1b[2J@x,\u202e乙\n")) == 1
    said = capsys.readouterr().out
    assert not any(c in said for c in "\x1b\x07\u202e")


@pytest.mark.parametrize("name", ["nowhere", "", "' OR 1=1 --", "读者"])
def test_a_list_that_is_not_there_is_answered_with_those_that_are(readers, tmp_path, capsys, name):
    path = _file(tmp_path, GOOD)
    assert subscribers.main(["import", path, "--list", name]) == 2
    assert "现有：readers" in capsys.readouterr().err
    target = tmp_path / "out.csv"
    assert subscribers.main(["export", str(target), "--list", name]) == 2
    assert not target.exists()


def test_a_directory_is_no_file(readers, tmp_path, capsys):
    assert _import(str(tmp_path)) == 2
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "XLSX"])
def test_an_export_is_its_owners_alone_and_never_over_another_file(
    readers, tmp_path, capsys, suffix
):
    factories.subscribe(readers, "zhang@example.com")
    path = tmp_path / f"out.{suffix}"
    assert subscribers.main(["export", str(path), "--list", "readers"]) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert before[:2] == (b"\xef\xbb" if suffix == "csv" else b"PK")
    assert subscribers.main(["export", str(path), "--list", "readers"]) == 2
    assert "已经有这个文件" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_an_export_that_breaks_off_leaves_no_half_file(readers, tmp_path, monkeypatch, capsys):
    def cut_off(_):
        yield ("zhang@example.com",) * 8
        raise DatabaseError("connection lost")

    monkeypatch.setattr(exporting, "rows", cut_off)
    path = tmp_path / "out.csv"
    assert subscribers.main(["export", str(path), "--list", "readers"]) == 2
    assert not path.exists()


def test_an_export_needs_an_ending_that_is_known(readers, tmp_path, capsys):
    assert subscribers.main(["export", str(tmp_path / "out.xls"), "--list", "readers"]) == 2
    assert ".csv 或 .xlsx" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "7", "-1", str(1 << 70)])
def test_an_import_that_is_not_there_can_not_be_undone(readers, capsys, number):
    assert subscribers.main(["undo", "--", number]) == 2
    assert f"没有编号为 {number} 的导入" in capsys.readouterr().err


def test_nothing_is_undone_once_somebody_was_written_to(readers, tmp_path, capsys):
    _import(_file(tmp_path, GOOD))
    mailings.start(factories.mailing().pk)
    assert subscribers.main(["undo", str(ImportRun.objects.get().pk)]) == 2
    assert "不能再撤销" in capsys.readouterr().err
    assert Subscriber.objects.count() == 2
