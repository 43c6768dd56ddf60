"""A file that Excel would open, as parts of markup: what may be unpacked, and how it is read.

Owns: the caps on a package and on its markup. Promises: nothing that a file says of itself is
believed beyond them; markup is read as a stream, of which memory holds one tag and one text, and
entities are refused before they expand. Fails: ``TableUnreadable``, for people, however a file is
broken.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from xml.parsers import expat

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# What a workbook may unpack to, how many files it may hold, and how far any of them is packed.
UNPACKED, PARTS, RATIO = 1 << 30, 5000, 200
SHARED_STRINGS = 256 << 20
# So many characters of a text are kept.
CELL = 2000
# More than a row of 16,384 cells has, or a column of styles; and what any one tag comes to.
ELEMENTS, DEPTH, TAG = 200_000, 100, 1 << 20
_PIECE = 1 << 16

_DAMAGED = gettext_lazy("文件已损坏，或不是 Excel 工作簿，请重新保存后再试。")
NO_TABLE = gettext_lazy("这不是读者的表格（%(kind)s），请交 .xlsx 或“CSV UTF-8”文件。")
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, RuntimeError),
    *(KeyError, ValueError, IndexError, ArithmeticError),
)
_MANY_HEADERS = b"PK\x01\x02"
_WORD = "word/document.xml"
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


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
    with opened(path) as archive:
        parts = archive.infolist()
        if "_rels/.rels" not in archive.NameToInfo or _WORD in archive.NameToInfo:
            raise TableUnreadable(NO_TABLE % {"kind": _("Word 或压缩文件")})
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


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The package; whatever is wrong with it, or found in it meanwhile, is told as one thing."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _BROKEN as error:
        raise TableUnreadable(str(_DAMAGED)) from error


class Part:
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
