"""Files of readers as rows: CSV in any of the encodings that Excel writes, and XLSX.

Owns: finding the encoding and the delimiter, and reading either kind of file (``workbooks``,
``records``) as (row number, cells) without holding it in memory. Promises: every row is given out
or reported as a ``Fault``. Fails: ``TableUnreadable`` when the file is no table at all.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dongtai_mail.manuscript.encoding import foreign, is_odd
from subscribers import packages, workbooks
from subscribers.packages import CELL, TableUnreadable
from subscribers.records import CHARACTERS, Records, Unclosed

XLSX = "xlsx"
ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": gettext_lazy("UTF-8（带 BOM）"),
    "gb18030": gettext_lazy("GB18030（GBK、GB2312）"),
    "utf-16": "UTF-16",
    "utf-16-le": gettext_lazy("UTF-16（小端，没有 BOM）"),
    "utf-16-be": gettext_lazy("UTF-16（大端，没有 BOM）"),
    XLSX: gettext_lazy("Excel 工作簿（.xlsx）"),
}
DELIMITERS = ",\t;"
_NOISE = gettext_lazy(
    "文件内容不是文字（像是图片、程序之类），不是读者的表格：请交 .xlsx 或“CSV UTF-8”文件。"
)
# A short list may well have a name with such characters; of noise they are a fifth.
_ODD = 0.1
# What many systems call .xls and Excel opens with a warning.
_PAGES = ("<html", "<!doctype", "<table", "<meta", "<?xml")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file is to be read; ``encoding`` is ``xlsx`` for a workbook."""

    encoding: str
    delimiter: str = ","


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that can't be read, why, and what stands there."""

    reason: str
    value: str = ""


Row = tuple[int, list[str] | Fault]


def shape_of(path: Path) -> Shape:
    """Find out how a file is to be read; its name is not asked."""
    with path.open("rb") as file:
        head = file.read(8192)
        if not head.strip(b"\xef\xbb\xbf\xff\xfe \r\n\t"):
            raise TableUnreadable(_("文件是空的。"))
        if head.startswith(b"PK\x03\x04"):
            packages.check(path)
            return Shape(XLSX, "")
        if head.startswith(b"\xd0\xcf\x11\xe0"):
            raise TableUnreadable(_of_old_office(file, head))
        if kind := foreign(head):
            raise TableUnreadable(packages.NO_TABLE % {"kind": _(kind)})
        encoding = _encoding(file, head)
        begin = head.decode(encoding, "ignore")
        if is_odd(begin, _ODD):
            raise TableUnreadable(str(_NOISE))
        if begin.lstrip("\ufeff \r\n\t").lower().startswith(_PAGES):
            raise TableUnreadable(
                _("这个文件其实是网页或 XML，请用 Excel 打开，另存为 .xlsx 或“CSV UTF-8”。")
            )
    with path.open(encoding=encoding, newline="") as text:
        first = text.readline(CHARACTERS)
    return Shape(encoding, max(DELIMITERS, key=first.count))


def _of_old_office(file: io.BufferedReader, head: bytes) -> str:
    """What is wrong with a compound file (MS-CFB); its directory says what it holds."""
    file.seek((int.from_bytes(head[48:52], "little") + 1) * 512)
    if "EncryptedPackage".encode("utf-16-le") in file.read(4096):
        return _("这个工作簿有密码，请取消密码、另存之后再导入。")
    return _("这是旧版的 Excel 或 Word 文件（.xls、.doc），请另存为 .xlsx 或“CSV UTF-8”。")


def rows(path: Path, shape: Shape) -> Iterator[Row]:
    """Every row with its number, from 1; empty ones are left out."""
    return workbooks.rows(path) if shape.encoding == XLSX else _csv_rows(path, shape)


def _encoding(file: io.BufferedReader, head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    # Addresses are ASCII: in UTF-16 every second octet of theirs is zero.
    if head[1:200:2].count(0) > 20:
        return "utf-16-le"
    if head[0:200:2].count(0) > 20:
        return "utf-16-be"
    for encoding in ("utf-8", "gb18030"):
        if _decodes(file, encoding):
            return encoding
    if is_odd(head.decode("ascii", "ignore"), _ODD):
        raise TableUnreadable(str(_NOISE))
    raise TableUnreadable(_("看不出文件的编码：请另存为“CSV UTF-8”再导入。"))


def _decodes(file: io.BufferedReader, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    try:
        while data := file.read(1 << 20):
            decoder.decode(data)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _csv_rows(path: Path, shape: Shape) -> Iterator[Row]:
    delimiter = shape.delimiter or ","
    with path.open(encoding=shape.encoding, newline="", errors="replace") as file:
        records = Records(file, delimiter)
        reader = csv.reader(records, delimiter=delimiter)
        number = 0
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield number, Fault(_("这一行读不出来：%(error)s") % {"error": error})
                continue
            if records.fault is not None:
                yield number, _unclosed(records.fault)
                records.fault = None
            elif any(cells):
                yield number, cells[: workbooks.COLUMNS]


def _unclosed(fault: Unclosed) -> Fault:
    reason = _(
        "文件第 %(line)s 行有一个引号没有合上，这一行没有导入，后面的照常；请补上或删去引号"
    ) % {"line": fault.line}
    return Fault(reason, fault.text.strip()[:CELL])
