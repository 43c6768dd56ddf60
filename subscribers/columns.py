"""Which column is what: guesses from headers in Chinese and English, and from the cells.

Owns: the fields that an import can fill. Promises: a guess names every column once; without a
header, the column of addresses is found by what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_lazy

from dongtai_mail.message.address import AddressError, as_typed

Columns = dict[str, int]

ADDRESS, NAME, ORGANISATION, LANGUAGE = "address", "name", "organisation", "language"
ATTRIBUTE = "attribute:"
FIELDS = {
    ADDRESS: gettext_lazy("邮箱"),
    NAME: gettext_lazy("姓名"),
    ORGANISATION: gettext_lazy("单位"),
    LANGUAGE: gettext_lazy("语言"),
}
_HEADERS: Mapping[str, str] = {
    ADDRESS: (
        "email e-mail mail emailaddress e-mailaddress address mailaddress 邮箱 电子邮箱 邮箱地址"
        " 电子邮箱地址 邮件 邮件地址 电子邮件 电子邮件地址 信箱 收件人 邮址 邮箱账号 联系邮箱"
        " email邮箱 电邮 電郵 電子郵件 電子郵箱 郵箱"
    ),
    NAME: ("name fullname username displayname contact 姓名 名字 称呼 联系人 联系人姓名 读者"),
    ORGANISATION: (
        "organisation organization company employer institution 单位 公司 机构 单位名称 公司名称"
        " 工作单位 所在单位 企业 企业名称 單位"
    ),
    LANGUAGE: "language lang locale 语言 語言",
}
_GUESSES = {header: field for field, names in _HEADERS.items() for header in names.split()}
_NAME_OF_ATTRIBUTE = re.compile(r"[\w .·()（）/-]{1,50}")


def header_at(head: Sequence[Sequence[str]]) -> int | None:
    """Which of the first rows names the columns; above it many a table has its own title.

    A row with an address in it is a person: what names the columns stands before.
    """
    people = (place for place, row in enumerate(head) if any(map(_is_address, row)))
    before = head[: next(people, len(head))]
    named = (place for place, row in enumerate(before) if ADDRESS in _named(row))
    return next(named, 0 if before else None)


def guess(header: Sequence[str], samples: Sequence[Sequence[str]]) -> Columns:
    """Every column that can be told, by its header or else by its cells."""
    columns = _named(header)
    if ADDRESS not in columns:
        width = max((len(row) for row in [header, *samples]), default=0)
        counts = [
            sum(_is_address(row[place]) for row in samples if place < len(row))
            for place in range(width)
        ]
        if any(counts):
            columns[ADDRESS] = counts.index(max(counts))
    return columns


def _named(header: Sequence[str]) -> Columns:
    columns: Columns = {}
    for place, cell in enumerate(header):
        field = _GUESSES.get(re.sub(r"[\s_:：*（）()-]+", "", cell).lower()) or _GUESSES.get(
            cell.strip().lower()
        )
        if field and field not in columns:
            columns[field] = place
    return columns


def attribute_name(header: str) -> str | None:
    """A header as the name of an attribute, or None where it can't be one."""
    name = header.strip()
    return name if _NAME_OF_ATTRIBUTE.fullmatch(name) else None


def _is_address(cell: str) -> bool:
    try:
        as_typed(cell)
    except AddressError:
        return False
    return True
