"""Header fields, read back by the standard library's parser."""

import re
from email.headerregistry import HeaderRegistry

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dongtai_mail.message import header
from dongtai_mail.message.header import HeaderError

LONG = "第 23 期《电子商务动态》：平台经济、跨境电商与数字贸易的新规则，𠮷野家与 𝒳 也在其中" * 3
NAMES = [
    "张三",
    "Jürgen Müller",
    "山田 太郎",
    "محمد",
    "ᠮᠣᠩᠭᠣᠯ",
    "🙂",
    "𠮷野家",
    "Ann (PR)",
    'a"b\\c',
]
printable = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=120
)


def unfolded(field: str) -> str:
    name, _, value = field.partition(": ")
    return str(HeaderRegistry()(name, value.replace("\r\n", "")))


def decoded_words(field: str) -> str:
    """Decode by RFC 2047 alone: white space between adjacent encoded words is nothing."""
    import base64

    value = field.partition(": ")[2].removesuffix("\r\n").replace("\r\n ", " ")
    value = re.sub(r"\?= =\?", "?==?", value)
    return re.sub(
        r"=\?utf-8\?b\?([A-Za-z0-9+/=]*)\?=", lambda m: base64.b64decode(m[1]).decode(), value
    )


def assert_well_formed(field: str) -> None:
    assert field.endswith("\r\n")
    lines = field.removesuffix("\r\n").split("\r\n")
    assert all(line.startswith(" ") and line.strip() for line in lines[1:])
    for line in lines:
        assert not set(line) & set("\r\n")
        if "=?utf-8?" in line:
            assert len(line) <= 76
            assert all(len(word) <= 75 for word in line.split())


@given(printable)
def test_a_subject_comes_out_as_it_went_in(text: str) -> None:
    field = header.unstructured("Subject", text)
    assert_well_formed(field)
    assert field.isascii()
    assert decoded_words(field) == text


@pytest.mark.parametrize("text", [LONG, "short", "plain words " * 20 + "end", "x" * 300, "a  b"])
def test_a_mail_client_reads_the_subject(text: str) -> None:
    field = header.unstructured("Subject", text)
    assert_well_formed(field)
    assert unfolded(field) == text


def test_ascii_stays_readable() -> None:
    assert header.unstructured("Subject", "Issue 23 is out") == "Subject: Issue 23 is out\r\n"
    assert header.mailbox("To", "Ann Lee", "a@b.test") == "To: Ann Lee <a@b.test>\r\n"
    assert header.mailbox("To", "Lee, Ann", "a@b.test") == 'To: "Lee, Ann" <a@b.test>\r\n'
    assert header.mailbox("To", None, "a@b.test") == "To: a@b.test\r\n"
    assert header.mailbox("To", "　", "a@b.test") == "To: a@b.test\r\n"


def test_text_that_looks_encoded_is_not_taken_for_it() -> None:
    field = header.unstructured("Subject", "=?utf-8?b?aGk=?=")
    assert unfolded(field) == "=?utf-8?b?aGk=?="


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_client_reads_the_display_name(name: str) -> None:
    field = header.mailbox("To", name, "reader@mail.example.com")
    assert_well_formed(field)
    parsed = HeaderRegistry()("To", field.partition(": ")[2].replace("\r\n", ""))
    (address,) = parsed.addresses
    assert (address.display_name, address.addr_spec) == (name, "reader@mail.example.com")


def test_a_long_display_name_is_whole_across_its_encoded_words() -> None:
    field = header.mailbox("To", "𠮷" * 40, "a@b.test")
    assert_well_formed(field)
    assert decoded_words(field) == "𠮷" * 40 + " <a@b.test>"


@given(printable)
def test_a_display_name_never_makes_a_second_recipient(name: str) -> None:
    field = header.mailbox("To", name, "reader@mail.example.com")
    assert_well_formed(field)
    parsed = HeaderRegistry()("To", field.partition(": ")[2].replace("\r\n", ""))
    assert [address.addr_spec for address in parsed.addresses] == ["reader@mail.example.com"]


@given(
    st.text(max_size=20), st.sampled_from("\r\n\0\x0b\x1b\x85\u2028\ud800"), st.text(max_size=20)
)
def test_line_ends_and_control_characters_are_refused(before: str, bad: str, after: str) -> None:
    text = before + bad + after
    for write in (header.unstructured, lambda n, t: header.mailbox(n, t, "a@b.test")):
        with pytest.raises(HeaderError, match="删去"):
            write("Subject", text)


@pytest.mark.parametrize("name", ["", "Bad Name", "X:", "X\r\nBcc", "主题", "x" * 51])
def test_a_field_name_is_refused_that_is_none(name: str) -> None:
    with pytest.raises(HeaderError, match="名称"):
        header.field(name, "text")


def test_a_list_is_known_by_its_identifier() -> None:
    assert header.list_id("", "news.example.com") == "List-Id: <news.example.com>\r\n"
    field = header.list_id("电子商务动态", "news.example.com")
    assert decoded_words(field) == "电子商务动态 <news.example.com>"
