"""Names that end up in the head of a mail."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from dongtai_mail.message.header import HeaderError, refuse_unseen
from dongtai_mail.validators import validate_line


@pytest.mark.parametrize("sign", ["\n", "\r", "\0", "\x1b", "\x85", "\u2028", "\u202e", "\u200f"])
def test_a_sign_that_nobody_sees_is_refused_with_its_place(sign: str) -> None:
    with pytest.raises(HeaderError, match=rf"第 3 个字符（U\+{ord(sign):04X}）"):
        refuse_unseen(f"样刊{sign}编辑部")
    with pytest.raises(ValidationError):
        validate_line(f"样刊{sign}")


@pytest.mark.parametrize("name", ["", "《样刊》 编辑部", "𠮷野家", "👩\u200d💻", "Ünïcode", "نشرة"])
def test_other_names_are_as_they_are(name: str) -> None:
    validate_line(name)
