"""Addresses as people write them: one person, one key, whatever the spelling."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dongtai_mail.message import address
from dongtai_mail.message.address import Address, AddressError, as_typed, parse, provider


@pytest.mark.parametrize(
    ("written", "wire"),
    [
        ("Zhang.San@QQ.com", "Zhang.San@qq.com"),
        ("  a@b.test\u3000", "a@b.test"),
        ("zhang@例子.测试", "zhang@xn--fsqu00a.xn--0zwm56d"),
        ("zhang@XN--FSQU00A.xn--0zwm56d", "zhang@xn--fsqu00a.xn--0zwm56d"),
        ("用户@例子.测试", "用户@xn--fsqu00a.xn--0zwm56d"),
        ("ｚｈａｎｇ＠ｑｑ．ｃｏｍ", "zhang@qq.com"),
        ("zhang@例子。测试", "zhang@xn--fsqu00a.xn--0zwm56d"),
        ("Info@demo.invalid", "Info@demo.invalid"),
        ("o'neil/x=y@example.com", "o'neil/x=y@example.com"),
        ("a@sub.example", "a@sub.example"),
        ("10086@139.com", "10086@139.com"),
    ],
)
def test_an_address_goes_out_in_one_spelling(written: str, wire: str) -> None:
    assert parse(written).wire == wire


@pytest.mark.parametrize(
    "spellings",
    [
        ("Zhang@QQ.com", "zhang@qq.COM", "ＺＨＡＮＧ＠qq.com"),
        ("用户@例子.测试", "用户@xn--fsqu00a.XN--0ZWM56D", "用户＠例子。测试"),
        ("É@example.com", "é@example.com", "e\u0301@example.com"),
    ],
)
def test_spellings_of_one_address_share_a_key(spellings: tuple[str, ...]) -> None:
    assert len({parse(spelling).key for spelling in spellings}) == 1


def test_only_a_local_part_beyond_ascii_needs_smtputf8() -> None:
    assert parse("zhang@例子.测试").ascii
    assert not parse("用户@example.com").ascii


def test_people_see_the_domain_in_its_own_script() -> None:
    assert parse("zhang@xn--fsqu00a.xn--0zwm56d").display == "zhang@例子.测试"
    assert parse("zhang@qq.com").display == "zhang@qq.com"


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("", "名字@域名"),
        ("zhang.qq.com", "名字@域名"),
        ("@qq.com", "名字@域名"),
        ("zhang@", "名字@域名"),
        ("a@b@c.test", "多个 @"),
        ("@relay.test:a@b.test", "多个 @"),
        ("zhang san@qq.com", "空格"),
        ("a@[192.0.2.1]", "IP"),
        ("a@qq", "域名"),
        ("a@-qq.com", "域名"),
        ("a@qq..com", "域名"),
        ("a@localhost", "域名"),
        ("a@192.0.2.1", "域名"),
        ("a@xn--0.com", "域名"),
        ("a..b@qq.com", "@ 前面"),
        (".a@qq.com", "@ 前面"),
        ('"a b"@qq.com', "空格"),
        ('"a"@qq.com', "@ 前面"),
        ("张三<a@qq.com>", "尖括号"),
        ("张三 <a@qq.com>", "尖括号"),
        ("<a@qq.com>", "尖括号"),
        ("a@qq.com\r\nBcc: b@qq.com", "U+000D"),
        ("a@qq.com\n", "U+000A"),
        ("a\0@qq.com", "U+0000"),
        ("a\u202e@qq.com", "U+202E"),
        ("a\u200b@qq.com", "U+200B"),
        ("a\ud800@qq.com", "U+D800"),
        ("a" * 65 + "@qq.com", "64"),
        ("用" * 22 + "@qq.com", "64"),
        ("a@" + "b123456789." * 23 + "com", "254"),
        ("a" * 10_000, "254"),
        ("㎏" * 500 + "@qq.com", "254"),
    ],
)
def test_a_refusal_says_what_is_wrong(wrong: str, hint: str) -> None:
    with pytest.raises(AddressError, match=re.escape(hint)) as refusal:
        parse(wrong)
    assert not set(str(refusal.value)) & set("\r\n\0\u202e\ud800")


@pytest.mark.parametrize(
    "text",
    [
        "mailto:a@qq.com",
        "MAILTO： a@qq.com ",
        "a@qq.com;",
        "a@qq.com ；",
        " a@qq.com\u3000、",
        "a@qq.com",
    ],
)
def test_what_is_copied_along_with_an_address_is_taken_off(text: str) -> None:
    assert as_typed(text) == Address("a", "qq.com")


@pytest.mark.parametrize(
    ("text", "hint"), [("a@qq ；", "域名"), ("；", "名字@域名"), ("mailto:", "名字")]
)
def test_what_is_copied_along_is_not_what_is_wrong(text: str, hint: str) -> None:
    with pytest.raises(AddressError, match=hint):
        as_typed(text)


plain = st.from_regex(
    r"[A-Za-z0-9_+-]{1,8}(\.[A-Za-z0-9_+-]{1,8}){0,2}@([A-Za-z0-9-]{1,5}\.){1,3}[A-Za-z]{1,6}",
    fullmatch=True,
)


@given(plain | st.sampled_from(["a@b.local", "Info@x.ARPA", "a@ab--c.com", "a@b.onion"]))
def test_the_fast_way_accepts_nothing_that_the_validator_reads_otherwise(text: str) -> None:
    if address._PLAIN.fullmatch(text):
        assert parse(text) == address._parse_any(text)


@given(st.text(max_size=30) | st.tuples(st.text(max_size=20), st.text(max_size=20)).map("@".join))
def test_what_is_accepted_is_safe_and_stays_as_it_is(text: str) -> None:
    try:
        accepted = parse(text)
    except AddressError:
        return
    assert len(accepted.local.encode()) <= 64
    assert len(accepted.wire.encode()) <= 254
    assert accepted.wire.isprintable()
    assert not set(accepted.wire) & set(' <>,;:"()[]\\')
    assert accepted.domain == accepted.domain.lower()
    assert accepted.domain.isascii()
    assert parse(accepted.wire) == accepted
    assert parse(accepted.display) == accepted


def test_a_million_rows_do_not_wait_for_the_validator() -> None:
    rows = [f"reader.{number}@mail{number % 50}.example.com" for number in range(5_000)]
    start = time.process_time()
    keys = {parse(row).key for row in rows}
    assert len(keys) == 5_000
    assert time.process_time() - start < 0.2


@pytest.mark.parametrize(
    ("domain", "group"),
    [
        ("foxmail.com", "tencent"),
        ("vip.163.com", "netease"),
        ("googlemail.com", "gmail"),
        ("hotmail.co.uk", "microsoft"),
        ("me.com", "apple"),
        ("notqq.com", "notqq.com"),
        ("mail.example.com", "mail.example.com"),
    ],
)
def test_a_domain_belongs_to_who_receives_for_it(domain: str, group: str) -> None:
    assert provider(domain) == group


def test_every_domain_in_the_table_is_spelt_as_addresses_spell_it() -> None:
    for domain in address._PROVIDERS:
        assert parse(f"a@{domain}") == Address("a", domain)
