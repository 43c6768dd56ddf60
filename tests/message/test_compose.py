"""Composed messages, parsed back and compared with what went in."""

import base64
import datetime
import email
import re
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dongtai_mail.message import address, header
from dongtai_mail.message.address import Address
from dongtai_mail.message.compose import ComposeError, Letterhead, Reader, Skeleton
from dongtai_mail.message.dkim import Signer, new_key

NOW = datetime.datetime(2025, 12, 1, 9, tzinfo=datetime.timezone(datetime.timedelta(hours=8)))
LETTERHEAD = Letterhead(
    from_name="电子商务动态",
    from_address="issue@news.example.com",
    subject="第 23 期：平台经济新规、跨境电商综试区扩围与农村物流体系建设进展",
    list_name="电子商务动态",
    list_id="dongtai.news.example.com",
    extra=(("Auto-Submitted", "auto-generated"), ("Feedback-ID", "23:dongtai")),
)
OUT, WEB = "@@OUT@@", "{{web}}"
HTML = (
    f'<p><a href="{WEB}">在浏览器中阅读</a></p>\n{"<p>新闻 𠮷</p>" * 900}<a href="{OUT}">退订</a>\n'
)
TEXT = f"在浏览器中阅读：{WEB}\r\n\r\n" + "正文一段。\n" * 500 + f"退订：{OUT}"


def link(path: str, size: int) -> str:
    return f"https://news.example.com/{path}/".ljust(size, "T")


def reader(**changes: object) -> Reader:
    values: dict[str, object] = {
        "address": address.parse("zhang.san@qq.com"),
        "name": "张三",
        "message_id": "<23.4711@news.example.com>",
        "links": (link("u", 61), link("w", 47)),
        "unsubscribe_url": link("u", 61),
        "unsubscribe_mailto": "mailto:unsubscribe+token@news.example.com?subject=unsubscribe",
    }
    return Reader(**{**values, **changes})


def skeleton(html: str = HTML, text: str = TEXT, letterhead: Letterhead = LETTERHEAD) -> Skeleton:
    return Skeleton(letterhead, html, text, (OUT, WEB), (61, 47), "=_dongtai_23")


def parsed(message: bytes) -> EmailMessage:
    read = email.message_from_bytes(message, policy=SMTP)
    assert isinstance(read, EmailMessage)
    assert not read.defects
    return read


def personal(part: str, links: tuple[str, ...]) -> str:
    return part.replace(OUT, links[0]).replace(WEB, links[1])


def slow_message(html: str, text: str, to: Reader, boundary: str) -> bytes:
    """Build the same message the plain way: substitute, encode everything, join."""
    fields = (
        header.mailbox("From", LETTERHEAD.from_name, LETTERHEAD.from_address),
        header.unstructured("Subject", LETTERHEAD.subject),
        header.mailbox("To", to.name, to.address.wire),
        header.field("Date", format_datetime(NOW)),
        header.field("Message-ID", to.message_id),
        f"List-Unsubscribe: <{to.unsubscribe_url}>,\r\n <{to.unsubscribe_mailto}>\r\n",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        header.list_id(LETTERHEAD.list_name, LETTERHEAD.list_id),
        *(header.field(name, value) for name, value in LETTERHEAD.extra),
        "MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n',
    )
    lines = "".join(fields) + "\r\n"
    for subtype, part in (("plain", text), ("html", html)):
        octets = "\r\n".join(re.split("\r\n|\r|\n", personal(part, to.links))).encode()
        lines += (
            f'--{boundary}\r\nContent-Type: text/{subtype}; charset="utf-8"\r\n'
            "Content-Transfer-Encoding: base64\r\n\r\n"
        )
        lines += base64.encodebytes(octets).decode().replace("\n", "\r\n")
    return f"{lines}--{boundary}--\r\n".encode()


def test_a_message_is_what_the_plain_way_gives() -> None:
    assert skeleton().message(reader(), (), NOW) == slow_message(
        HTML, TEXT, reader(), "=_dongtai_23"
    )


