"""The first sheet of an XLSX workbook, as a stream of rows.

Owns: the little of ECMA-376 that a list of readers needs: where the first sheet is, its shared
strings, and which numbers are dates. Promises: memory holds the shared strings' characters and one
row, whatever the file unpacks to; nothing that a file says of itself is believed beyond the caps
below, and entities are refused before they expand; a row out of order is given out as the next.
Fails: ``TableUnreadable``, for people, however a file is broken.
"""

from __future__ import annotations

import datetime
import posixpath
import re
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from xml.parsers import expat

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from openpyxl.styles.numbers import is_date_format
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

# What a workbook may unpack to, how many files it may hold, and how far any of them is packed.
UNPACKED, PARTS, RATIO = 1 << 30, 5000, 200
SHARED_STRINGS, STRINGS = 256 << 20, 8_000_000
# Excel's own; a file may claim any number.
SHEET_ROWS = 1_048_576
COLUMNS = 200
CELL = 2000
# More than a row of 16,384 cells has, or a column of styles; and what any one tag comes to.
ELEMENTS, DEPTH, TAG = 200_000, 100, 1 << 20
_PIECE = 1 << 16

_DAMAGED = gettext_lazy("文件已损坏，或不是 Excel 工作簿，请重新保存后再试。")
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, RuntimeError),
    *(KeyError, ValueError, IndexError, ArithmeticError),
)
_MANY_HEADERS = b"PK\x01\x02"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
# Dates among the formats that have a number and no text, with those of East Asia.
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}


class TableUnreadable(Exception):
    """The file is no table of readers; the text says what is wrong with it."""


def check(path: Path) -> None:
    """Refuse what would unpack to more than any list needs, before it is unpacked."""
    with path.open("rb") as file:
        headers = 0
        while piece := file.read(1 << 20):
            headers += piece.count(_MANY_HEADERS)
        if headers > 2 * PARTS:
            raise TableUnreadable(str(_DAMAGED))
    with _opened(path) as archive:
        parts = archive.infolist()
        if any(part.compress_type not in (0, zipfile.ZIP_DEFLATED) for part in parts):
            raise TableUnreadable(str(_DAMAGED))
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts) or 1
    strings = sum(part.file_size for part in parts if part.filename.endswith("haredStrings.xml"))
    if (
        len(parts) > PARTS
        or unpacked > UNPACKED
        or strings > SHARED_STRINGS
        or (unpacked > 50 << 20 and unpacked / packed > RATIO)
    ):
        raise TableUnreadable(
            _("工作簿解开后有 %(size)s MB，超过上限；请另存为“CSV UTF-8”再导入。")
            % {"size": f"{unpacked >> 20:,}"}
        )


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Every row that says something, with its number from 1 up."""
    with _opened(path) as archive:
        book = _Book(archive)
        sheet = _Sheet(book)
        with archive.open(book.sheet) as file:
            for _piece in sheet.read(file):
                yield from sheet.done
                sheet.done.clear()


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _BROKEN as error:
        raise TableUnreadable(str(_DAMAGED)) from error


class _Part:
    """One part of the package, element by element; ``over`` ends the reading."""

    def __init__(self) -> None:
        self.over = False
        self._elements = self._depth = self._fed = 0
        # The text of the element that is kept, up to a cell's length; None outside of such.
        self._text: list[str] | None = None
        self._length = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._said
        self._parser.StartDoctypeDeclHandler = _no_doctype

    def read(self, file: IO[bytes]) -> Iterator[None]:
        while not self.over and (data := file.read(_PIECE)):
            self._fed += len(data)
            self._parser.Parse(data, False)
            if self._fed - self._parser.CurrentByteIndex > TAG:
                raise ValueError("a tag without end")
            yield
        if not self.over:
            self._parser.Parse(b"", True)
            yield

    def whole(self, archive: zipfile.ZipFile, name: str) -> None:
        with archive.open(name) as file:
            for _piece in self.read(file):
                pass

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """An element that begins, by its name without namespace."""

    def end(self, name: str) -> None:
        """The same where it ends."""

    def keep(self) -> None:
        self._text, self._length = [], 0

    def kept(self) -> str:
        text, self._text = "".join(self._text or ())[:CELL], None
        return _ESCAPED.sub(_character, text) if "_x" in text else text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        self._depth += 1
        if self._elements > ELEMENTS or self._depth > DEPTH:
            raise ValueError("more elements than Excel would write")
        self.begin(name[name.rfind(" ") + 1 :], attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self.end(name[name.rfind(" ") + 1 :])

    def _said(self, text: str) -> None:
        if self._text is not None and self._length < CELL:
            self._text.append(text)
            self._length += len(text)


def _no_doctype(*_declaration: object) -> None:
    """Excel declares no entities; whoever does wants them to expand."""
    raise TableUnreadable(_("工作簿里有 Excel 不会写的内容（DTD），不能导入。"))


def _character(escaped: re.Match[str]) -> str:
    number = int(escaped[1], 16)
    return escaped[0] if 0xD800 <= number < 0xE000 else chr(number)


class _Relations(_Part):
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


class _Book(_Part):
    """What a sheet needs of the rest: ``sheet`` is the first one's name in the archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        super().__init__()
        self.epoch = CALENDAR_WINDOWS_1900
        self._sheets: list[str] = []
        workbook = _Relations(archive, "").of_kind("officeDocument") or ""
        self.whole(archive, workbook)
        parts = _Relations(archive, workbook)
        found = (parts.by_id.get(each, ("", "")) for each in self._sheets)
        self.sheet = next((target for kind, target in found if kind == "worksheet"), "")
        self.strings = _Strings(archive, parts.of_kind("sharedStrings"))
        self.dates = _Styles(archive, parts.of_kind("styles")).dates

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            named = {key[key.rfind(" ") + 1 :]: value for key, value in attributes.items()}
            self._sheets.append(named["id"])
        elif name == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            self.epoch = CALENDAR_MAC_1904


class _Styles(_Part):
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


class _Strings(_Part):
    """The texts that cells refer to by number, end to end in one piece of memory."""

    def __init__(self, archive: zipfile.ZipFile, name: str | None) -> None:
        super().__init__()
        self._octets, self._ends = bytearray(), array("Q")
        self._one: list[str] = []
        self._phonetic = False
        if name and name in archive.NameToInfo:
            self.whole(archive, name)

    def __getitem__(self, number: int) -> str:
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


class _Sheet(_Part):
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
        if self._kind != "n":
            return value
        if self._style in self._book.dates:
            return _date(value, self._book.epoch)
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
        return value
    return moment.removesuffix(" 00:00:00")
