"""XLSX files: what Excel and others write, and what is made to hurt."""

from __future__ import annotations

import datetime
import io
import random
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from openpyxl import Workbook

from subscribers import packages, tables, workbooks
from subscribers.packages import TableUnreadable

SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
BEGIN = f'<worksheet xmlns="{MAIN}"><sheetData>'.encode()
END = b"</sheetData></worksheet>"
ROW = b'<row r="1"><c r="A1" t="inlineStr"><is><t>a@example.com</t></is></c></row>'


def _saved(book: Workbook) -> dict[str, bytes]:
    file = io.BytesIO()
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def parts() -> dict[str, bytes]:
    book = Workbook()
    book.active.append(("邮箱", "姓名"))
    book.active.append(("zhang@example.com", "张三"))
    saved = _saved(book)
    # Excel keeps texts apart, this writer does not.
    saved[STRINGS] = f'<sst xmlns="{MAIN}"><si><t>张三</t></si></sst>'.encode()
    related = b'<Relationship Type="/sharedStrings" Target="sharedStrings.xml" Id="x"/></Rel'
    saved[RELATIONS] = saved[RELATIONS].replace(b"</Rel", related)
    return saved


def _packed(path: Path, parts: Mapping[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def read(tmp_path: Path, parts: dict[str, bytes]):
    def read(changed: Mapping[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> list[tables.Row]:
        path = _packed(tmp_path / "readers.xlsx", {**parts, **changed}, how)
        return list(tables.rows(path, tables.shape_of(path)))

    return read


def test_cells_are_what_excel_shows(read):
    book = Workbook()
    book.active.append(("a@example.com", 13800138000, 1.5, True, datetime.date(2026, 11, 2), None))
    book.active.append((None, None, datetime.datetime(2026, 11, 2, 9, 30), "=1/0", 12.0))
    book.create_sheet().append(("another@example.com",))
    assert read(_saved(book)) == [
        (1, ["a@example.com", "13800138000", "1.5", "TRUE", "2026-11-02"]),
        (2, ["", "", "2026-11-02 09:30:00", "", "12"]),
    ]


def test_a_sheet_that_nobody_sees_is_not_the_list(read):
    book = Workbook()
    book.active.append(("kept@example.com",))
    book.active.sheet_state = "veryHidden"
    book.create_sheet().append(("shown@example.com",))
    assert read(_saved(book)) == [(1, ["shown@example.com"])]


def test_strict_workbooks_write_dates_as_such_and_errors_are_nothing(read):
    strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
    cells = '<c t="d"><v>2026-11-02T00:00:00Z</v></c><c t="e"><v>#N/A</v></c><c><v>1</v></c>'
    sheet = f'<worksheet xmlns="{strict}"><sheetData><row>{cells}</row></sheetData></worksheet>'
    assert read({SHEET: sheet.encode()}) == [(1, ["2026-11-02", "", "1"])]


def test_a_workbook_with_a_password_is_called_so(tmp_path):
    path = tmp_path / "readers.xlsx"
    directory = "Root Entry\0EncryptedPackage".encode("utf-16-le")
    path.write_bytes(b"\xd0\xcf\x11\xe0".ljust(512, b"\0") + directory)
    with pytest.raises(TableUnreadable, match="有密码"):
        tables.shape_of(path)


@pytest.mark.parametrize("parts", [{}, {"word/document.xml": b"", "_rels/.rels": b""}])
def test_an_archive_that_is_no_workbook_is_called_what_it_is(tmp_path, parts):
    path = _packed(tmp_path / "readers.xlsx", {"readers.csv": b"", **parts})
    with pytest.raises(TableUnreadable, match="（Word 或压缩文件）"):
        tables.shape_of(path)


def test_rich_and_phonetic_text_is_read_as_its_characters(read):
    si = "<si><r><t>张</t></r><r><t>_x0009_三</t></r><rPh><t>zhang</t></rPh></si>"
    cell = (
        b'<row><c t="s"><v>0</v></c><c t="inlineStr"><is><t>a</t><rPh><t>x</t></rPh></is></c></row>'
    )
    found = read({STRINGS: f'<sst xmlns="{MAIN}">{si}</sst>'.encode(), SHEET: BEGIN + cell + END})
    assert found == [(1, ["张\t三", "a"])]


def test_rows_out_of_order_are_all_given_out(read):
    rows = ROW.replace(b'r="1"', b'r="7"') + ROW.replace(b'r="1"', b'r="2"') + ROW
    assert [number for number, _ in read({SHEET: BEGIN + rows + END})] == [7, 8, 9]


LAUGHS = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>'
MANY = b"<row>" + b"<c/>" * 30_000 + b"</row>"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({SHEET: b"0" * (60 << 20)}, "超过上限"),
        ({WORKBOOK: LAUGHS.encode()}, "DTD"),
        ({WORKBOOK: LAUGHS.encode("utf-16")}, "DTD"),
        ({SHEET: b"<!--" + b" " * 100_000 + b"-->" + LAUGHS[21:].encode()}, "DTD"),
        ({SHEET: BEGIN + ROW.replace(b'r="1"', b'r="2000000000"') + END}, "行号"),
        ({SHEET: BEGIN + b"<row/>" * 9_001}, "行号"),
        ({SHEET: BEGIN + MANY + END}, "损坏"),
        ({SHEET: BEGIN + b"<row>" * 30_000}, "损坏"),
        ({SHEET: BEGIN + b'<row a="' + b"ab" * 1_500_000}, "损坏"),
        ({STRINGS: b"<sst><si>" + b"<r>" * 30_000}, "损坏"),
        ({SHEET: BEGIN + b'<row><c t="s"><v>-1</v></c></row>' + END}, "损坏"),
        ({RELATIONS: b"<Relationships/>"}, "损坏"),
        ({WORKBOOK: b"<workbook/>"}, "损坏"),
        ({f"x{number}": b"" for number in range(5001)}, "损坏|上限"),
    ],
    ids=[
        *("a sheet that unpacks", "entities", "entities in utf-16", "entities far in"),
        *("a row far away", "rows without end", "cells without end", "rows in rows"),
        *(
            "a tag without end",
            "strings in strings",
            "no such string",
            "no relations",
            "no sheet",
            "parts",
        ),
    ],
)
def test_what_is_made_to_hurt_is_refused(read, monkeypatch, changed, why):
    monkeypatch.setattr(workbooks, "SHEET_ROWS", 9_000)
    monkeypatch.setattr(packages, "ELEMENTS", 20_000)
    with pytest.raises(TableUnreadable, match=why):
        read(changed)


def test_what_is_never_closed_fills_no_memory(tmp_path, parts):
    sheet = BEGIN + b"<row>" + b"<c><v>1</v></c>" * 60_000 + b"</row>" + END
    path = _packed(tmp_path / "wide.xlsx", {**parts, SHEET: sheet})
    tracemalloc.start()
    try:
        [(_, cells)] = tables.rows(path, tables.Shape(tables.XLSX))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(cells) == workbooks.COLUMNS
    assert most < 2 << 20


def test_only_what_excel_packs_with_is_unpacked(read):
    with pytest.raises(TableUnreadable, match="损坏"):
        read({}, zipfile.ZIP_LZMA)


def test_a_file_with_millions_of_entries_is_refused_unread(tmp_path, parts):
    path = _packed(tmp_path / "many.xlsx", parts)
    with path.open("ab") as file:
        file.write(packages._MANY_HEADERS * 20_000)
    with pytest.raises(TableUnreadable, match="损坏"):
        tables.shape_of(path)


@pytest.mark.parametrize("seed", range(40))
def test_a_broken_workbook_is_said_to_be_broken(tmp_path, parts, seed):
    """Some octets changed, in a part or in the file around it."""
    chance = random.Random(seed)
    path = tmp_path / "broken.xlsx"
    name = chance.choice((SHEET, STRINGS, WORKBOOK, RELATIONS, "xl/styles.xml", "_rels/.rels"))
    whole = bytearray(parts[name])
    if seed % 2:
        _scratched(whole, chance)
    _packed(path, {**parts, name: bytes(whole)})
    if not seed % 2:
        whole = bytearray(path.read_bytes())
        _scratched(whole, chance, 4)
        path.write_bytes(whole)
    try:
        shape = tables.Shape(tables.XLSX)
        packages.check(path)
        rows = list(tables.rows(path, shape))
    except TableUnreadable:
        return
    assert all(isinstance(cells, list) for _, cells in rows)


def _scratched(data: bytearray, chance: random.Random, begin: int = 0) -> None:
    for _ in range(chance.randint(1, 5)):
        data[chance.randrange(begin, len(data))] = chance.randrange(256)
