"""Reading caught mail: decoding, and what a hostile message can't do."""

from __future__ import annotations

import time
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dongtai_mail.catcher.mail import Mail, framed, summary


def letter(**headers: str) -> bytes:
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return head.encode() + b"\r\nText\r\n"


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("plain", "plain"),
        ("=?utf-8?b?5r6c5riv?=\r\n =?utf-8?b?55S15ZWG?=", "澜港电商"),
        ("=?gb18030?b?wL242w==?=", "澜港"),
        ("生的八位字节", "生的八位字节"),
        ("=?no-such-charset?b?5r6c?=", "=?no-such-charset?b?5r6c?="),
        ("=?utf-8?b?a?=", "=?utf-8?b?a?="),
    ],
)
def test_a_subject_is_decoded_or_left_as_it_stands(raw: str, read: str) -> None:
    assert summary(letter(Subject=raw))[1] == read


def test_the_summary_reads_headers_only() -> None:
    assert summary(b"From: a@x.test\r\n\r\nSubject: in the body\r\n") == ("a@x.test", "")


def test_parts_are_found_and_decoded() -> None:
    message = EmailMessage()
    message.set_content("纯文本", charset="gb18030")
    message.add_alternative("<p>超文本</p>", subtype="html")
    message.add_attachment(b"\x00\x01", maintype="application", subtype="x", filename="数据.bin")
    mail = Mail(message.as_bytes())
    assert mail.text == "纯文本\n"
    assert mail.html == "<p>超文本</p>\n"
    (attachment,) = mail.attachments
    assert (attachment.name, attachment.content, attachment.size) == ("数据.bin", b"\x00\x01", 2)


@pytest.mark.parametrize(
    ("link", "post", "one_click"),
    [
        ("<mailto:u@x.test>, <https://x.test/u/1>", "List-Unsubscribe=One-Click", True),
        ("<https://x.test/u/1>,\r\n <mailto:u@x.test>", "List-Unsubscribe=One-Click", True),
        ("<https://x.test/u/1>", "something else", False),
        ("<mailto:u@x.test>", "List-Unsubscribe=One-Click", False),
        ("<javascript:alert(1)>", "List-Unsubscribe=One-Click", False),
        ("<https://[broken>", "List-Unsubscribe=One-Click", False),
        ("<https://x.test;script-src/u>", "List-Unsubscribe=One-Click", False),
        ("<https://x.test,y.test/u>", "List-Unsubscribe=One-Click", False),
    ],
)
def test_one_click_needs_a_web_address_and_a_promise(link: str, post: str, one_click: bool) -> None:
    mail = Mail(letter(List_Unsubscribe=link, List_Unsubscribe_Post=post))
    assert mail.one_click_link == ("https://x.test/u/1" if one_click else None)


def test_links_open_in_a_new_tab_and_anchors_stay_in_the_mail() -> None:
    page = framed('<!doctype html><html><head lang="zh"><title></title></head><a href="#s1">')
    assert '<head lang="zh"><base target="_blank"><title>' in page
    assert '<a target="_self" href="#s1">' in page


def test_a_page_without_head_keeps_its_doctype_first() -> None:
    assert framed("<!doctype html><p>x").startswith("<!doctype html><base")
    assert framed("<p>x").startswith("<base")


@pytest.mark.parametrize("charset", ["unicode_escape", "idna", "hex", "undefined", "no-such"])
def test_a_treacherous_charset_leaves_text_that_can_be_shown(charset: str) -> None:
    head = f"Subject: =?{charset}?q?a=5Cud800?=\r\nContent-Type: text/plain; charset={charset}"
    content = head.encode() + b"\r\n\r\na\\ud800"
    assert summary(content)[1].encode()
    assert str(Mail(content).text).encode()


def test_an_attachment_name_is_one_line() -> None:
    content = (
        b"Content-Type: application/x\r\n"
        b"Content-Disposition: attachment; filename*=utf-8''a%0d%0aSet-Cookie:b\r\n\r\nx"
    )
    (attachment,) = Mail(content).attachments
    assert attachment.name == "a  Set-Cookie:b"


def test_a_charset_with_a_nul_in_its_name_leaves_text_that_can_be_shown() -> None:
    assert Mail(b'Content-Type: text/html; charset="a\x00"\r\n\r\n<p>x</p>').html == "<p>x</p>"


def test_parts_in_parts_without_end_leave_the_headers() -> None:
    part = b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n"
    deep = b"".join(part % (level, level) for level in range(1_500))
    mail = Mail(b"Subject: deep\r\n" + deep)
    assert (mail.header("Subject"), mail.html, mail.attachments) == ("deep", None, [])


@pytest.mark.parametrize("tag", ["<head ", "<html ", "<!doctype "])
def test_tags_that_never_end_are_framed_in_proportion(tag: str) -> None:
    started = time.process_time()
    framed(tag * 200_000)
    assert time.process_time() - started < 2


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_any_octets_can_be_read(content: bytes) -> None:
    for prefix in (
        b"",
        b"Subject: =?",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
    ):
        mail = Mail(prefix + content)
        summary(prefix + content)
        read = (mail.headers, mail.html, mail.text, mail.attachments, mail.one_click_link)
        # Whatever is shown must be encodable: a lone surrogate would break the page.
        str(read[:3]).encode()
