"""The first visible sheet of an XLSX workbook, as a stream of rows.

Owns: the little of ECMA-376 that a list of readers needs: where that sheet is, its shared
strings, and which numbers are dates. Promises: memory holds the shared strings' characters and one
row, whatever the file unpacks to; a row out of order is given out as the next; a cell that shows an
error (#N/A) says nothing. Fails:
``TableUnreadable``, as ``packages``.
"""

from __future__ import annotations

import datetime
import posixpath
import zipfile
from array import array
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation import gettext as _
from openpyxl.styles.numbers import is_date_format
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from subscribers.packages import CELL, SHARED_STRINGS, Part, TableUnreadable, opened

STRINGS = 8_000_000
# Excel's own; a file may claim any number.
SHEET_ROWS = 1_048_576
COLUMNS = 200
# Dates among the formats that have a number and no text, with those of East Asia.
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Every row that says something, with its number from 1 up."""
    with opened(path) as archive:
        book = _Book(archive)
        sheet = _Sheet(book)
        with archive.open(book.sheet) as file:
            for _piece in sheet.read(file):
                yield from sheet.done
                sheet.done.clear()


class _Relations(Part):
    def __init__(self, archive: zipfile.ZipFile, of: str) -> None:
        super().__init__()
        self.by_id: dict[str, tuple[str, str]] = {}
        self._folder, name = posixpath.split(of)
        self.whole(archive, posixpath.join(self._folder, "_rels", f"{name}.rels"))

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.join("/", self._folder, attributes["Target"])
            kind = attributes["Type"].rpartition("/")[2]
            self.by_id[attributes["Id"]] = kind, posixpath.normpath(target).lstrip("/")

    def of_kind(self, kind: str) -> str | None:
        return next((target for found, target in self.by_id.values() if found == kind), None)


class _Book(Part):
    """What a sheet needs of the rest: ``sheet`` is its name in the archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        super().__init__()
        self.epoch = CALENDAR_WINDOWS_1900
        self._sheets: list[str] = []
        self._hidden: list[str] = []
        workbook = _Relations(archive, "").of_kind("officeDocument") or ""
        self.whole(archive, workbook)
        parts = _Relations(archive, workbook)
        found = (parts.by_id.get(each, ("", "")) for each in self._sheets + self._hidden)
        self.sheet = next((target for kind, target in found if kind == "worksheet"), "")
        self.strings = _Strings(archive, parts.of_kind("sharedStrings"))
        self.dates = _Styles(archive, parts.of_kind("styles")).dates

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            named = {key[key.rfind(" ") + 1 :]: value for key, value in attributes.items()}
            seen = attributes.get("state", "visible") == "visible"
            (self._sheets if seen else self._hidden).append(named["id"])
        elif name == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            self.epoch = CALENDAR_MAC_1904


class _Styles(Part):
    """``dates`` are the styles that show a number as a date or a time."""

    def __init__(self, archive: zipfile.ZipFile, name: str | None) -> None:
        super().__init__()
        self.dates: set[str] = set()
        self._formats, self._count, self._of_cells = set(_DATES), 0, False
        if name and name in archive.NameToInfo:
            self.whole(archive, name)

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt" and is_date_format(attributes["formatCode"]):
            self._formats.add(int(attributes["numFmtId"]))
        elif name == "cellXfs":
            self._of_cells = True
        elif name == "xf" and self._of_cells:
            if int(attributes.get("numFmtId", 0)) in self._formats:
                self.dates.add(str(self._count))
            self._count += 1

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._of_cells = False


class _Strings(Part):
    """The texts that cells refer to by number, end to end in one piece of memory."""

    def __init__(self, archive: zipfile.ZipFile, name: str | None) -> None:
        super().__init__()
        self._octets, self._ends = bytearray(), array("Q")
        self._one: list[str] = []
        self._phonetic = False
        if name and name in archive.NameToInfo:
            self.whole(archive, name)

    def __getitem__(self, number: int) -> str:
        if number < 0:
            raise IndexError
        begin = self._ends[number - 1] if number > 0 else 0
        return self._octets[begin : self._ends[number]].decode()

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "t" and not self._phonetic:
            self.keep()
        elif name == "rPh":
            self._phonetic = True

    def end(self, name: str) -> None:
        if name == "t" and not self._phonetic:
            if len(self._one) < CELL:
                self._one.append(self.kept())
        elif name == "rPh":
            self._phonetic = False
        elif name == "si":
            self._octets += "".join(self._one)[:CELL].encode()
            self._ends.append(len(self._octets))
            self._one, self._elements = [], 0
            if len(self._octets) > SHARED_STRINGS or len(self._ends) > STRINGS:
                raise ValueError("more strings than a list of readers has")


class _Sheet(Part):
    """``done`` are the rows that ended in what was read last."""

    def __init__(self, book: _Book) -> None:
        super().__init__()
        self.done: list[tuple[int, list[str]]] = []
        self._book, self._number, self._place = book, 0, -1
        self._cells: list[str] = []
        self._kind = self._style = ""
        self._value: list[str] = []
        self._phonetic = False

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._place = _place(attributes.get("r"), self._place)
            self._kind, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._value = []
        elif name == "v" or (name == "t" and not self._phonetic):
            self.keep()
        elif name == "row":
            self._number = max(self._number + 1, int(float(attributes.get("r", 0))))
            if self._number > SHEET_ROWS:
                raise TableUnreadable(_("工作簿里有 Excel 不会有的行号，请另存为“CSV UTF-8”再试。"))
            self._cells, self._place = [], -1
        elif name == "rPh":
            self._phonetic = True

    def end(self, name: str) -> None:
        if name == "v" or (name == "t" and not self._phonetic):
            if len(self._value) < CELL:
                self._value.append(self.kept())
        elif name == "c":
            self._add("".join(self._value)[:CELL])
        elif name == "row":
            self._elements = 0
            if self._cells:
                self.done.append((self._number, self._cells))
        elif name == "rPh":
            self._phonetic = False
        elif name == "sheetData":
            self.over = True

    def _add(self, value: str) -> None:
        text = self._shown(value) if value and self._place < COLUMNS else ""
        if text:
            self._cells += [""] * (self._place + 1 - len(self._cells))
            self._cells[self._place] = text

    def _shown(self, value: str) -> str:
        if self._kind == "s":
            return self._book.strings[int(value)]
        if self._kind == "b":
            return "FALSE" if value == "0" else "TRUE"
        if self._kind == "e":
            return ""
        if self._kind == "d":
            return value.replace("T", " ").removesuffix("Z").removesuffix(" 00:00:00")
        if self._kind != "n":
            return value
        if self._style in self._book.dates and (date := _date(value, self._book.epoch)):
            return date
        if value.isdecimal():
            return value
        number = float(value)
        return str(int(number) if number.is_integer() else number)[:CELL]


def _place(reference: str | None, before: int) -> int:
    """The column of B7 is 1; a cell that says nothing stands beside the last one."""
    if not reference:
        return before + 1
    place = 0
    for letter in reference.rstrip("0123456789")[:4].upper():
        place = place * 26 + ord(letter) - 64
    return place - 1 if place > 0 else before + 1


def _date(value: str, epoch: datetime.datetime) -> str:
    try:
        moment = str(from_excel(float(value), epoch))
    except (ValueError, OverflowError):
        return ""
    return moment.removesuffix(" 00:00:00")
