"""Rows of CSV files: quotes that join lines, quotes that are forgotten, and what is hostile."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers import tables
from subscribers.records import Records, left_open
from subscribers.tables import Fault

HEADER = "邮箱,姓名,单位\n"


def _rows(tmp_path: Path, text: str) -> list[list[str] | str]:
    path = tmp_path / "readers.csv"
    path.write_text(text, encoding="utf-8", newline="")
    found = tables.rows(path, tables.shape_of(path))
    return [cells.reason if isinstance(cells, Fault) else cells for _, cells in found]


def test_a_quoted_cell_may_have_several_lines(tmp_path):
    rows = _rows(tmp_path, HEADER + 'a@b.cn,"张,三","甲\n乙 ""丙""\n丁"\nc@d.cn,李四,戊\n')
    assert rows[1:] == [["a@b.cn", "张,三", '甲\n乙 "丙"\n丁'], ["c@d.cn", "李四", "戊"]]


@pytest.mark.parametrize(
    "after",
    ["", 'y@z.cn,"王五","云港, 公司"\n', 'y@z.cn,王五,"云港\n公司"\n', 'y@z.cn,,"\n'],
    ids=["to the end", "closed by another cell", "closed by a long cell", "another one"],
)
def test_a_quote_left_open_costs_its_own_row_and_no_other(tmp_path, after):
    many = "".join(f"r{n}@b.cn,读者{n},单位\n" for n in range(300))
    rows = _rows(tmp_path, HEADER + 'a@b.cn,张三,甲\nc@d.cn,"李四,乙\n' + many + after)
    told = [row for row in rows if isinstance(row, str)]
    assert "第 3 行" in told[0]
    assert len([row for row in rows if row[0].startswith("r")]) == 300
    assert len(rows) == 303 + bool(after)


def test_the_line_is_the_files_even_after_cells_of_several_lines(tmp_path):
    text = HEADER + 'a@b.cn,"张\n三",甲\nc@d.cn,"李四,乙\ne@f.cn,赵六,丙\n'
    path = tmp_path / "readers.csv"
    path.write_text(text, encoding="utf-8")
    found = dict(tables.rows(path, tables.shape_of(path)))
    assert isinstance(found[3], Fault)
    assert "第 4 行" in found[3].reason
    assert found[3].value == 'c@d.cn,"李四,乙'
    assert found[4] == ["e@f.cn", "赵六", "丙"]


def test_a_quote_within_a_cell_is_a_character(tmp_path):
    rows = _rows(tmp_path, HEADER + 'a@b.cn,李"四,5" 屏\nc@d.cn,"王"五,丙\n')
    assert rows[1:] == [["a@b.cn", '李"四', '5" 屏'], ["c@d.cn", "王五", "丙"]]


@given(st.lists(st.lists(st.text('a",\r\n', max_size=6), min_size=2, max_size=3), max_size=8))
def test_what_is_written_well_is_read_as_it_was(table):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)
    text.seek(0)
    assert list(csv.reader(Records(text, ","))) == table


@given(st.text('a",', max_size=12))
def test_open_quotes_are_those_that_the_module_csv_would_go_on_reading(line):
    rows = list(csv.reader([line + "\n", "next\n"]))
    assert left_open(line + "\n", ",") == (len(rows) == 1 and "next" in rows[0][-1])