def test_several_at_once_are_the_same_as_one_after_the_other() -> None:
    built = skeleton()
    readers = [reader(), reader(name="李四"), reader(name=None)]
    signers = [Signer("news.example.com", kind[0], new_key(kind)) for kind in ("rsa", "ed25519")]
    found = built.pieces([built.draft(each, NOW) for each in readers], signers)
    alone = [built.message(each, signers, NOW) for each in readers]
    assert [b"".join(pieces) for pieces in found] == alone
    assert len(set(alone)) == len(readers)
    assert built.pieces([], signers) == []


filler = st.text(st.sampled_from("aé中𠮷<\r\n"), max_size=130)
pattern = st.lists(st.sampled_from([OUT, WEB]) | filler, max_size=8).map("".join)


@settings(max_examples=150)
@given(pattern, pattern)
def test_it_is_so_wherever_the_links_stand(html: str, text: str) -> None:
    html, text = html + OUT + WEB, WEB + OUT + text
    built = skeleton(html, text)
    message = built.message(reader(), (), NOW)
    assert message == slow_message(html, text, reader(), "=_dongtai_23")
    assert built.size == len(message.partition(b"\r\n\r\n")[2])


def test_a_parser_reads_both_parts_with_the_readers_links() -> None:
    to = reader()
    message = parsed(skeleton().message(to, (), NOW))
    plain, html = message.iter_parts()
    assert message.get_content_type() == "multipart/alternative"
    for part, source in ((plain, TEXT), (html, HTML)):
        assert part.get_content_charset() == "utf-8"
        read = part.get_content().replace("\r\n", "\n")
        assert read == personal(source, to.links).replace("\r\n", "\n")


def test_a_parser_reads_every_field() -> None:
    message = parsed(skeleton().message(reader(), (), NOW))
    (sender,), (to,) = message["From"].addresses, message["To"].addresses
    assert (sender.display_name, sender.addr_spec) == ("电子商务动态", "issue@news.example.com")
    assert (to.display_name, to.addr_spec) == ("张三", "zhang.san@qq.com")
    assert message["Subject"] == LETTERHEAD.subject
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == "<23.4711@news.example.com>"
    assert "<dongtai.news.example.com>" in message["List-Id"]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Unsubscribe"].split(", ") == [
        f"<{link('u', 61)}>",
        "<mailto:unsubscribe+token@news.example.com?subject=unsubscribe>",
    ]
    assert message["Auto-Submitted"] == "auto-generated"
    assert len(message.keys()) == len(set(message.keys())) == 12


def test_lines_are_short_and_seven_bit() -> None:
    message = skeleton("<p>" + "长" * 5000 + OUT + WEB, TEXT).message(reader(), (), NOW)
    assert message.isascii()
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert max(map(len, message.split(b"\r\n"))) <= 100


def test_a_chinese_local_part_stands_as_it_is_and_the_rest_stays_ascii() -> None:
    to = reader(address=address.parse("用户@例子.测试"))
    message = skeleton().message(to, (), NOW)
    assert "<用户@xn--fsqu00a.xn--0zwm56d>".encode() in message
    assert message.replace("用户".encode(), b"").isascii()


def test_a_reader_without_a_name_is_addressed_alone() -> None:
    assert b"\r\nTo: zhang.san@qq.com\r\n" in skeleton().message(reader(name=None), (), NOW)


