"""The catcher's pages: the inbox, a message, and the frame that shows its HTML."""

from __future__ import annotations

import re
from email.message import EmailMessage

import pytest
from django.test import Client

from dongtai_mail.catcher.store import Caught, Store

HOSTILE = "<script>document.title='ran'</script>"


def caught(n: int = 1, subject: str = "主题", content: bytes = b"\r\n") -> Caught:
    address = f"reader{n}@example.test"
    return Caught(1_793_800_000 + n, "v+1@b.example.org", (address,), "From", subject, content)


def mail(html: str = "<p>正文</p>", **headers: str) -> bytes:
    message = EmailMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("纯文本正文")
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


def body(client: Client, path: str) -> str:
    response = client.get(f"/catcher/{path}")
    assert response.status_code == 200, path
    return response.content.decode()


@pytest.mark.parametrize("path", ["", "1/", "1/html", "1/source", "1/message.eml"])
def test_without_a_catcher_there_is_no_page(
    client: Client, store: Store, settings: object, path: str
) -> None:
    store.add([caught(content=mail())])
    settings.DONGTAI_CATCHER_DATABASE = ""
    assert client.get(f"/catcher/{path}").status_code == 404


def test_an_empty_inbox_says_what_to_do(client: Client, store: Store) -> None:
    assert "还没有邮件" in body(client, "")


@pytest.mark.parametrize(
    "path",
    ["", "?q=nobody", "?page=2", "1/", "1/text", "1/headers", "1/source", "1/attachments", "2/"],
)
def test_every_page_speaks_english_to_who_asks_for_it(
    client: Client, store: Store, path: str
) -> None:
    link = "<https://news.example.test/u/1>"
    store.add([caught(1, "Issue", mail("<p>Body</p>", List_Unsubscribe=link)), caught(2, "")])
    store.add(caught(n, "Issue") for n in range(3, 60))
    page = client.get(f"/catcher/{path}", headers={"accept-language": "en"})
    words = page.content.decode().replace("纯文本正文", "")
    assert page.status_code == 200
    assert 'lang="en"' in words
    assert re.findall(r"[\u3000-\u9fff]+", words) == []


def test_the_inbox_shows_the_newest_first_in_pages(client: Client, store: Store) -> None:
    store.add(caught(n) for n in range(1, 121))
    first, last = body(client, ""), body(client, "?page=3")
    assert first.index("reader120@") < first.index("reader119@")
    assert "共 120 封" in first
    assert first.count("<tr>") == 51
    assert last.count("<tr>") == 21
    assert "reader1@" in last
    assert 'rel="next"' not in last


@pytest.mark.parametrize("page", ["0", "-1", "99", "x", "٣", "9" * 40])
def test_an_odd_page_number_shows_a_page(client: Client, store: Store, page: str) -> None:
    store.add([caught()])
    assert "reader1@" in body(client, f"?page={page}")


@pytest.mark.parametrize(
    ("search", "found"),
    [("READER7@", [7]), ("双十一", [8]), ("100%", [9]), ("_", []), ("无此", []), ("' OR 1", [])],
)
def test_search_finds_recipients_and_subjects_literally(
    client: Client, store: Store, search: str, found: list[int]
) -> None:
    store.add([caught(7), caught(8, "“双十一”"), caught(9, "100%"), caught(10, "100")])
    response = client.get("/catcher/", {"q": search})
    shown = [n for n in range(7, 11) if f"reader{n}@" in response.content.decode()]
    assert shown == found


def test_a_message_page_names_envelope_size_and_headers(client: Client, store: Store) -> None:
    content = mail(Subject="双十一", To="Reader <reader1@example.test>", X_Odd="值")
    store.add([caught(subject="双十一", content=content)])
    page = body(client, "1/")
    assert "v+1@b.example.org" in page
    assert "Reader &lt;reader1@example.test&gt;" in page
    assert f"{len(content)} 字节" in page
    assert "纯文本正文" in body(client, "1/text")
    assert "值" in body(client, "1/headers")
    assert "multipart/alternative" in body(client, "1/source")


def test_a_device_width_is_one_of_three(client: Client, store: Store) -> None:
    store.add([caught(content=mail())])
    assert "width-375" in body(client, "1/?width=375")
    assert "width-640" in body(client, "1/?width=640")
    assert "width-full" in body(client, '1/?width="><script>')


def test_the_frame_and_its_document_are_both_sandboxed(client: Client, store: Store) -> None:
    store.add([caught(content=mail(HOSTILE))])
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in body(client, "1/")
    response = client.get("/catcher/1/html")
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox;")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert '<base target="_blank">' in response.content.decode()


def test_hostile_headers_and_text_are_shown_not_run(client: Client, store: Store) -> None:
    content = mail(Subject=HOSTILE, To=f"{HOSTILE} <a@x.test>").replace(b"=\n", b"")
    store.add([Caught(1.0, HOSTILE, (HOSTILE,), HOSTILE, HOSTILE, content)])
    for path in ("", "1/", "1/text", "1/headers", "1/source", "1/attachments"):
        response = client.get(f"/catcher/{path}")
        assert "<script" not in response.content.decode()
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_one_click_posts_to_the_address_in_the_mail(client: Client, store: Store) -> None:
    promise = {
        "List_Unsubscribe": "<http://127.0.0.1:8025/u/token>",
        "List_Unsubscribe_Post": "List-Unsubscribe=One-Click",
    }
    store.add([caught(content=mail(**promise)), caught(content=mail())])
    response = client.get("/catcher/1/")
    assert 'action="http://127.0.0.1:8025/u/token"' in response.content.decode()
    policy = response.headers["Content-Security-Policy"]
    assert policy.endswith("form-action 'self' http://127.0.0.1:8025")
    assert "一键退订" not in body(client, "2/")


def test_raw_mail_and_attachments_are_downloads(client: Client, store: Store) -> None:
    message = EmailMessage()
    message.set_content("x")
    message.add_attachment(HOSTILE, subtype="html", filename='a"b\\.html')
    content = message.as_bytes()
    store.add([caught(content=content)])
    raw = client.get("/catcher/1/message.eml")
    assert raw.content == content
    assert raw.headers["Content-Type"] == "message/rfc822"
    part = client.get("/catcher/1/attachments/1")
    assert part.headers["Content-Type"] == "application/octet-stream"
    assert part.headers["Content-Disposition"].startswith("attachment")
    assert part.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get("/catcher/1/attachments/2").status_code == 404


def test_a_text_only_message_says_so(client: Client, store: Store) -> None:
    store.add([caught(content=b"Subject: x\r\n\r\nnur Text\r\n")])
    assert "没有 HTML 部分" in body(client, "1/")
    assert client.get("/catcher/1/html").status_code == 404
    assert "nur Text" in body(client, "1/text")


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff" * 50, b"Subject\r\n: =?utf-8?q?=ff?=\r\n\r\n"]
)
def test_broken_messages_have_pages(client: Client, store: Store, content: bytes) -> None:
    store.add([caught(content=content)])
    for path in ("1/", "1/text", "1/headers", "1/source", "1/attachments"):
        body(client, path)


def test_an_unknown_message_is_not_found(client: Client, store: Store) -> None:
    for path in ("7/", "7/html", "7/message.eml", "99999999999999999999/"):
        assert client.get(f"/catcher/{path}").status_code == 404


def test_pages_only_show(client: Client, store: Store) -> None:
    assert client.post("/catcher/").status_code == 405