def test_the_same_message_at_the_same_time_is_the_same_bytes() -> None:
    assert skeleton().message(reader(), (), NOW) == skeleton().message(reader(), (), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"links": (link("u", 61),)},
        {"links": (link("u", 60), link("w", 47))},
        {"links": (link("u", 60) + '"', link("w", 47))},
        {"links": (link("u", 60) + "é", link("w", 47))},
        {"links": (link("u", 60) + "&", link("w", 47))},
        {"links": ("javascript:".ljust(61, "x"), link("w", 47))},
        {"unsubscribe_url": "https://a.test/>,<https://b.test/"},
        {"unsubscribe_url": "https://a.test/\r\nBcc: x@y.test"},
        {"unsubscribe_mailto": "unsubscribe@a.test"},
        {"unsubscribe_mailto": "mailto:a@b.test>\r\nX: y"},
        {"message_id": "23@news.example.com"},
        {"message_id": "<23@news.example.com>\r\nX: y"},
        {"name": "张三\r\nBcc: x@y.test"},
        {"name": "张三\u2028"},
        {"address": Address("a\r\nBcc: x", "qq.com")},
    ],
)
def test_a_reader_is_refused_who_would_spoil_the_message(changes: dict[str, object]) -> None:
    with pytest.raises((ComposeError, header.HeaderError)):
        skeleton().message(reader(**changes), (), NOW)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ComposeError, match="time zone"):
        skeleton().message(reader(), (), NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("html", "text", "slots", "lengths", "boundary"),
    [
        ("no link", TEXT, (OUT, WEB), (61, 47), "b"),
        (HTML, "no link", (OUT, WEB), (61, 47), "b"),
        (HTML, TEXT, (OUT, WEB), (61,), "b"),
        (HTML, TEXT, (OUT, OUT), (61, 61), "b"),
        (HTML, TEXT, (OUT, ""), (61, 47), "b"),
        (HTML, TEXT, (OUT, WEB), (61, 0), "b"),
        (HTML + "\ud842", TEXT, (OUT, WEB), (61, 47), "b"),
        (HTML, TEXT, (OUT, WEB), (61, 47), 'b"\r\nX: y'),
    ],
)
def test_pieces_that_do_not_fit_are_refused_before_any_reader(
    html: str, text: str, slots: tuple[str, ...], lengths: tuple[int, ...], boundary: str
) -> None:
    with pytest.raises(ComposeError):
        Skeleton(LETTERHEAD, html, text, slots, lengths, boundary)


@pytest.mark.parametrize(
    "changes",
    [
        {"list_id": "no-domain"},
        {"list_id": "a.b>\r\nX: y"},
        {"from_address": "编辑@example.com"},
        {"from_address": "a@b.test\r\nX: y"},
        {"from_name": "编辑\nX: y"},
        {"subject": "第 23 期\r\nBcc: x@y.test"},
        {"extra": (("Subject", "again"),)},
        {"extra": (("X-A", "1"), ("x-a", "2"))},
        {"extra": (("X-A", "1\r\nX: y"),)},
        {"extra": (("X A", "1"),)},
    ],
)
def test_a_letterhead_is_refused_that_would_inject(changes: dict[str, object]) -> None:
    values = {name: getattr(LETTERHEAD, name) for name in LETTERHEAD.__slots__}
    with pytest.raises((ComposeError, header.HeaderError, address.AddressError)):
        skeleton(letterhead=Letterhead(**{**values, **changes}))


anything = st.text(st.characters(), max_size=60)


@given(name=anything, subject=anything)
def test_no_name_and_no_subject_adds_a_field(name: str, subject: str) -> None:
    values = {field: getattr(LETTERHEAD, field) for field in LETTERHEAD.__slots__}
    try:
        letterhead = Letterhead(**{**values, "subject": subject, "from_name": name})
        message = skeleton("short" + OUT + WEB, OUT + WEB, letterhead)
        built = message.message(reader(name=name), (), NOW)
    except header.HeaderError:
        return
    names = [line.partition(b":")[0] for line in built.partition(b"\r\n\r\n")[0].split(b"\r\n")]
    fields = [name for name in names if not name.startswith(b" ")]
    assert len(fields) == 12
    assert max(map(len, built.split(b"\r\n"))) <= 998


def test_a_message_without_personal_links_needs_no_slots() -> None:
    skeleton = Skeleton(LETTERHEAD, "<p>正文</p>", "正文", (), (), "=_plain")
    message = parsed(skeleton.message(reader(links=()), (), NOW))
    assert [part.get_content() for part in message.iter_parts()] == ["正文", "<p>正文</p>"]
